"""How the photos of a window stand, and why, beside the window before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lomi_ops.db import reporting
from lomi_ops.db.reporting import Bin, Source, Standing
from lomi_ops.domain.alike import BATCH
from lomi_ops.domain.report import Chart, Column, Line, Report, Shape, Table, Unit, Value
from lomi_ops.domain.statistics import change, mean, ratio
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.domain.window import Window
from lomi_ops.ops.reports import beside
from lomi_ops.ops.reports.asked import (
    MANY,
    Asked,
    by_reason,
    counted,
    in_review,
    rejected_lines,
    slices_note,
    slices_of,
)

_SIDE = (Column("before", "before", Unit.COUNT), Column("change", "change", Unit.CHANGE))


def build(db: Source, asked: Asked) -> Report:
    told = reporting.soon(db, reporting.bins, asked.window, asked.stride_minutes)
    told_before = reporting.soon(db, reporting.standing, asked.window.previous)
    now, before = told(), told_before()
    slices = slices_of(asked.window, many=counted(now) > MANY)
    earlier = slices_of(asked.window.previous, many=counted(before) > MANY)
    took = [reporting.soon_in(db, reporting.processing, parts) for parts in (slices, earlier)]
    took_ms, took_ms_before = (mean(times()) for times in took)
    figures = figures_of(now, before) | {
        "processing_ms": took_ms,
        "processing_ms_before": took_ms_before,
        "processing_ms_change": change(took_ms, took_ms_before),
    }
    tables = (_standing(now, before), beside.rates(figures), _reasons(now, before, figures))
    grid = asked.grid
    uploads = Line("uploads", grid.summed((row.at, row.photos) for row in now))
    return Report(
        "summary",
        "Photos uploaded",
        asked.window,
        asked.zone_name,
        figures,
        tables,
        (
            Chart("uploads", f"uploads by {grid.named}", Unit.COUNT, grid.labels, (uploads,)),
            Chart("rejections", f"rejected, by reason and {grid.named}", Unit.COUNT, grid.labels,
                  rejected_lines(grid, now), Shape.STACK),
        ),
        (
            "photos count in the window of their upload, by how they stand now",
            *beside.notes(asked.window, tables, figures),
            *_sampled(slices, earlier),
        ),
        asked.gaps,
    )  # fmt: skip


def _sampled(slices: Sequence[Window], earlier: Sequence[Window]) -> tuple[str, ...]:
    """Either window may have too many photos, or both; the spans of both are as long."""
    parts = {"processing_ms": slices, "processing_ms_before": earlier}
    named = {name: each for name, each in parts.items() if len(each) > 1}
    return slices_note(" and ".join(named), next(iter(named.values()), ()))


def figures_of(now: Sequence[Bin | Standing], before: Sequence[Bin | Standing]) -> dict[str, float | None]:
    found: dict[str, float | None] = {"uploads": counted(now), "uploads_before": counted(before)}
    found["uploads_change"] = change(counted(now), counted(before))
    for status in MediaStatus:
        found[status.value] = counted(now, status)
    found["in_review"] = in_review(now)
    rate, rate_before = _rejection_rate(now), _rejection_rate(before)
    found |= {"rejection_rate": rate, "rejection_rate_before": rate_before}
    found["rejection_rate_change"] = change(rate, rate_before)
    found |= {"error_rate": _error_rate(now), "error_rate_before": _error_rate(before)}
    for_one = beside.Parts(now, *_JUDGED).of_status(MediaStatus.REJECTED)
    for name, statuses, alike in (
        ("rejection_rate", _JUDGED, for_one),
        ("error_rate", _DECIDED, beside.Parts(now, *_DECIDED).of_status(MediaStatus.FAILED, for_one)),
    ):
        found |= beside.certainty(name, found, counted(now, *statuses), counted(before, *statuses), alike)
    return found


_JUDGED = (MediaStatus.APPROVED, MediaStatus.REJECTED)
_DECIDED = (*_JUDGED, MediaStatus.FAILED)


def _rejection_rate(rows: Sequence[Bin | Standing]) -> float | None:
    """Among the approved and the rejected: a failed photo was not judged."""
    rejected = counted(rows, MediaStatus.REJECTED)
    return ratio(rejected, rejected + counted(rows, MediaStatus.APPROVED))


def _error_rate(rows: Sequence[Bin | Standing]) -> float | None:
    return ratio(counted(rows, MediaStatus.FAILED), counted(rows, *_DECIDED))


def _standing(now: Sequence[Bin], before: Sequence[Standing]) -> Table:
    total = counted(now)
    columns = (
        Column("status", ""),
        Column("photos", "photos", Unit.COUNT, bars=True),
        Column("share", "of uploads", Unit.SHARE),
        *_SIDE,
    )
    rows: list[tuple[Value, ...]] = [("uploads", total, None, counted(before), change(total, counted(before)))]
    for status in MediaStatus:
        mine, theirs = counted(now, status), counted(before, status)
        rows.append((status.value, mine, ratio(mine, total), theirs, change(mine, theirs)))
    review, review_before = in_review(now), in_review(before)
    rows.insert(2, ("  for a person", review, ratio(review, total), review_before, change(review, review_before)))
    return Table("standing", "How they stand", columns, tuple(rows))


def _reasons(now: Sequence[Bin], before: Sequence[Standing], figures: Mapping[str, float | None]) -> Table:
    mine, theirs = by_reason(now), by_reason(before)
    total = sum(mine.values())
    uploads, uploads_before = counted(now), counted(before)
    parts, otherwise = beside.Parts(now), figures["rejection_rate_photos_for_one"] or BATCH
    columns = (
        Column("reason", "reason"),
        Column("photos", "photos", Unit.COUNT, bars=True),
        Column("share", "of these", Unit.SHARE),
        *_SIDE,
        beside.CHANCE,
    )
    pairs = [(name, mine.get(name, 0), theirs.get(name, 0)) for name in dict.fromkeys([*mine, *theirs])]
    rows = tuple(
        (
            name,
            some,
            ratio(some, total),
            prior,
            change(some, prior),
            beside.by_chance(some, uploads, prior, uploads_before, parts.of_reason(name, otherwise)),
        )
        for name, some, prior in pairs
    )
    return Table("reasons", "Why: rejected, failed or with a person", columns, rows, "no photo has a reason")
