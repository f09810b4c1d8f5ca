"""Panels of what stands how: workers, services, alerts, events. Pure."""

from __future__ import annotations

import shlex

from lomi_ops.domain import span
from lomi_ops.domain.alert_rules import missing_workers
from lomi_ops.domain.frame import AlertLine, WorkerLine
from lomi_ops.domain.measure import Source
from lomi_ops.domain.shown import shown
from lomi_ops.domain.traces import Key
from lomi_ops.tui.top.sheet import Cell, Column, Row, Sheet, Tone
from lomi_ops.tui.top.view import TONES, URGENCY, View, amount, why

_WORKER_TONES = {"silent": Tone.BAD, "failing": Tone.BAD, "quiet": Tone.WARN, "draining": Tone.WARN}
_BAD = ("firing", "acked", "pending")
_MORE = {"alert": "lomi alerts list", "worker": "lomi workers list", "queue": "lomi queue stats"}
"""What tells more of an event, by its kind."""
_CHECKED = {"compreface": "faces"}


def workers(view: View) -> Sheet:
    columns = (
        Column("worker"), Column("state"), Column("beat", right=True), Column("jobs", right=True),
        Column("done", right=True), Column("errors", right=True), Column("2 min", grows=True),
        Column("models", grows=True), Column("policy"), Column("version"),
    )  # fmt: skip
    if view.frame.workers is None:
        gone = tuple(_worker(each, view) for each in view.old_workers)
        return Sheet("Workers", columns, gone, why(view, Source.REDIS))
    there = tuple(_worker(each, view) for each in view.frame.workers)
    note = "" if there else "none is registered; old workers do not register: lomi workers list"
    if (missing := missing_workers(view.measured)) is not None and missing > 0:
        note = f"{missing:.0f} fewer than there should be"
    return Sheet("Workers", columns, there, note)


def services(view: View) -> Sheet:
    columns = (Column("service"), Column("answers"), Column("took", right=True), Column("age", right=True),
               Column("last 2 min", grows=True), Column("what it says", grows=True))  # fmt: skip
    rows = []
    for labels, up in view.measured.each("lomi_up"):
        name = labels["service"]
        took = ("lomi_probe_seconds", (("service", name),))
        age = view.measured.get("lomi_source_age_seconds", source=name)
        seconds = view.measured.get(*_plain(took)[:1], service=name)
        why = view.measured.silent.get(Source(name), "") if name in tuple(Source) else ""
        cells = (
            Cell(name), Cell("yes", Tone.GOOD) if up else Cell("no", Tone.BAD),
            Cell("" if seconds is None else f"{seconds * 1000:.0f} ms", order=seconds),
            Cell("" if age is None else span.said(age), Tone.WARN if why else Tone.DIM, order=age),
            Cell(line=tuple(view.traces.recent(took))), Cell(shown(why) or _aside(view, name)),
        )  # fmt: skip
        rows.append(Row(name, cells, {"service": name, "up": bool(up), "age_s": age, "why": why},
                        f"lomi check --only {_CHECKED.get(name, name)}"))  # fmt: skip
    return Sheet("Services", columns, tuple(rows))


def alerts(view: View) -> Sheet:
    columns = (
        Column("rule"), Column("state"), Column("now", right=True), Column("limit"), Column("for", right=True),
        Column("2 min", grows=True), Column("says", grows=True), Column("severity"),
    )  # fmt: skip
    lines = sorted(view.frame.alerts, key=lambda each: URGENCY.get(each.state, 9))
    return Sheet("Alerts", columns, tuple(_alert(each, view) for each in lines))


def events(view: View) -> Sheet:
    columns = (Column("time"), Column("kind"), Column("event", grows=True))
    rows = [
        Row(
            f"{each.at.isoformat()} {each.text}",
            (Cell(f"{each.at:%H:%M:%S}", Tone.DIM, order=each.at.timestamp()), Cell(each.kind),
             Cell(shown(each.text), Tone.BAD if each.grave else Tone.PLAIN)),
            {"at": each.at.isoformat(), "kind": each.kind, "text": each.text, "grave": each.grave},
            _MORE.get(each.kind, "lomi check"),
        )
        for each in reversed(view.events)
    ]  # fmt: skip
    return Sheet("Events", columns, tuple(rows), "" if rows else "nothing has happened since this view began")


def _worker(each: WorkerLine, view: View) -> Row:
    cells = (
        Cell(shown(each.name)), Cell(shown(each.state), _WORKER_TONES.get(each.state, Tone.GOOD)),
        Cell(span.said(each.beat_age_s), order=each.beat_age_s),
        Cell(f"{len(each.jobs)}/{each.slots}", order=len(each.jobs)),
        Cell(amount(each.done), order=each.done), Cell(amount(each.errors), order=each.errors),
        Cell(line=view.lines.finished(each.name)), Cell(shown(", ".join(each.models))), Cell(shown(each.policy)),
        Cell(shown(each.version)),
    )  # fmt: skip
    record = {name: getattr(each, name) for name in ("name", "state", "beat_age_s", "slots", "jobs", "done", "errors",
              "models", "policy", "version")}  # fmt: skip
    return Row(each.name, cells, record, f"lomi workers inspect {shlex.quote(each.name)}")


def _alert(each: AlertLine, view: View) -> Row:
    lasts = None if each.since is None else (view.frame.at - each.since).total_seconds()
    tone = TONES.get(each.state, Tone.PLAIN)
    cells = (
        Cell(each.rule), Cell(each.state, tone, order=float(URGENCY.get(each.state, 9))),
        Cell(each.reading, Tone.DIM if each.state == "stale" else Tone.PLAIN, order=each.value),
        Cell(each.limit, Tone.DIM),
        Cell("" if lasts is None else span.said(max(0.0, lasts)), order=lasts),
        Cell(line=view.lines.values(each.rule), tone=tone if each.state in _BAD else Tone.DIM), Cell(*_says(each)),
        Cell(each.severity),
    )  # fmt: skip
    record = {"rule": each.rule, "state": each.state, "severity": each.severity, "value": each.value,
              "limit": each.limit, "says": each.sentence, "by": each.by}  # fmt: skip
    return Row(each.rule, cells, record, each.command)


def _says(alert: AlertLine) -> tuple[str, Tone]:
    match alert.state:
        case "ok":
            return "", Tone.DIM
        case "unknown":
            return "its number has not been known yet", Tone.DIM
        case "unset":
            return "nothing is configured that it could be of", Tone.DIM
        case "stale":
            return "its number is not known" + (", this was the last" if alert.reading else ""), Tone.DIM
    by = f"{alert.by}: " if alert.by else ""
    return shown(by + alert.sentence), TONES.get(alert.state, Tone.PLAIN)


def _aside(view: View, service: str) -> str:
    """What else is known of a service that answers."""
    get = view.measured.get
    said = []
    if get("lomi_upstream_held", upstream=service):
        said.append("held: nothing is claimed until it answers")
    if get("lomi_upstream_limited", upstream=service):
        said.append("asks for fewer calls")
    if service == "redis" and (memory := get("lomi_redis_memory_bytes")) is not None:
        said.append(f"{memory / 1e6:,.0f} MB, {amount(get('lomi_redis_connections'))} clients")
    if service == "postgres" and (allowed := get("lomi_database_connections_allowed")) is not None:
        used = sum(value for _, value in view.measured.each("lomi_database_connections"))
        said.append(f"{used:.0f} of {allowed:.0f} connections")
    return "; ".join(said)


def _plain(key: Key) -> tuple[str, dict[str, str]]:
    return key[0], dict(key[1])
