"""How the photos of a window stand, and why, beside the window before."""

from __future__ import annotations

from collections.abc import Sequence

from lomi_ops.db import reporting
from lomi_ops.db.reporting import Bin, Source, Standing
from lomi_ops.domain.quality import difference, wilson
from lomi_ops.domain.report import Chart, Column, Line, Report, Shape, Table, Unit, Value
from lomi_ops.domain.statistics import change, mean, ratio
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.domain.window import Window
from lomi_ops.ops.reports.asked import (
    INTERVAL,
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
CHANCE = Column("by_chance", "by chance")
_CHANCE_NOTE = (
    "by chance: whether a share of photos that are independent of each other could differ so much from the one before "
    "(95 %); those of one user are alike, so `hardly` is less sure than that"
)
_POINTS_NOTE = "points: hundredths by which a rate changed; an interval with 0 in it may be chance"


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
    grid = asked.grid
    uploads = Line("uploads", grid.summed((row.at, row.photos) for row in now))
    return Report(
        "summary",
        "Photos uploaded",
        asked.window,
        asked.zone_name,
        figures,
        (_standing(now, before), rates(figures), _reasons(now, before)),
        (
            Chart("uploads", f"uploads by {grid.named}", Unit.COUNT, grid.labels, (uploads,)),
            Chart("rejections", f"rejected, by reason and {grid.named}", Unit.COUNT, grid.labels,
                  rejected_lines(grid, now), Shape.STACK),
        ),
        (
            "photos count in the window of their upload, by how they stand now",
            *beside_notes(asked.window),
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
    for name, statuses in (("rejection_rate", _JUDGED), ("error_rate", _DECIDED)):
        found |= _certainty(name, found, counted(now, *statuses), counted(before, *statuses))
    return found


_JUDGED = (MediaStatus.APPROVED, MediaStatus.REJECTED)
_DECIDED = (*_JUDGED, MediaStatus.FAILED)


def _certainty(name: str, found: dict[str, float | None], many: int, many_before: int) -> dict[str, float | None]:
    """How sure a rate is, and how far it lies from the one before, in parts of one."""
    rate, before = found[name], found[f"{name}_before"]
    low, high = wilson(rate, many) if rate is not None else (None, None)
    both = rate is not None and before is not None
    points = rate - before if rate is not None and before is not None else None
    least, most = difference(rate or 0, many, before or 0, many_before) if both else (None, None)
    return {
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_points": points,
        f"{name}_points_low": least,
        f"{name}_points_high": most,
    }


def by_chance(some: int, whole: int, some_before: int, whole_before: int) -> str | None:
    """Whether a share may differ from the one before by chance alone; None where there is nothing to set it beside."""
    if not whole or not whole_before:
        return None
    low, high = difference(some / whole, whole, some_before / whole_before, whole_before)
    return "maybe" if low <= 0 <= high else "hardly"


def beside_notes(window: Window) -> tuple[str, ...]:
    """What one must know of numbers beside those of the window before."""
    start, end = window.previous.start, window.previous.end
    before = f"before: {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, as long as this window"
    return before, _POINTS_NOTE, _CHANCE_NOTE


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


def _reasons(now: Sequence[Bin], before: Sequence[Standing]) -> Table:
    mine, theirs = by_reason(now), by_reason(before)
    total = sum(mine.values())
    uploads, uploads_before = counted(now), counted(before)
    columns = (
        Column("reason", "reason"),
        Column("photos", "photos", Unit.COUNT, bars=True),
        Column("share", "of these", Unit.SHARE),
        *_SIDE,
        CHANCE,
    )
    pairs = [(name, mine.get(name, 0), theirs.get(name, 0)) for name in dict.fromkeys([*mine, *theirs])]
    rows = tuple(
        (name, some, ratio(some, total), prior, change(some, prior), by_chance(some, uploads, prior, uploads_before))
        for name, some, prior in pairs
    )
    return Table("reasons", "Why: rejected, failed or with a person", columns, rows, "no photo has a reason")


def rates(figures: dict[str, float | None]) -> Table:
    columns = (
        Column("rate", ""),
        Column("now", "rate", Unit.SHARE),
        *INTERVAL,
        Column("before", "before", Unit.SHARE),
        Column("points", "points", Unit.POINTS),
        Column("points_low", "95 %", Unit.POINTS),
        Column("points_high", "to", Unit.POINTS),
    )
    ends = ("", "_low", "_high", "_before", "_points", "_points_low", "_points_high")
    rows = tuple(
        (title, *(figures[f"{name}{end}"] for end in ends))
        for name, title in (("rejection_rate", "rejected of the judged"), ("error_rate", "failed of the decided"))
    )
    return Table("rates", "Rates", columns, rows, "no photo was judged")
