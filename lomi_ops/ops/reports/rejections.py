"""What was rejected, for what, when, and of how many users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lomi_ops.db import reporting
from lomi_ops.db.reporting import Bin, Source, Standing
from lomi_ops.domain.alike import BATCH
from lomi_ops.domain.quality import wilson
from lomi_ops.domain.report import Chart, Column, Line, Report, Shape, Table, Unit, Value
from lomi_ops.domain.review import REASONS
from lomi_ops.domain.statistics import change, grouped, ratio
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.ops.reports import beside
from lomi_ops.ops.reports.asked import (
    INTERVAL,
    NO_REASON,
    Asked,
    by_reason,
    counted,
    rejected_lines,
    sizes_table,
    week_chart,
)
from lomi_ops.ops.reports.summary import figures_of

_EDGES = (1, 2, 3, 5, 10, 30)


def build(db: Source, asked: Asked) -> Report:
    told = reporting.soon(db, reporting.bins, asked.window, asked.stride_minutes)
    told_users = reporting.soon(db, reporting.user_rejections, asked.window)
    before = reporting.soon(db, reporting.standing, asked.window.previous)()
    now, users = told(), told_users()
    figures = figures_of(now, before)
    reasons = by_reason(now, MediaStatus.REJECTED)
    for name, photos in (dict.fromkeys(REASONS, 0) | reasons).items():
        figures[f"rejected.{name}"] = photos
    figures["users_rejected"] = sum(many for _, many in users)
    rejected = [row for row in now if row.status == MediaStatus.REJECTED]
    tables = (
        beside.rates(figures),
        _reasons(now, before, figures),
        sizes_table("users", "Users, by how many of their photos were rejected", "users", grouped(users, _EDGES)),
    )
    grid = asked.grid
    judged = grid.summed((row.at, row.photos) for row in now if row.status in ("approved", "rejected"))
    refused = grid.summed((row.at, row.photos) for row in rejected)
    rate = Line("rejection rate", tuple(ratio(some, all_) for some, all_ in zip(refused, judged, strict=True)))
    return Report(
        "rejections",
        "Photos uploaded and rejected",
        asked.window,
        asked.zone_name,
        figures,
        tables,
        (
            Chart("rate", f"rejected of the judged, by {grid.named}", Unit.SHARE, grid.labels, (rate,)),
            Chart("reasons", f"rejected, by reason and {grid.named}", Unit.COUNT, grid.labels,
                  rejected_lines(grid, now), Shape.STACK),
            week_chart("rejected, by weekday and hour", [(row.at, row.photos) for row in rejected], asked.zone),
        ),
        beside.notes(asked.window, tables, figures),
        asked.gaps,
    )  # fmt: skip


def _reasons(now: Sequence[Bin], before: Sequence[Standing], figures: Mapping[str, float | None]) -> Table:
    """Photos without a reason have a row of their own, so that the rows add up."""
    rejected = MediaStatus.REJECTED
    mine, theirs = by_reason(now, rejected), by_reason(before, rejected)
    bare = counted(now, rejected) - sum(mine.values())
    bare_before = counted(before, rejected) - sum(theirs.values())
    total, total_before = (counted(rows, rejected, MediaStatus.APPROVED) for rows in (now, before))
    pairs = [(name, mine.get(name, 0), theirs.get(name, 0)) for name in dict.fromkeys([*mine, *theirs])]
    if bare or bare_before:
        pairs.append((NO_REASON, bare, bare_before))
    parts = beside.Parts(now, rejected, MediaStatus.APPROVED)
    otherwise = figures["rejection_rate_photos_for_one"] or BATCH

    def row(name: str, some: int, prior: int) -> tuple[Value, ...]:
        for_one = parts.of_reason(None if name is NO_REASON else name, otherwise, rejected)
        ends = wilson(some / total, total / for_one) if total else (None, None)
        chance = beside.by_chance(some, total, prior, total_before, for_one)
        return name, some, ratio(some, total), *ends, prior, change(some, prior), chance

    rows = tuple(row(*pair) for pair in pairs)
    columns = (
        Column("reason", "reason"),
        Column("photos", "photos", Unit.COUNT, bars=True),
        Column("share", "of the judged", Unit.SHARE),
        *INTERVAL,
        Column("before", "before", Unit.COUNT),
        Column("change", "change", Unit.CHANGE),
        beside.CHANCE,
    )
    return Table("reasons", "By reason", columns, rows, "no photo was rejected")
