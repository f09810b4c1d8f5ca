"""What `lomi top --once` says on a terminal and in a pipe. Its tables are the panels of the live view."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.output import counted
from lomi_ops.domain.shown import shown

if TYPE_CHECKING:
    from datetime import datetime

    from lomi_ops.cli.top_once import Once
    from lomi_ops.domain.frame import AlertLine
    from lomi_ops.domain.measure import Measured
    from lomi_ops.queue.pulse import Pulse
    from lomi_ops.tui.top.sheet import Sheet

Rows = Iterator[tuple[str, str]]
_COLOURS = {"firing": "red", "pending": "yellow", "acked": "yellow"}
_TONES = {"warn": "yellow", "bad": "red", "good": "green", "dim": "dim"}
_ASIDE = frozenset({"version", "policy"})
"""Columns that a narrow terminal does without."""


def show(seen: Once) -> None:
    from lomi_ops.tui.top.numbers import decisions
    from lomi_ops.tui.top.states import services, workers
    from lomi_ops.tui.top.view import View

    view, profile = View(seen.frame), diagnostics.cluster()
    name = f"{profile}  " if profile else ""
    output.text(f"lomi  {name}{seen.measured.at:%Y-%m-%d %H:%M:%S} UTC  {_verdict(seen)}")
    rows = [*_queue(seen.pulse), *_photos(seen.measured), *_times(seen.measured)]
    if rows:
        output.text("")
        output.table(("what", "now"), rows)
    for sheet in (workers(view), decisions(view), services(view)):
        _table(sheet)
    _show_alerts(seen)
    for unknown in seen.unknown:
        output.text(output.folded(f"{unknown.what}: {unknown.command}", 2))


def _verdict(seen: Once) -> str:
    """As the banner of the live view."""
    states = [each.state for each in seen.frame.alerts]
    said = [f"{number} {state}" for state in ("firing", "acked", "pending") if (number := states.count(state))]
    if silent := len(seen.measured.silent):
        said.append(f"{silent} silent")
    return ", ".join(said) or "all well"


def _queue(pulse: Pulse | None) -> Rows:
    from lomi_ops.cli.queue_flow import flow_rows, stopped_rows
    from lomi_ops.domain import span

    if pulse is None:
        return
    age_s = pulse.ages_s.get("ready")
    age = "" if age_s is None else f", next one {span.said(age_s)} old"
    apart = "".join(f", {number} {word}" for word in ("high", "bulk") if (number := getattr(pulse, word)))
    yield "queue", f"{pulse.waiting} waiting{age}{apart and f' (of them{apart[1:]})'}"
    yield "", f"{pulse.running} running, {pulse.delayed} delayed"
    yield "dead letters", f"{pulse.dead}{': lomi queue dead' if pulse.dead else ''}"
    yield "unheard results", str(pulse.unsent)
    if pulse.stuck:
        yield "stuck", f"{counted(pulse.stuck, 'job')}: lomi queue list state:running"
    if pulse.flow is not None:
        yield from flow_rows(pulse)
    yield from stopped_rows(pulse)


def _photos(measured: Measured) -> Rows:
    from lomi_ops.domain import span

    worker, person, never = (
        measured.get("lomi_photos_undecided", waits=whom) for whom in ("worker", "person", "never_queued")
    )
    if worker is not None and person is not None:
        lost = f"; {never:.0f} never queued: lomi reconcile" if never else ""
        yield "undecided", f"{worker:.0f} for a worker, {person:.0f} for a person{lost}"
    age_s = measured.get("lomi_review_oldest_age_seconds")
    if age_s is not None:
        yield "oldest review", f"{span.said(age_s)}: lomi review list"
    for window, what in (("1h", "last hour"), ("7d", "last 7 days")):
        decided = measured.get("lomi_decided_photos", window=window)
        ratio = measured.get("lomi_rejection_ratio", window=window)
        if decided:
            share = "" if ratio is None else f", {ratio * 100:.3g} % of them rejected"
            yield what, f"{counted(round(decided), 'photo')} decided{share}"


def _times(measured: Measured) -> Rows:
    from lomi_ops.domain.alert_rule import amount

    write = measured.get("lomi_database_write_p95_seconds", window="5m")
    if write is not None:
        yield "database writes", f"95 % within {amount(write, 's')}, over 5 min"
    failed = measured.get("lomi_batches_failed_ratio", window="5m")
    if failed:
        yield "batches", f"{failed * 100:.3g} % given up, over 5 min: lomi jobs history"
    work = measured.get("lomi_worker_seconds_per_1000_photos", window="1h")
    if work is not None:
        yield "worker time", f"{work:,.0f} s for 1,000 photos, over an hour"


def _table(sheet: Sheet) -> None:
    """Without spark lines: one look has none; and without what nobody knows."""
    output.text("")
    if sheet.note:
        output.text(output.folded(f"{sheet.title}: {sheet.note}", 2))
    narrow = output.narrow()
    kept = [
        index
        for index, column in enumerate(sheet.columns)
        if any(row.cells[index].text for row in sheet.rows) and not (narrow and column.name in _ASIDE)
    ]
    if not kept:
        return
    rows = [
        [output.painted(row.cells[index].text, _TONES.get(row.cells[index].tone, "")) for index in kept]
        for row in sheet.rows
    ]
    columns = [sheet.columns[index] for index in kept]
    right = [place for place, column in enumerate(columns) if column.right]
    prose = [place for place, column in enumerate(columns) if column.grows]
    output.table([column.name for column in columns], rows, right=right, prose=prose)


def _show_alerts(seen: Once) -> None:
    from lomi_ops.tui.top.view import URGENCY

    output.text("")
    known = sorted(seen.frame.alerts, key=lambda each: URGENCY.get(each.state, 9))
    for each in known:
        if each.state in _COLOURS:
            output.text(output.painted_text(f"{each.state:<8}", _COLOURS[each.state]) + _alert(each, seen.measured.at))
    stale = [each.rule for each in known if each.state in ("stale", "unknown")]
    if stale:
        output.text(output.folded(f"their numbers are not known: {', '.join(stale)}", 2))


def _alert(each: AlertLine, at: datetime) -> str:
    from lomi_ops.domain import span

    lasts = "" if each.since is None else f", for {span.said(max(0.0, (at - each.since).total_seconds()))}"
    by = f", {each.by}" if each.by else ""
    return output.folded(shown(f"{each.rule}: {each.sentence}{lasts}{by}. Next: {each.command}"), 8, first=8)
