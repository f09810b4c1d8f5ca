"""Numbers beside those of the window before: what changed, and whether that may be chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from lomi_ops.db.reporting import Bin, Standing
from lomi_ops.domain.alike import BATCH, photos_for_one
from lomi_ops.domain.quality import difference, wilson
from lomi_ops.domain.report import Column, Table, Unit
from lomi_ops.domain.window import Window
from lomi_ops.ops.reports.asked import INTERVAL

CHANCE = Column("by_chance", "by chance")
_CHANCE_NOTE = "by chance: whether a share could differ so much from the one before by chance (95 %)"
_POINTS_NOTE = "points: hundredths by which a rate changed; an interval with 0 in it may be chance"
_ALIKE = "photos of a batch are alike, which intervals and `by chance` take into account"


class Parts:
    """Photos in the parts of a window, by what they are counted as: how much less they tell than independent ones."""

    def __init__(self, rows: Iterable[Bin | Standing], *statuses: str) -> None:
        """Of these statuses, or of all without any; the oldest part first. `Standing` names no time, so that nothing
        shows."""
        self._photos: list[int] = []
        self._hits: dict[tuple[str, str | None], dict[int, int]] = {}
        last = None
        for row in rows:
            if not isinstance(row, Bin) or (statuses and row.status not in statuses):
                continue
            if row.at != last:
                last = row.at
                self._photos.append(0)
            self._photos[-1] += row.photos
            hits, place = self._hits.setdefault((row.status, row.reason or None), {}), len(self._photos) - 1
            hits[place] = hits.get(place, 0) + row.photos

    def of_status(self, status: str, otherwise: float = BATCH) -> float:
        """Photos that tell as much as one independent one, about the share of a status; `otherwise` where that does
        not show."""
        return self._for_one((at for (found, _), at in self._hits.items() if found == status), otherwise)

    def of_reason(self, reason: str | None, otherwise: float, status: str | None = None) -> float:
        """The same of the share of a reason, or of none, in any status or in one."""
        found = (at for (its, why), at in self._hits.items() if why == reason and status in (None, its))
        return self._for_one(found, otherwise)

    def _for_one(self, hits: Iterable[Mapping[int, int]], otherwise: float) -> float:
        mine: Counter[int] = Counter()
        for each in hits:
            mine.update(each)
        return photos_for_one([(photos, mine.get(at, 0)) for at, photos in enumerate(self._photos)], otherwise)


def certainty(
    name: str, found: Mapping[str, float | None], many: int, many_before: int, for_one: float
) -> dict[str, float | None]:
    """How sure a rate is, and how far it lies from the one before, in parts of one, where `for_one` photos tell as much
    as one independent one."""
    rate, before = found[name], found[f"{name}_before"]
    low, high = wilson(rate, many / for_one) if rate is not None else (None, None)
    points = least = most = None
    if rate is not None and before is not None:
        points = rate - before
        least, most = difference(rate, many / for_one, before, many_before / for_one)
    return {
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_points": points,
        f"{name}_points_low": least,
        f"{name}_points_high": most,
        f"{name}_photos_for_one": for_one if rate is not None else None,
    }


def by_chance(some: int, whole: int, some_before: int, whole_before: int, for_one: float) -> str | None:
    """Whether a share may differ from the one before by chance alone; None where there is nothing to set it beside."""
    if not whole or not whole_before:
        return None
    share, before = some / whole, some_before / whole_before
    low, high = difference(share, whole / for_one, before, whole_before / for_one)
    return "maybe" if low <= 0 <= high else "hardly"


def notes(window: Window, tables: Sequence[Table], figures: Mapping[str, float | None]) -> tuple[str, ...]:
    """What one must know to read these tables."""
    start, end = window.previous.start, window.previous.end
    before = f"before: {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, as long as this window"
    said = {column.name for table in tables for place, column in enumerate(table.columns)
            if any(row[place] is not None for row in table.rows)}  # fmt: skip
    return (
        before,
        *_alike(figures),
        *([_POINTS_NOTE] if "points" in said else []),
        *([_CHANCE_NOTE] if CHANCE.name in said else []),
    )


def _alike(figures: Mapping[str, float | None]) -> tuple[str, ...]:
    for_one = figures["rejection_rate_photos_for_one"]
    if for_one is None:
        return ()
    if for_one == BATCH:
        return (f"{_ALIKE}: how alike does not show in so few, so {BATCH} count as one",)
    told = "by how neighbouring hours differ" if for_one > 1 else "neighbouring hours show nothing of it"
    return (f"{_ALIKE}: {for_one:.1f} rejected or approved ones tell as much as 1 independent one, {told}",)


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
