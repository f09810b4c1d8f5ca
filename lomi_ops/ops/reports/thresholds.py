"""What lies near each threshold, and whether decisions there were right: whether it should move."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from lomi_ops.db import reporting
from lomi_ops.db.reporting import Band, Overturned, Source
from lomi_ops.domain.extrapolated import Extrapolated, extrapolated
from lomi_ops.domain.quality import Estimate
from lomi_ops.domain.report import Column, Gap, Report, Table, Unit, Value
from lomi_ops.domain.score import SCALES, Limit, Scale, limits_of, measured
from lomi_ops.domain.simulation import Truth, right_before
from lomi_ops.domain.truth import chances
from lomi_ops.domain.verdict import Outcome
from lomi_ops.domain.window import Window
from lomi_ops.ops.reports import score_bands
from lomi_ops.ops.reports.asked import Asked, slices_note
from lomi_ops.ops.reports.score_bands import CHANGED, RIGHT, TELLING, Seen, Told, along, cells

_SAMPLES = Gap("nobody has judged samples or photos that waited: what people would reject is not known",
               "lomi review sample draw --approved 1% --rejected 5%")  # fmt: skip

_PEOPLE = (
    "people reject: of samples and of photos that had waited for a person, by when a policy judged them",
    "each counts as one over its chance of being judged, 95 % interval",
    "to which photos of those that wait for one reason people get is taken for chance",
)
_OLD = Gap("old workers judge by thresholds of their own, which are not known here", "lomi worker")


def build(db: Source, asked: Asked) -> Report:
    slices = asked.slices(db)
    told = reporting.soon_in(db, _counted_in, slices)
    told_changes = reporting.soon_in(db, reporting.overturned, (asked.window,)) if asked.logged else list
    told_people = _said(db, asked.window) if asked.sampled else None
    overturned = told_changes()
    counted = dict(told())
    told_truths = None if told_people is None else told_people()
    truths = [each.truth for each in told_truths or () for _ in range(each.photos)]
    seen = Seen(
        _together(band for bands in counted.values() for band in bands),
        counted,
        len(slices) * slices[0].length / asked.window.length,
        {scale.label: sorted(_values(scale, overturned)) for scale in SCALES} if asked.logged else None,
        None if told_truths is None else {scale.label: along(scale.label, told_truths) for scale in SCALES},
    )
    whole = len(slices) == 1
    where = "" if whole else f", counted in {len(slices)} spans"
    limits = limits_of(asked.policy)
    near = [_near(each, seen) for each in limits]
    figures: dict[str, float | None] = {
        "overturned": len(overturned) if asked.logged else None,
        "judged": None if told_truths is None else len(truths),
    }
    for limit, row in zip(limits, near, strict=True):
        assert isinstance(row[2], int)
        figures[f"near.{limit.name}"] = round(row[2] / seen.part)
        if not whole:
            figures[f"near_in_spans.{limit.name}"] = row[2]
    scaled = [] if whole else [(limit.name, _scaled(limit, seen)) for limit in limits]
    for name, found in scaled:
        figures[f"near_low.{name}"], figures[f"near_high.{name}"] = round(found.low), round(found.high)
    beyond = _beyond(limits, seen, truths)
    figures |= _precisions(beyond)
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
            *((_precision(beyond),) if truths else ()),
            *(score_bands.table(scale, seen, where, limits) for scale in scales),
        ),
        tuple(score_bands.curve(scale, seen) for scale in scales),
        (
            *_slices_note(slices, seen.part),
            "near: within one band on either side; photos count by their upload, changes by their own time",
            "changed: by people, who look where something seems wrong",
            *_PEOPLE,
            *_blind(seen, truths),
            f"curves leave out bands of fewer than {TELLING} photos",
            "what another threshold would have done: lomi policy simulate",
        ),
        (*asked.gaps, *(() if asked.logged else (_OLD,)), *(() if truths else (_SAMPLES,))),
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
    found: dict[tuple[str, int, str], int] = {}
    for each in parts:
        key = (each.label, each.band, each.status)
        found[key] = found.get(key, 0) + each.photos
    return [Band(label, band, status, photos) for (label, band, status), photos in sorted(found.items())]


def _counted_in(db: Source, window: Window) -> list[tuple[datetime, Sequence[Band]]]:
    return [(window.start, reporting.bands(db, window))]


def _scaled(limit: Limit, seen: Seen) -> Extrapolated:
    return extrapolated([(at, _photos_near(limit, bands)) for at, bands in seen.counted.items()], seen.part)


def _photos_near(limit: Limit, bands: Sequence[Band]) -> int:
    label, near = limit.scale.label, _steps_near(limit)
    return sum(each.photos for each in bands if each.band in near and each.label == label)


@cache
def _steps_near(limit: Limit) -> frozenset[int]:
    """Within one band on either side, as the server counts: a month has tens of thousands of counts to ask about."""
    scale = limit.scale
    low, high = limit.value - scale.width, limit.value + scale.width
    steps = range(math.floor(low / scale.unit) - 1, math.ceil(high / scale.unit) + 2)
    return frozenset(step for step in steps if low <= scale.value(step) < high)


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


def _near(limit: Limit, seen: Seen) -> tuple[Value, ...]:
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
        *cells(seen.rejecting(scale, low, high)),
    )


def _said(db: Source, window: Window) -> Callable[[], Sequence[Told]]:
    """What `lomi policy simulate` takes into account, too."""
    told, waited = reporting.soon_said(db, window), reporting.soon(db, reporting.waited, window)

    def weighted() -> Sequence[Told]:
        found = told()
        known = chances((each.judged for each in found for _ in range(each.photos)), waited())
        return [
            Told(Truth(known.of(each.judged), each.judged.reject, each.judged.before), each.photos, each.measured)
            for each in found
        ]

    return weighted


def _beyond(limits: Sequence[Limit], seen: Seen, truths: Sequence[Truth]) -> dict[str, Estimate | None]:
    """Of all rejections by the policy, and of what each threshold concerns, the share that people would reject."""
    found = {"": None if seen.judged is None else right_before(truths, Outcome.REJECT)}
    return found | {limit.name: seen.rejecting(limit.scale, *limit.concerned) for limit in limits}


def _precisions(beyond: Mapping[str, Estimate | None]) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    for name, found in beyond.items():
        _, share, low, high = cells(found)
        for end, value in (("", share), ("_low", low), ("_high", high)):
            assert value is None or isinstance(value, float)
            figures[f"precision{end}.{name}".removesuffix(".")] = value
    return figures


def _precision(beyond: Mapping[str, Estimate | None]) -> Table:
    columns = (Column("threshold", "threshold"), *RIGHT)
    rows = tuple((name or "all rejections", *cells(found)) for name, found in beyond.items())
    return Table("precision", "Beyond each threshold", columns, rows)


def _blind(seen: Seen, truths: Sequence[Truth]) -> Iterator[str]:
    """Photos of a kind of which people judged none are in no share."""
    judged = {each.before for each in truths}
    kinds = ((Outcome.APPROVE, "approved", "approvals"), (Outcome.REJECT, "rejected", "rejections"))
    for outcome, status, what in kinds:
        if judged and outcome not in judged and any(band.status == status for band in seen.bands):
            yield f"nobody judged samples of {what}: what people reject says nothing about them"


def _limits(near: Sequence[tuple[Value, ...]], where: str) -> Table:
    columns = (
        Column("threshold", "threshold"),
        Column("value", "at", Unit.NUMBER),
        Column("near", "photos near", Unit.COUNT, bars=True),
        *CHANGED,
        *RIGHT,
    )
    return Table("thresholds", f"Near each threshold{where}", columns, tuple(near))


def _values(scale: Scale, overturned: Sequence[Overturned]) -> Iterator[float]:
    for each in overturned:
        value = measured(scale, _mapping(each.scores))
        if value is not None:
            yield value


def _mapping(scores: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return scores if isinstance(scores, Mapping) else None
