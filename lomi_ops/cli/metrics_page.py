"""The numbers as a page for people: on a phone, at night, without scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from lomi_ops.cli import diagnostics
from lomi_ops.domain import span
from lomi_ops.domain.alert_rule import Judged, Rule
from lomi_ops.domain.alert_rules import missing_workers
from lomi_ops.domain.alert_severity import AlertSeverity
from lomi_ops.domain.measure import Measured
from lomi_ops.version import __version__

if TYPE_CHECKING:
    import jinja2

UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Row:
    what: str
    now: str
    bad: bool = False
    """Somebody should look."""


@dataclass(frozen=True, slots=True)
class Part:
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Wrong:
    """What an alert rule says of this moment, however long it has been so."""

    sentence: str
    command: str
    critical: bool


def page(now: Measured, rules: Sequence[Rule]) -> str:
    profile = diagnostics.cluster()
    return _template().render(
        title=f"lomi: {profile}" if profile else "lomi",
        wrong=wrong(now, rules),
        silent=[(source.value, diagnostics.scrubbed(why)) for source, why in now.silent.items()],
        parts=[part for part in parts(now) if part.rows],
        at=f"{now.at:%Y-%m-%d %H:%M:%S}",
        version=__version__,
    )


def wrong(now: Measured, rules: Sequence[Rule]) -> list[Wrong]:
    """The critical first."""
    found = [
        Wrong(rule.said(judged.value), diagnostics.here(rule.command), rule.severity is AlertSeverity.CRITICAL)
        for rule in rules
        if (judged := rule.judge(now)).judged is Judged.BREACHED
    ]
    return sorted(found, key=lambda each: not each.critical)


def parts(now: Measured) -> tuple[Part, ...]:
    return (
        Part("Queue", tuple(_queue(now))),
        Part("Workers", tuple(_workers(now))),
        Part("Photos", tuple(_photos(now))),
        Part("Services", tuple(_services(now))),
    )


def _queue(now: Measured) -> Iterator[Row]:
    waiting = _sum(now.get("lomi_queue_jobs", state=state) for state in ("ready", "high", "bulk"))
    if waiting is None:
        yield Row("jobs", UNKNOWN, bad=True)
        return
    yield Row("wait", _number(waiting))
    age = now.get("lomi_queue_oldest_age_seconds")
    if age is not None:
        yield Row("the next one is", f"{span.said(age)} old")
    yield Row("run", _number(now.get("lomi_queue_jobs", state="running")))
    yield Row("wait for another try", _number(now.get("lomi_queue_jobs", state="delayed")))
    for what, name, labels in (
        ("stuck", "lomi_queue_stuck_jobs", {}),
        ("dead letters", "lomi_queue_jobs", {"state": "dead"}),
        ("results that nobody heard", "lomi_results_unheard", {}),
    ):
        value = now.get(name, **labels)
        yield Row(what, _number(value), bad=bool(value))
    if now.get("lomi_queue_paused"):
        yield Row("paused", "yes", bad=True)
    for labels, held in now.each("lomi_upstream_held"):
        if held:
            yield Row("no claims, since an upstream fails", labels["upstream"], bad=True)
    for labels, limited in now.each("lomi_upstream_limited"):
        if limited:
            yield Row("asks for fewer calls", labels["upstream"], bad=True)


def _workers(now: Measured) -> Iterator[Row]:
    states = {labels["state"]: value for labels, value in now.each("lomi_workers")}
    expected = now.get("lomi_workers_expected")
    for state, value in states.items():
        if value or state == "running":
            yield Row(state, _number(value), bad=state in ("silent", "failing"))
    if expected is not None:
        yield Row("expected", _number(expected), bad=(missing_workers(now) or 0) > 0)
    if not states and now.get("lomi_up", service="redis"):
        yield Row("old workers do not register", UNKNOWN)


def _photos(now: Measured) -> Iterator[Row]:
    for waits in ("worker", "person"):
        yield Row(f"wait for a {waits}", _number(now.get("lomi_photos_undecided", waits=waits)))
    if never := now.get("lomi_photos_undecided", waits="never_queued"):
        yield Row("never queued: lomi reconcile", _number(never), bad=True)
    age = now.get("lomi_review_oldest_age_seconds")
    if age is not None:
        yield Row("the oldest for a person is", f"{span.said(age)} old")
    for window, what in (("1h", "within an hour"), ("7d", "within a week")):
        decided = now.get("lomi_decided_photos", window=window)
        if decided is None:
            continue
        ratio = now.get("lomi_rejection_ratio", window=window)
        rejected = "" if ratio is None else f", {ratio:.0%} rejected"
        yield Row(f"decided {what}", f"{_number(decided)}{rejected}")
    write = now.get("lomi_database_write_p95_seconds", window="5m")
    if write is not None:
        yield Row("95 % of writes within", f"{write * 1000:.0f} ms")
    failed = now.get("lomi_batches_failed_ratio", window="5m")
    if failed is not None:
        yield Row("jobs given up, in 5 minutes", f"{failed:.0%}", bad=failed > 0)


def _services(now: Measured) -> Iterator[Row]:
    for labels, up in now.each("lomi_up"):
        service = labels["service"]
        probe = now.get("lomi_probe_seconds", service=service)
        took = "" if probe is None else f", {probe * 1000:.0f} ms"
        yield Row(service, f"answers{took}" if up else "does not answer", bad=not up)
    age = now.get("lomi_backup_age_seconds")
    if age is not None:
        yield Row("last backup", f"{span.said(age)} old")
    elif now.get("lomi_backup_found") == 0:
        yield Row("last backup", "there is none", bad=True)


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f}"


@cache
def _template() -> jinja2.Template:
    from lomi_ops import templating

    return templating.for_html("metrics").get_template("status.html.j2")
