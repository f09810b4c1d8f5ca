"""The panels: each a sheet made of one frame and the minutes before it. Pure."""

from __future__ import annotations

import shlex
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lomi_ops.domain import span
from lomi_ops.domain.frame import AlertLine, Event, Frame, WorkerLine, series
from lomi_ops.domain.measure import Measured, Source
from lomi_ops.domain.shown import shown
from lomi_ops.domain.traces import Key, Traces
from lomi_ops.tui.top.sheet import Cell, Column, Row, Sheet, Tone

EVENTS = 500
STATES = ("ready", "running", "delayed", "dead", "high", "bulk")
_SAID = {"dead": "dead letters", "high": "ready, high", "bulk": "ready, bulk"}
_TONES = {"firing": Tone.BAD, "acked": Tone.WARN, "pending": Tone.WARN, "stale": Tone.DIM, "ok": Tone.GOOD}
_URGENCY = {"firing": 0, "acked": 1, "pending": 2, "stale": 3, "ok": 4}
_WORKER_TONES = {"silent": Tone.BAD, "failing": Tone.BAD, "quiet": Tone.WARN, "draining": Tone.WARN}


@dataclass(frozen=True, slots=True)
class View:
    """What there is to show."""

    frame: Frame
    traces: Traces = field(default_factory=Traces)
    events: Sequence[Event] = field(default_factory=lambda: deque(maxlen=EVENTS))
    """The oldest first."""
    jobs: Sheet | None = None
    """The list of jobs is asked for only while somebody looks at it."""
    old: Mapping[Key, float] = field(default_factory=dict)
    """The last numbers of sources that are silent now."""
    old_workers: tuple[WorkerLine, ...] = ()

    @property
    def measured(self) -> Measured:
        return self.frame.measured

    def tone_of(self, *rules: str) -> Tone:
        """As the first of these rules that is not well; rules and screen never disagree."""
        standing = [
            each for each in self.frame.alerts if each.rule in rules and each.state in ("firing", "acked", "pending")
        ]
        return _TONES[min(standing, key=lambda each: _URGENCY[each.state]).state] if standing else Tone.PLAIN


def queue(view: View) -> Sheet:
    rows = [
        _number(view, _SAID.get(state, state), ("lomi_queue_jobs", (("state", state),)), _jobs_command(state),
                rules=("dead_letters",) if state == "dead" else ("queue_backlog",) if state == "ready" else ())
        for state in STATES
    ]  # fmt: skip
    rows += [
        _number(view, "oldest waits", ("lomi_queue_oldest_age_seconds", ()), "lomi queue list state:ready", unit="s"),
        _number(view, "stuck", ("lomi_queue_stuck_jobs", ()), "lomi queue list state:running", rules=("jobs_stuck",)),
        _number(view, "unheard results", ("lomi_results_unheard", ()), "lomi queue stats", rules=("results_unheard",)),
        _rate(view, "taken", ("lomi_claims_total", ()), "lomi queue stats"),
        *(
            _rate(view, event, ("lomi_job_events_total", (("event", event),)), "lomi queue stats")
            for event in ("finished", "retried", "postponed", "buried")
        ),
        *(
            _number(view, f"photos for {whom}", ("lomi_photos_undecided", (("waits", waits),)), command,
                    rules=("photos_pending",) if waits == "worker" else ())
            for waits, whom, command in (
                ("worker", "a worker", "lomi doctor"), ("person", "a person", "lomi review list"),
                ("never_queued", "nobody", "lomi reconcile"),
            )
        ),
    ]  # fmt: skip
    known = [row for row in rows if row.record.get("now") is not None]
    note = _why(view, Source.REDIS)
    if view.measured.get("lomi_queue_paused"):
        note = "PAUSED: nothing is taken. " + note
    return Sheet("Queue", _MEASURED, tuple(known), note.strip())


def workers(view: View) -> Sheet:
    columns = (
        Column("worker"), Column("state"), Column("beat", right=True), Column("jobs", right=True),
        Column("done", right=True), Column("errors", right=True), Column("version"), Column("policy"),
        Column("models", grows=True),
    )  # fmt: skip
    if view.frame.workers is None:
        gone = tuple(_worker(each) for each in view.old_workers)
        return Sheet("Workers", columns, gone, _why(view, Source.REDIS))
    there = tuple(_worker(each) for each in view.frame.workers)
    note = "" if there else "none is registered; old workers do not register: lomi workers list"
    expected = view.measured.get("lomi_workers_expected")
    if expected is not None and len(there) < expected:
        note = f"{expected:.0f} should be there"
    return Sheet("Workers", columns, there, note)


def decisions(view: View) -> Sheet:
    columns = (Column("decided"), Column("by"), Column("last hour", right=True), Column("share", right=True),
               Column("last hour", grows=True))  # fmt: skip
    found = [
        (labels, value)
        for labels, value in view.measured.each("lomi_decisions")
        if labels.get("window") == "1h" and value > 0
    ]
    total = sum(value for _, value in found)
    rows = []
    for labels, value in sorted(found, key=lambda each: -each[1]):
        said = labels["status"] + (f": {labels['reason']}" if labels["reason"] else "")
        key = ("lomi_decisions", tuple(sorted(labels.items())))
        cells = (
            Cell(said, _DECIDED.get(labels["status"], Tone.PLAIN)), Cell(labels["actor"]),
            Cell(f"{value:,.0f}", order=value), Cell(f"{value / total:.0%}", order=value),
            Cell(line=tuple(view.traces.minutes(key))),
        )  # fmt: skip
        command = "lomi audit list --since 1h" if labels["actor"] == "person" else "lomi report summary --window today"
        rows.append(Row(series(key), cells, dict(labels) | {"now": value}, command))
    return Sheet(
        "Decided", columns, tuple(rows), _why(view, Source.POSTGRES) or ("" if rows else "none in the last hour")
    )


def latency(view: View) -> Sheet:
    rows = [
        _number(view, "queue, oldest", ("lomi_queue_oldest_age_seconds", ()), "lomi queue list state:ready", unit="s"),
        _number(view, "database write p95", ("lomi_database_write_p95_seconds", (("window", "5m"),)),
                "lomi check --only postgres", unit="s", rules=("database_slow",)),
        *(
            _number(view, f"ask {labels['service']}", ("lomi_probe_seconds", tuple(sorted(labels.items()))),
                    "lomi check", unit="s")
            for labels, _ in view.measured.each("lomi_probe_seconds")
        ),
        *(
            _number(view, f"{labels.get('engine', said)} p{float(labels['quantile']) * 100:g}",
                    (name, tuple(sorted(labels.items()))), "lomi metrics print", unit="s")
            for name, said in _TIMED.items()
            for labels, _ in view.measured.each(name)
            if "quantile" in labels
        ),
    ]  # fmt: skip
    return Sheet("Latency", _MEASURED, tuple(row for row in rows if row.record.get("now") is not None))


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
        Column("rule"),
        Column("state"),
        Column("for", right=True),
        Column("severity"),
        Column("says", grows=True),
    )
    lines = sorted(view.frame.alerts, key=lambda each: _URGENCY.get(each.state, 9))
    return Sheet("Alerts", columns, tuple(_alert(each, view.frame.at) for each in lines))


def events(view: View) -> Sheet:
    columns = (Column("time"), Column("kind"), Column("event", grows=True))
    rows = [
        Row(
            f"{each.at.isoformat()} {each.text}",
            (Cell(f"{each.at:%H:%M:%S}", Tone.DIM, order=each.at.timestamp()), Cell(each.kind),
             Cell(shown(each.text), Tone.BAD if each.grave else Tone.PLAIN)),
            {"at": each.at.isoformat(), "kind": each.kind, "text": each.text, "grave": each.grave},
        )
        for each in reversed(view.events)
    ]  # fmt: skip
    return Sheet("Events", columns, tuple(rows), "" if rows else "nothing has happened since this view began")


def jobs(view: View) -> Sheet:
    return view.jobs or Sheet("Jobs", (Column("job", grows=True),), (), "is looked up")


PANELS: tuple[Callable[[View], Sheet], ...] = (queue, workers, decisions, latency, services, alerts, events, jobs)
"""In the order of their keys, 1 to 8."""
TITLES = ("Queue", "Workers", "Decided", "Latency", "Services", "Alerts", "Events", "Jobs")
STRIP: tuple[tuple[str, Key, str], ...] = (
    ("waiting", ("lomi_queue_jobs", (("state", "ready"),)), ""),
    ("running", ("lomi_queue_jobs", (("state", "running"),)), ""),
    ("oldest", ("lomi_queue_oldest_age_seconds", ()), "s"),
    ("rejected", ("lomi_rejection_ratio", (("window", "1h"),)), "%"),
)
"""The last sixty minutes, whatever panel is open."""
_MEASURED = (
    Column("what"),
    Column("now", right=True),
    Column("last 2 min", grows=True),
    Column("hour's peak", right=True),
)
_DECIDED = {"approved": Tone.GOOD, "rejected": Tone.WARN, "failed": Tone.BAD}
_CHECKED = {"compreface": "faces"}
_TIMED = {
    "lomi_job_wait_seconds": "wait for a worker",
    "lomi_job_seconds": "job",
    "lomi_object_read_seconds": "read object",
    "lomi_engine_seconds": "engine",
    "lomi_database_write_seconds": "write decisions",
}
"""What workers time, in the order of a job's way; the last five minutes of it."""


def amount(value: float | None, unit: str = "") -> str:
    """A number as it stands in a table."""
    if value is None:
        return ""
    if unit == "s":
        return f"{value * 1000:.0f} ms" if 0 < value < 1 else span.said(value)
    if unit == "%":
        return f"{value:.0%}"
    if unit == "/s":
        return f"{value:.1f}/s" if value < 100 else f"{value:,.0f}/s"
    return f"{value:,.0f}"


def _number(view: View, name: str, key: Key, command: str, *, unit: str = "", rules: tuple[str, ...] = ()) -> Row:
    value = view.measured.values.get(key, view.old.get(key))
    return _row(view, name, key, value, view.traces.recent(key), command, unit, rules)


def _rate(view: View, name: str, key: Key, command: str) -> Row:
    line = view.traces.rate(key)
    value = (
        None if key not in view.measured.values else next((each for each in reversed(line) if each is not None), None)
    )
    return _row(view, name, key, value, line, command, "/s", ())


def _row(
    view: View, name: str, key: Key, value: float | None, line: Sequence[float | None], command: str, unit: str,
    rules: tuple[str, ...],
) -> Row:  # fmt: skip
    tone = view.tone_of(*rules) if key in view.measured.values else Tone.DIM
    peak = None if unit == "/s" else max((each for each in view.traces.minutes(key) if each is not None), default=None)
    cells = (Cell(name), Cell(amount(value, unit), tone, order=value), Cell(line=tuple(line), tone=tone),
             Cell(amount(peak, unit), Tone.DIM, order=peak))  # fmt: skip
    return Row(name, cells, {"what": name, "measure": series(key), "now": value, "peak": peak}, command)


def _worker(each: WorkerLine) -> Row:
    cells = (
        Cell(shown(each.name)), Cell(shown(each.state), _WORKER_TONES.get(each.state, Tone.GOOD)),
        Cell(span.said(each.beat_age_s), order=each.beat_age_s),
        Cell(f"{len(each.jobs)}/{each.slots}", order=len(each.jobs)),
        Cell(amount(each.done), order=each.done), Cell(amount(each.errors), order=each.errors),
        Cell(shown(each.version)), Cell(shown(each.policy)), Cell(shown(", ".join(each.models))),
    )  # fmt: skip
    record = {name: getattr(each, name) for name in ("name", "state", "beat_age_s", "slots", "jobs", "done", "errors",
              "models", "policy", "version")}  # fmt: skip
    return Row(each.name, cells, record, f"lomi workers inspect {shlex.quote(each.name)}")


def _alert(each: AlertLine, now: datetime) -> Row:
    lasts = None if each.since is None else (now - each.since).total_seconds()
    tone = _TONES.get(each.state, Tone.PLAIN)
    cells = (
        Cell(each.rule), Cell(each.state, tone, order=float(_URGENCY.get(each.state, 9))),
        Cell("" if lasts is None else span.said(max(0.0, lasts)), order=lasts), Cell(each.severity),
        Cell(*_says(each)),
    )  # fmt: skip
    record = {"rule": each.rule, "state": each.state, "severity": each.severity, "value": each.value,
              "says": each.sentence, "by": each.by}  # fmt: skip
    return Row(each.rule, cells, record, each.command)


def _says(alert: AlertLine) -> tuple[str, Tone]:
    match alert.state:
        case "ok":
            return ("" if alert.value is None else f"now {alert.value:,.6g}"), Tone.DIM
        case "stale":
            return "its number is not known" + ("" if alert.value is None else f", last {alert.value:,.6g}"), Tone.DIM
    by = f"{alert.by}: " if alert.by else ""
    return shown(by + alert.sentence), _TONES.get(alert.state, Tone.PLAIN)


def _why(view: View, source: Source) -> str:
    """Why a source's numbers are missing or old."""
    if source not in view.measured.silent:
        return ""
    age = view.measured.get("lomi_source_age_seconds", source=source.value)
    return "stale" + (f" {span.said(age)}" if age is not None else "") + f", {shown(view.measured.silent[source])}"


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


def _jobs_command(state: str) -> str:
    return (
        "lomi queue dead"
        if state == "dead"
        else f"lomi queue list state:{'ready' if state in ('high', 'bulk') else state}"
    )


def _plain(key: Key) -> tuple[str, dict[str, str]]:
    return key[0], dict(key[1])
