"""A score band by band: what was decided there, what people changed, and of how many they say that they should go."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from lomi_ops.db.reporting import Band
from lomi_ops.domain.quality import Estimate, Stratum, combined
from lomi_ops.domain.report import Chart, Column, Line, Table, Unit, Value
from lomi_ops.domain.score import Limit, Scale
from lomi_ops.domain.simulation import Truth
from lomi_ops.domain.statistics import ratio
from lomi_ops.ops.reports.asked import INTERVAL

_LEAST = 1e-9
_AROUND = 2
"""Bands to either side of a threshold that people read one by one."""
TELLING = 10
"""Photos: a share of fewer jumps about."""


@dataclass(frozen=True, slots=True)
class Told:
    """What people said of photos that speak alike, and what was measured of these."""

    truth: Truth
    photos: int
    measured: Mapping[str, Sequence[float]]
    """By label."""


@dataclass(frozen=True, slots=True)
class Along:
    """What people said of photos along one score. There may be tens of thousands, and each band asks."""

    strata: Mapping[float, tuple[Sequence[float], Sequence[float]]]
    """By the probability of being judged, the scores of all and of those that people would reject, in order."""

    def rejecting(self, low: float, high: float) -> Estimate:
        """Of the photos in [low, high), the share that people would reject."""
        found = []
        for probability, scores in self.strata.items():
            judged, hits = (bisect_left(each, high) - bisect_left(each, low) for each in scores)
            if judged:
                found.append(Stratum(probability, judged, hits))
        return combined(found)


def along(label: str, told: Iterable[Told]) -> Along:
    found: dict[float, tuple[list[float], list[float]]] = {}
    for each in told:
        every, hits = found.setdefault(each.truth.probability, ([], []))
        every.extend(each.measured[label])
        if each.truth.reject:
            hits.extend(each.measured[label])
    return Along({probability: (sorted(every), sorted(hits)) for probability, (every, hits) in found.items()})


@dataclass(frozen=True, slots=True)
class Seen:
    """All that a window has to say about scores."""

    bands: Sequence[Band]
    counted: Mapping[datetime, Sequence[Band]]
    """The same by the start of each span that they were counted in."""
    part: float
    """Of the window that bands were counted in; all else is of the whole."""
    changed: Mapping[str, Sequence[float]] | None
    """By label, what was measured of photos that people changed, in order; None where nobody notes that."""
    judged: Mapping[str, Along] | None
    """By label, what people said; None where there is no place for samples."""

    def changes(self, scale: Scale, low: float, high: float) -> int | None:
        """How many people changed in [low, high)."""
        if self.changed is None:
            return None
        values = self.changed[scale.label]
        return bisect_left(values, high) - bisect_left(values, low)

    def rejecting(self, scale: Scale, low: float, high: float) -> Estimate | None:
        return None if self.judged is None else self.judged[scale.label].rejecting(low, high)

    def share(self, changed: int | None, photos: int) -> float | None:
        return None if changed is None else ratio(changed * self.part, photos)


CHANGED = (Column("overturned", "changed", Unit.COUNT), Column("overturn_rate", "of these", Unit.SHARE))
RIGHT = (
    Column("judged", "judged", Unit.COUNT),
    Column("reject_share", "people reject", Unit.SHARE),
    *INTERVAL,
)


def cells(found: Estimate | None) -> tuple[Value, ...]:
    """The values of `RIGHT`."""
    if found is None:
        return None, None, None, None
    if found.share is None:
        return 0, None, None, None
    return found.judged, found.share, found.low, found.high


def table(scale: Scale, seen: Seen, where: str, limits: Sequence[Limit]) -> Table:
    """A row for each band; people read those around a threshold so, and the others together."""
    columns = (
        Column("from", scale.title, Unit.NUMBER),
        Column("approved", "approved", Unit.COUNT),
        Column("rejected", "rejected", Unit.COUNT, bars=True),
        *CHANGED,
        *RIGHT,
        Column("threshold", "threshold"),
    )
    mine = [limit for limit in limits if limit.scale == scale]
    stood = _stood(scale, seen.bands)
    changes = [scale.start(value) for value in (seen.changed or {}).get(scale.label, ())]
    starts = sorted({*stood, *changes})
    rows = [(start, *_band(scale, start, start, stood, seen, mine)) for start in starts]
    brief = [
        (_span(scale, *ends), *_band(scale, *ends, stood, seen, mine)) for ends in _together_far(scale, starts, mine)
    ]
    return Table(f"bands_{scale.label}", f"By {scale.title}{where}", columns, tuple(rows), brief=tuple(brief))


def _band(
    scale: Scale,
    first: float,
    last: float,
    stood: Mapping[float, tuple[int, int]],
    seen: Seen,
    limits: Sequence[Limit],
) -> tuple[Value, ...]:
    """The bands from that which starts at `first` to that which starts at `last`, as one row."""
    end = last + scale.width
    inside = [counts for start, counts in stood.items() if first <= start <= last]
    approved, rejected = (sum(each) for each in zip(*inside, strict=True)) if inside else (0, 0)
    changed = seen.changes(scale, first, end)
    drawn = [
        f"{limit.name.partition('.')[2]} {limit.value:g}"
        for limit in limits
        if first <= scale.start(limit.value) <= last
    ]
    share = seen.share(changed, approved + rejected)
    said = cells(seen.rejecting(scale, first, end))
    return approved, rejected, changed, share, *said, ", ".join(drawn) or None


def _together_far(scale: Scale, starts: Sequence[float], limits: Sequence[Limit]) -> Iterator[tuple[float, float]]:
    """The first and the last band of each row that people read: those far from every threshold together, as far as no
    threshold lies between them."""
    room = _AROUND * scale.width + _LEAST

    def place(start: float) -> tuple[float, int]:
        near = any(-room <= start - limit.value < room - 2 * _LEAST for limit in limits)
        return (start if near else -1.0, sum(limit.value <= start for limit in limits))

    for _, group in groupby(starts, place):
        bands = list(group)
        yield bands[0], bands[-1]


def _span(scale: Scale, first: float, last: float) -> str:
    end = last + scale.width
    if end > scale.end + _LEAST:
        return f"{first:g} or more"
    places = 2 if scale.width < 1 else 0
    return f"{first:.{places}f} - {end:.{places}f}"


def _stood(scale: Scale, bands: Sequence[Band]) -> dict[float, tuple[int, int]]:
    """(approved, rejected) by where the band starts."""
    found: dict[float, tuple[int, int]] = {}
    for each in bands:
        if each.label == scale.label:
            start = scale.start(scale.value(each.band))
            approved, rejected = found.get(start, (0, 0))
            mine = (each.photos, 0) if each.status == "approved" else (0, each.photos)
            found[start] = approved + mine[0], rejected + mine[1]
    return found


def curve(scale: Scale, seen: Seen) -> Chart:
    """The share of rejections along a score."""
    stood = dict(sorted(_stood(scale, seen.bands).items()))
    share = tuple(
        rejected / (approved + rejected) if approved + rejected >= TELLING else None
        for approved, rejected in stood.values()
    )
    labels = tuple(f"{start:g}" for start in stood)
    title = f"rejected share, by {scale.title}"
    return Chart(f"curve_{scale.label}", title, Unit.SHARE, labels, (Line("rejected", share),))
