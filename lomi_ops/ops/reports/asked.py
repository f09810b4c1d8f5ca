"""What a report is asked for, and the parts that several of them share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from lomi_ops.db import reporting
from lomi_ops.db.reporting import Bin, Source, Standing
from lomi_ops.domain import span
from lomi_ops.domain.grid import WEEKDAYS, Grid, grid, stride_minutes, weekly
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.report import Chart, Column, Gap, Line, Shape, Table, Unit, Value
from lomi_ops.domain.statistics import Counted, spread
from lomi_ops.domain.verdict import NEEDS_REVIEW, MediaStatus
from lomi_ops.domain.window import Window
from lomi_ops.ops import unknowns

LOG = Gap(unknowns.LOG.what, unknowns.LOG.command)
MANY = 100_000
"""Photos: of more only parts are read where rows are wide."""
NO_REASON = "(no reason)"
_WHOLE = timedelta(days=1)
_FINE = ((timedelta(hours=3), 5), (timedelta(hours=12), 15))
"""Minutes of a part, in windows up to a length."""
_SLICES = 48
_READ = timedelta(hours=12)
"""All slices together: 25,000 photos where there are 50,000 a day."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a listing of the object store found."""

    objects: int
    bytes: int
    whole: bool
    """False where there are more than were listed."""


@dataclass(frozen=True, slots=True)
class Asked:
    window: Window
    zone: tzinfo
    """Of the labels."""
    zone_name: str
    logged: bool
    """Whether there is a decision log."""
    sampled: bool
    """Whether there is a place for samples."""
    policy: Policy
    """Whose thresholds are looked at."""
    received_until: datetime | None = None
    """Up to when a replica that lags shows what was written."""
    listed: Listed | None = None
    """Photos in the object store, where they were looked at."""
    at: datetime | None = None
    """By the server's clock."""

    @property
    def grid(self) -> Grid:
        return grid(self.window, self.zone)

    @property
    def stride_minutes(self) -> int:
        """Fine enough for some parts of a short window, too: how they differ says how alike photos are."""
        fine = next((minutes for upto, minutes in _FINE if self.window.length <= upto), 60)
        return min(fine, stride_minutes(self.window, self.zone))

    def slices(self, db: Source) -> tuple[Window, ...]:
        """For what needs wide rows: the window, or parts that stand for it where it has very many photos."""
        return slices_of(self.window, many=reporting.more_than(db, self.window, MANY))

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return () if self.logged else (LOG,)


def slices_of(window: Window, *, many: bool) -> tuple[Window, ...]:
    """Of `many` photos half a day in all, evenly spread; else the window as it is."""
    if not many or window.length <= _WHOLE:
        return (window,)
    step, width = window.length / _SLICES, _READ / _SLICES
    starts = [window.start + step * number for number in range(_SLICES)]
    return tuple(Window(start, start + width) for start in starts)


def batch_parts(db: Source, window: Window) -> tuple[Window, ...]:
    """The window, in which each batch counts once; of very many photos its halves, which are counted side by side."""
    return window.halves if reporting.more_than(db, window, MANY) else (window,)


def parts_note(parts: Sequence[Window]) -> tuple[str, ...]:
    """What one must know of batches that were counted in parts."""
    if len(parts) < 2:
        return ()
    return ("batches: counted in two halves; one whose photos lie more than an hour apart may count in both",)


def slices_note(what: str, slices: Sequence[Window]) -> tuple[str, ...]:
    if len(slices) < 2:
        return ()
    return (f"{what}: from {len(slices)} spans of {span.said(slices[0].length.total_seconds())}, evenly spread",)


def counted(rows: Iterable[Bin | Standing], *statuses: str) -> int:
    """Photos of these statuses; of all without any."""
    return sum(row.photos for row in rows if not statuses or row.status in statuses)


def by_reason(rows: Iterable[Bin | Standing], *statuses: str) -> dict[str, int]:
    """Photos of these statuses by reason, the most frequent first; of all without any."""
    found: dict[str, int] = {}
    for row in rows:
        if (not statuses or row.status in statuses) and row.reason:
            found[row.reason] = found.get(row.reason, 0) + row.photos
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def in_review(rows: Iterable[Bin | Standing]) -> int:
    return sum(row.photos for row in rows if row.status == MediaStatus.PENDING and row.reason == NEEDS_REVIEW)


def rejected_lines(grid: Grid, rows: Sequence[Bin]) -> tuple[Line, ...]:
    """One line for each reason, and one for rejections without any: they add up."""
    rejected = [row for row in rows if row.status == MediaStatus.REJECTED]
    names = [*by_reason(rejected), *([NO_REASON] if any(not row.reason for row in rejected) else [])]
    return tuple(
        Line(name, grid.summed((row.at, row.photos) for row in rejected if (row.reason or NO_REASON) == name))
        for name in names
    )


INTERVAL = (Column("low", "95 %", Unit.SHARE), Column("high", "to", Unit.SHARE))
SPREAD = (
    Column("number", "number", Unit.COUNT),
    Column("mean", "mean", Unit.MS),
    Column("p50", "p50", Unit.MS),
    Column("p95", "p95", Unit.MS),
    Column("p99", "p99", Unit.MS),
    Column("highest", "highest", Unit.MS),
)


def spread_columns(unit: Unit) -> tuple[Column, ...]:
    return tuple(each if each.unit is Unit.COUNT else Column(each.name, each.title, unit) for each in SPREAD)


def spread_cells(values: Counted) -> tuple[Value, ...]:
    found = spread(values)
    return found.number, found.mean, found.p50, found.p95, found.p99, found.highest


def sizes_table(name: str, title: str, what: str, sizes: Sequence[tuple[str, int]]) -> Table:
    """How many have so many photos."""
    columns = (Column("photos", "photos"), Column("number", what, Unit.COUNT, bars=True))
    return Table(name, title, columns, tuple(sizes) if any(many for _, many in sizes) else ())


def week_chart(title: str, parts: Iterable[tuple[datetime, float]], zone: tzinfo) -> Chart:
    """A line for each weekday, a label for each hour."""
    rows = zip(WEEKDAYS, weekly(parts, zone), strict=True)
    hours = tuple(f"{hour:02}" for hour in range(24))
    return Chart("week", title, Unit.COUNT, hours, tuple(Line(day, tuple(row)) for day, row in rows), Shape.HEAT)
