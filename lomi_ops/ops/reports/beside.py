"""Numbers beside those of the window before: what changed, and whether that may be chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lomi_ops.domain.quality import difference, wilson
from lomi_ops.domain.report import Column, Table, Unit
from lomi_ops.domain.window import Window
from lomi_ops.ops.reports.asked import INTERVAL

CHANCE = Column("by_chance", "by chance")
_CHANCE_NOTE = (
    "by chance: whether a share of photos that are independent of each other could differ so much from the one before "
    "(95 %); those of one user are alike, so `hardly` is less sure than that"
)
_POINTS_NOTE = "points: hundredths by which a rate changed; an interval with 0 in it may be chance"


def certainty(name: str, found: Mapping[str, float | None], many: int, many_before: int) -> dict[str, float | None]:
    """How sure a rate is, and how far it lies from the one before, in parts of one."""
    rate, before = found[name], found[f"{name}_before"]
    low, high = wilson(rate, many) if rate is not None else (None, None)
    points = least = most = None
    if rate is not None and before is not None:
        points = rate - before
        least, most = difference(rate, many, before, many_before)
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


def notes(window: Window, tables: Sequence[Table]) -> tuple[str, ...]:
    """What one must know to read these tables."""
    start, end = window.previous.start, window.previous.end
    before = f"before: {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, as long as this window"
    said = {column.name for table in tables for place, column in enumerate(table.columns)
            if any(row[place] is not None for row in table.rows)}  # fmt: skip
    return (
        before,
        *([_POINTS_NOTE] if "points" in said else []),
        *([_CHANCE_NOTE] if CHANCE.name in said else []),
    )


def rates(figures: Mapping[str, float | None]) -> Table:
    """The figures of `certainty` as rows."""
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
