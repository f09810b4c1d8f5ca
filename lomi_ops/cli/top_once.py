"""`lomi top --once`: one look, by the same readers as the live view, the metrics and the alerts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from lomi_ops.cli.top_eyes import Eyes
    from lomi_ops.domain.frame import AlertLine, Frame
    from lomi_ops.domain.measure import Measured
    from lomi_ops.errors import LomiError
    from lomi_ops.ops.unknowns import Unknown
    from lomi_ops.queue.pulse import Pulse


@dataclass(frozen=True, slots=True)
class Once:
    """What one look saw."""

    measured: Measured
    """As the exporter has it; the frame has it as the screen does."""
    frame: Frame
    pulse: Pulse | None
    """What Redis said beyond its numbers: who paused the queue, why an upstream is held. None where it is silent."""
    unknown: tuple[Unknown, ...]
    failures: tuple[LomiError, ...] = ()
    """Of single questions to a source that answered others."""


@dataclass(frozen=True, slots=True)
class Service:
    """How a service answered."""

    name: str
    up: bool
    took_s: float | None
    age_s: float | None
    """How old its numbers are; None where it never answered."""
    why: str
    """Why it is silent."""


def run(common: options.Common, format_: Format) -> int:
    from lomi_ops.cli import top_eyes, top_text

    with session.opened(common, "redis", "database") as runtime, ExitStack() as stack:
        seen = look(top_eyes.opened(stack, runtime))
    if format_ is Format.TEXT:
        top_text.show(seen)
    else:
        output.document(record(seen), schema="lomi.snapshot/v2", format_=format_)
    silent = seen.frame.measured.silent
    for source, why in silent.items():
        diagnostics.warn(f"{source} is silent: {why}")
    for failure in seen.failures:
        diagnostics.error(failure)
    return int(ExitCode.UNKNOWN if silent or seen.failures else ExitCode.OK)


def look(eyes: Eyes) -> Once:
    """One and no second one: what a second of a quiet cluster adds is nothing nearly always, and every script would
    wait for it. Rates are known from what workers note meanwhile."""
    from lomi_ops.domain.measure import Source
    from lomi_ops.ops.measuring.look import PATIENCE_S

    eyes.attention.known()  # is on its way meanwhile
    measured = eyes.measuring.tick(PATIENCE_S)
    frame = eyes.looking(lambda: eyes.attention.awaited(PATIENCE_S)).frame_of(measured)
    pulse = None if Source.REDIS in measured.silent else eyes.transport.pulse
    logged = Source.POSTGRES in measured.silent or eyes.record.logged
    failures = () if Source.POSTGRES in measured.silent else eyes.record.failures
    return Once(measured, frame, pulse, tuple(_unknown(pulse, logged=logged)), failures)


def _unknown(pulse: Pulse | None, *, logged: bool) -> Iterator[Unknown]:
    """What the sources that answered cannot know."""
    from lomi_ops.ops import unknowns

    if pulse is not None:
        yield from unknowns.of_workers(len(pulse.workers))
    if not logged:
        yield unknowns.LOG
    if pulse is not None and pulse.measured:
        yield unknowns.LATELY


def record(seen: Once) -> dict[str, Any]:
    """Numbers by their names, as `lomi metrics` has them, and what is no number."""
    measured, pulse = seen.measured, seen.pulse
    silent = {source.value: diagnostics.scrubbed(why) for source, why in measured.silent.items()}
    return {
        "at": measured.at.isoformat(timespec="seconds"),
        "queue": None if pulse is None else _queue(pulse),
        "workers": None if pulse is None else _workers(seen.frame, pulse),
        "pending": _pending(measured),
        "services": [_service(each, silent) for each in services(seen)],
        "alerts": [_alert(each) for each in seen.frame.alerts],
        "metrics": [
            {"name": name, "labels": dict(labels), "value": value}
            for (name, labels), value in sorted(measured.values.items())
        ],
        "unknown": [asdict(each) for each in seen.unknown],
        "silent": silent,
        "problems": [*silent.values(), *(diagnostics.scrubbed(each.message) for each in seen.failures)],
    }


def services(seen: Once) -> list[Service]:
    """Those that this cluster has."""
    get, silent = seen.measured.get, {source.value: why for source, why in seen.measured.silent.items()}
    return [
        Service(
            name, bool(up), get("lomi_probe_seconds", service=name), get("lomi_source_age_seconds", source=name),
            silent.get(name, ""),
        )
        for name, up in ((labels["service"], up) for labels, up in seen.measured.each("lomi_up"))
    ]  # fmt: skip


def _queue(pulse: Pulse) -> dict[str, Any]:
    from lomi_ops.queue.replies import QueueState

    names = (*(each.name for each in fields(QueueState)), "stuck", "ages_s")
    found = {name: getattr(pulse, name) for name in names}
    nested: dict[str, Any] = {name: [asdict(each) for each in found[name]] for name in ("holds", "rates")}
    for name in ("pause", "flow"):
        nested[name] = None if found[name] is None else asdict(found[name])
    return found | nested | {"workers": len(pulse.workers), "oldest_age_s": pulse.ages_s.get("ready"),
                             "drain_s": pulse.drain_s}  # fmt: skip


def _workers(frame: Frame, pulse: Pulse) -> list[dict[str, Any]]:
    states = [each.state for each in frame.workers or ()]
    return [
        {"name": each.info.name, "state": state} | asdict(each)
        for each, state in zip(pulse.workers, states, strict=True)
    ]


def _pending(measured: Measured) -> dict[str, float] | None:
    worker, person, never = (
        measured.get("lomi_photos_undecided", waits=whom) for whom in ("worker", "person", "never_queued")
    )
    if worker is None or person is None or never is None:
        return None
    return {"waiting": round(worker + never), "in_review": round(person), "never_queued": round(never)}


def _service(each: Service, silent: Mapping[str, str]) -> dict[str, Any]:
    return asdict(each) | {"why": silent.get(each.name, "")}


def _alert(each: AlertLine) -> dict[str, Any]:
    return {
        "rule": each.rule,
        "state": each.state,
        "severity": each.severity,
        "since": each.since,
        "value": each.value,
        "limit": each.limit,
        "says": each.sentence if each.state in ("firing", "acked", "pending") else "",
        "by": each.by,
        "next": diagnostics.here(each.command),
    }
