"""Panels of numbers: queue, latency, decisions. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lomi_ops.domain.frame import series
from lomi_ops.domain.measure import Source
from lomi_ops.domain.traces import Key
from lomi_ops.tui.top.sheet import Cell, Column, Row, Sheet, Tone
from lomi_ops.tui.top.view import View, amount, why

STATES = ("ready", "running", "delayed", "dead", "high", "bulk")
_SAID = {"dead": "dead letters", "high": "ready, high", "bulk": "ready, bulk"}
_MEASURED = (
    Column("what"),
    Column("now", right=True),
    Column("last 2 min", grows=True),
    Column("hour's peak", right=True),
)
_DECIDED = {"approved": Tone.GOOD, "rejected": Tone.WARN, "failed": Tone.BAD}
_TIMED = {
    "lomi_job_wait_seconds": "wait for a worker",
    "lomi_job_seconds": "job",
    "lomi_object_read_seconds": "read object",
    "lomi_engine_seconds": "engine",
    "lomi_database_write_seconds": "write decisions",
}
"""What workers time, in the order of a job's way; the last five minutes of it."""


def queue(view: View) -> Sheet:
    rows = [
        _number(view, _SAID.get(state, state), ("lomi_queue_jobs", (("state", state),)), _jobs_command(state))
        for state in STATES
    ]  # fmt: skip
    rows += [
        _number(view, "oldest waits", ("lomi_queue_oldest_age_seconds", ()), "lomi queue list state:ready", unit="s"),
        _number(view, "stuck", ("lomi_queue_stuck_jobs", ()), "lomi queue list state:running"),
        _number(view, "unheard results", ("lomi_results_unheard", ()), "lomi queue stats"),
        *(
            _number(view, f"{way}, 10 min", ("lomi_queue_jobs_per_minute", (("way", way),)), "lomi queue stats",
                    unit="/min")
            for way in ("in", "out")
        ),
        _rate(view, "taken", ("lomi_claims_total", ()), "lomi queue stats"),
        *(
            _rate(view, event, ("lomi_job_events_total", (("event", event),)), "lomi queue stats")
            for event in ("finished", "retried", "postponed", "buried")
        ),
        *(
            _number(view, f"photos for {whom}", ("lomi_photos_undecided", (("waits", waits),)), command)
            for waits, whom, command in (
                ("worker", "a worker", "lomi doctor"), ("person", "a person", "lomi review list"),
                ("never_queued", "nobody", "lomi reconcile"),
            )
        ),
    ]  # fmt: skip
    known = [row for row in rows if row.record.get("now") is not None]
    note = why(view, Source.REDIS)
    if view.measured.get("lomi_queue_paused"):
        note = "PAUSED: nothing is taken. " + note
    return Sheet("Queue", _MEASURED, tuple(known), note.strip())


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
    return Sheet("Decided", columns, tuple(rows), why(view, Source.POSTGRES) or ("" if rows else _undecided(view)))


def _undecided(view: View) -> str:
    """The log of decisions is what tells of them, and of jobs that ended."""
    logged = view.measured.get("lomi_batches_ended", window="5m") is not None
    return "none in the last hour" if logged else "there is no log of decisions: lomi migrate apply"


def latency(view: View) -> Sheet:
    rows = [
        _number(view, "queue, oldest", ("lomi_queue_oldest_age_seconds", ()), "lomi queue list state:ready", unit="s"),
        _number(view, "database write p95", ("lomi_database_write_p95_seconds", (("window", "5m"),)),
                "lomi check --only postgres", unit="s"),
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


def _number(view: View, name: str, key: Key, command: str, *, unit: str = "") -> Row:
    value = view.measured.values.get(key, view.old.get(key))
    return _row(view, name, key, value, view.traces.recent(key), command, unit)


def _rate(view: View, name: str, key: Key, command: str) -> Row:
    line = view.traces.rate(key)
    value = (
        None if key not in view.measured.values else next((each for each in reversed(line) if each is not None), None)
    )
    return _row(view, name, key, value, line, command, "/s")


def _row(
    view: View, name: str, key: Key, value: float | None, line: Sequence[float | None], command: str, unit: str
) -> Row:  # fmt: skip
    tone = view.tone_of(key) if key in view.measured.values else Tone.DIM
    peak = None if unit == "/s" else max((each for each in view.traces.minutes(key) if each is not None), default=None)
    cells = (Cell(name), Cell(amount(value, unit), tone, order=value), Cell(line=tuple(line), tone=tone),
             Cell(amount(peak, unit), Tone.DIM, order=peak))  # fmt: skip
    return Row(name, cells, {"what": name, "measure": series(key), "now": value, "peak": peak}, command)


def _jobs_command(state: str) -> str:
    if state == "dead":
        return "lomi queue dead"
    return f"lomi queue list state:{'ready' if state in ('high', 'bulk') else state}"
