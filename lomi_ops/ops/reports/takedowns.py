"""How long photos were live before they were rejected."""

from __future__ import annotations

from collections import defaultdict

from lomi_ops.db import reporting
from lomi_ops.db.reporting import Source
from lomi_ops.domain.report import Column, Report, Table, Unit, Value
from lomi_ops.domain.statistics import Counted, spread
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.ops.reports.asked import NO_REASON, Asked, spread_cells, spread_columns


def build(db: Source, asked: Asked) -> Report:
    told = reporting.soon(db, reporting.delays, asked.window, MediaStatus.REJECTED)
    rows = reporting.taken_down(db, asked.window) if asked.logged else []
    reasons: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for reason, seconds, photos in rows:
        reasons[reason or NO_REASON].append((seconds, photos))
    later = [each for times in reasons.values() for each in times]
    first = told()
    published, approved = spread(first), spread(later)
    return Report(
        "takedowns",
        "Time live before a rejection",
        asked.window,
        asked.zone_name,
        {
            "rejected": published.number,
            "upload_s_p50": published.p50,
            "upload_s_p95": published.p95,
            "taken_down": approved.number if asked.logged else None,
            "live_s_p50": approved.p50,
            "live_s_p95": approved.p95,
        },
        (_table(first, later, dict(sorted(reasons.items())), logged=asked.logged),),
        (),
        (
            "from upload: the time live only where the app shows photos before they are decided",
            "since approval: photos that people, or a run of lomi remoderate, rejected in the window after an approval",
        ),
        asked.gaps,
    )


def _table(first: Counted, later: Counted, reasons: dict[str, list[tuple[float, int]]], *, logged: bool) -> Table:
    columns = (Column("what", ""), *spread_columns(Unit.SECONDS))
    rows: list[tuple[Value, ...]] = [("from upload to the rejection that holds", *spread_cells(first))]
    if logged:
        rows.append(("since the approval", *spread_cells(later)))
        rows += [(f"  {reason}", *spread_cells(times)) for reason, times in reasons.items()]
    return Table("takedowns", "Time live", columns, tuple(rows))
