"""What lies near each threshold, and whether decisions there were right: whether it should move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from lomi_ops.db import reporting
from lomi_ops.db.reporting import Band, Judged, Overturned, Source
from lomi_ops.domain.extrapolated import Extrapolated, extrapolated
from lomi_ops.domain.quality import estimate
from lomi_ops.domain.report import Chart, Column, Gap, Line, Report, Table, Unit, Value
from lomi_ops.domain.score import SCALES, Limit, Scale, limits_of, measured
from lomi_ops.domain.statistics import ratio
from lomi_ops.domain.window import Window
from lomi_ops.ops.reports.asked import INTERVAL, Asked, slices_note

_SAMPLES = Gap("no samples: how often decisions near a threshold are right is not known",
               "lomi review sample draw --approved 1% --rejected 5%")  # fmt: skip

_LEAST = 1e-9
_AROUND = 2
"""Bands to either side of a threshold that people read one by one."""
_TELLING = 10
"""Photos: a share of fewer jumps about."""
_OLD = Gap("old workers judge by thresholds of their own, which are not known here", "lomi worker")


@dataclass(frozen=True, slots=True)
class _Seen:
    bands: Sequence[Band]
    counted: Mapping[datetime, Sequence[Band]]
    """The same by the start of each span that they were counted in."""
    part: float
    """Of the window that bands were counted in; all else is of the whole."""
    changed: Mapping[str, Sequence[float]] | None
    """By label, what was measured of photos that people changed; None where nobody notes that."""
    judged: Sequence[Judged] | None

    def changes(self, scale: Scale, low: float, high: float) -> int | None:
        """How many people changed in [low, high)."""
        return None if self.changed is None else sum(low <= value < high for value in self.changed[scale.label])

    def share(self, changed: int | None, photos: int) -> float | None:
        return None if changed is None else ratio(changed * self.part, photos)


def build(db: Source, asked: Asked) -> Report:
    slices = asked.slices(db)
    told = reporting.soon_in(db, _counted_in, slices)
    told_changes = reporting.soon_in(db, reporting.overturned, (asked.window,)) if asked.logged else list
    overturned = told_changes()
    counted = dict(told())
    seen = _Seen(
        _together(band for bands in counted.values() for band in bands),
        counted,
        len(slices) * slices[0].length / asked.window.length,
        {scale.label: tuple(_values(scale, overturned)) for scale in SCALES} if asked.logged else None,
        reporting.judged(db, asked.window) if asked.sampled else None,
    )
    whole = len(slices) == 1
    where = "" if whole else f", counted in {len(slices)} spans"
    limits = limits_of(asked.policy)
    near = [_near(each, seen) for each in limits]
    figures: dict[str, float | None] = {
        "overturned": len(overturned) if asked.logged else None,
        "judged": None if seen.judged is None else len(seen.judged),
    }
    for limit, row in zip(limits, near, strict=True):
        assert isinstance(row[2], int)
        figures[f"near.{limit.name}"] = round(row[2] / seen.part)
        if not whole:
            figures[f"near_in_spans.{limit.name}"] = row[2]
    scaled = [] if whole else [(limit.name, _scaled(limit, seen)) for limit in limits]
    for name, found in scaled:
        figures[f"near_low.{name}"], figures[f"near_high.{name}"] = round(found.low), round(found.high)
    scales = [scale for scale in SCALES if any(band.label == scale.label for band in seen.bands)]
    return Report(
        "thresholds",
        f"Around the thresholds of {asked.policy.ref}",
        asked.window,
        asked.zone_name,
        figures,
        (
            _limits(near, where),
            *_in_window(scaled, len(slices)),
            *(_bands(scale, seen, where, limits) for scale in scales),
        ),
        tuple(_chart(scale, seen) for scale in scales),
        (
            *_slices_note(slices, seen.part),
            "near: within one band on either side; photos count by their upload, changes and samples by their own time",
            "changed: by people, who look where something seems wrong",
            "right: of samples that people judged again, weighted by the chance of being drawn, 95 % interval",
            f"curves leave out bands of fewer than {_TELLING} photos",
            "what another threshold would have done: lomi policy simulate",
        ),
        (*asked.gaps, *(() if asked.logged else (_OLD,)), *(() if seen.judged else (_SAMPLES,))),
    )


def _slices_note(slices: Sequence[Window], part: float) -> tuple[str, ...]:
    said = slices_note("approved, rejected and photos near", slices)
    more = (
        f"{part:.1%} of the window, so no totals; the figures near.… are scaled to all of it, with "
        "their interval of 95 % in near_low.… and near_high.…; changed and judged are of all of it"
    )
    return tuple(f"{each}: {more}" for each in said)


def _together(parts: Iterable[Band]) -> Sequence[Band]:
    """Of one band in several parts, the sum."""
    found: Counter[tuple[str, int, str]] = Counter()
    for each in parts:
        found[each.label, each.band, each.status] += each.photos
    return [Band(label, band, status, photos) for (label, band, status), photos in sorted(found.items())]


def _counted_in(db: Source, window: Window) -> list[tuple[datetime, Sequence[Band]]]:
    return [(window.start, reporting.bands(db, window))]


def _scaled(limit: Limit, seen: _Seen) -> Extrapolated:
    return extrapolated([(at, _photos_near(limit, bands)) for at, bands in seen.counted.items()], seen.part)


def _photos_near(limit: Limit, bands: Sequence[Band]) -> int:
    scale = limit.scale
    low, high = limit.value - scale.width, limit.value + scale.width
    return sum(each.photos for each in bands if each.label == scale.label and low <= scale.value(each.band) < high)


def _in_window(scaled: Sequence[tuple[str, Extrapolated]], spans: int) -> tuple[Table, ...]:
    """What the spans say of the whole window; nothing where the whole was counted."""
    if not scaled:
        return ()
    columns = (
        Column("threshold", "threshold"),
        Column("near", "photos near", Unit.COUNT, bars=True),
        Column("near_low", "95 %", Unit.COUNT),
        Column("near_high", "to", Unit.COUNT),
    )
    rows = tuple((name, round(found.number), round(found.low), round(found.high)) for name, found in scaled)
    return (
        Table("window", f"Near each threshold in the whole window, estimated, counted in {spans} spans", columns, rows),
    )


def _near(limit: Limit, seen: _Seen) -> tuple[Value, ...]:
    scale = limit.scale
    low, high = limit.value - scale.width, limit.value + scale.width
    photos = _photos_near(limit, seen.bands)
    changed = seen.changes(scale, low, high)
    return (
        limit.name,
        limit.value,
        photos,
        changed,
        seen.share(changed, photos),
        *_right(scale, low, high, seen.judged),
    )


def _limits(near: Sequence[tuple[Value, ...]], where: str) -> Table:
    columns = (
        Column("threshold", "threshold"),
        Column("value", "at", Unit.NUMBER),
        Column("near", "photos near", Unit.COUNT, bars=True),
        *_CHANGED,
        *_RIGHT,
    )
    return Table("thresholds", f"Near each threshold{where}", columns, tuple(near))


_CHANGED = (Column("overturned", "changed", Unit.COUNT), Column("overturn_rate", "of these", Unit.SHARE))
_RIGHT = (
    Column("judged", "judged", Unit.COUNT),
    Column("right", "right", Unit.SHARE),
    *INTERVAL,
)


def _right(scale: Scale, low: float, high: float, judged: Sequence[Judged] | None) -> tuple[Value, ...]:
    if judged is None:
        return None, None, None, None
    drawn = [
        (each.probability, each.status == each.judged_status)
        for each in judged
        if (value := measured(scale, each.scores)) is not None and low <= value < high
    ]
    found = estimate(drawn)
    if found.share is None:
        return 0, None, None, None
    return found.judged, found.share, found.low, found.high


def _bands(scale: Scale, seen: _Seen, where: str, limits: Sequence[Limit]) -> Table:
    columns = (
        Column("from", scale.title, Unit.NUMBER),
        Column("approved", "approved", Unit.COUNT),
        Column("rejected", "rejected", Unit.COUNT, bars=True),
        *_CHANGED,
        *_RIGHT,
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
    seen: _Seen,
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
    return approved, rejected, changed, share, *_right(scale, first, end, seen.judged), ", ".join(drawn) or None


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


def _chart(scale: Scale, seen: _Seen) -> Chart:
    stood = dict(sorted(_stood(scale, seen.bands).items()))
    share = tuple(
        rejected / (approved + rejected) if approved + rejected >= _TELLING else None
        for approved, rejected in stood.values()
    )
    labels = tuple(f"{start:g}" for start in stood)
    title = f"rejected share, by {scale.title}"
    return Chart(f"curve_{scale.label}", title, Unit.SHARE, labels, (Line("rejected", share),))


def _values(scale: Scale, overturned: Sequence[Overturned]) -> Iterator[float]:
    for each in overturned:
        value = measured(scale, _mapping(each.scores))
        if value is not None:
            yield value


def _mapping(scores: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return scores if isinstance(scores, Mapping) else None
