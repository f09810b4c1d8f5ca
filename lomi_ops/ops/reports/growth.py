"""How large the record is, how fast it grows, and how large it will be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import islice

from lomi_ops.clients.objects.store import ObjectStore
from lomi_ops.db import reporting
from lomi_ops.db.reporting import Size, Source
from lomi_ops.domain.grid import grid
from lomi_ops.domain.report import Chart, Column, Gap, Line, Report, Table, Unit, Value
from lomi_ops.domain.statistics import change, fit, ratio
from lomi_ops.ops.reports.asked import Asked, Listed, counted

_AHEAD = (30, 90, 365)
"""Days."""
_LARGEST = 6
"""Tables that get a line of their own."""
_OBJECTS = Gap("how many bytes photos take in the object store is not recorded here", "lomi report growth --objects")
MOST = 20_000
"""Objects that are listed: some seconds. Their keys begin with ids of users, which are drawn at random."""


def listed(store: ObjectStore, bucket: str) -> Listed:
    """The first objects of a bucket, and whether those are all. Raises ObjectsUnavailable."""
    sizes = [each.size for each in islice(store.list(bucket), MOST + 1)]
    return Listed(min(len(sizes), MOST), sum(sizes[:MOST]), whole=len(sizes) <= MOST)


def build(db: Source, asked: Asked) -> Report:
    sizes = reporting.sizes(db)
    days = grid(asked.window, asked.zone, hourly=False)
    told = reporting.soon(db, reporting.bins, asked.window, asked.stride_minutes)
    before = reporting.soon(db, reporting.uploads, asked.window.previous)()
    rows = told()
    per_day = days.summed((row.at, row.photos) for row in rows)
    lengths = [length / timedelta(days=1) for length in days.lengths()]
    daily = counted(rows) / (asked.window.length / timedelta(days=1))
    trend = _trend([amount / length for amount, length in zip(per_day, lengths, strict=True) if length >= 0.9])
    photos = next((each.rows for each in sizes if each.name == "media"), None)
    total = sum(each.bytes for each in sizes)
    a_photo = ratio(total, photos) if photos else None
    figures: dict[str, float | None] = {
        "uploads": counted(rows),
        "uploads_change": change(counted(rows), before),
        "uploads_a_day": daily,
        "trend_a_day": trend,
        "rows": photos,
        "bytes": total,
        "bytes_a_photo": a_photo,
        "bytes_a_day": daily * a_photo if a_photo else None,
    }
    an_object = ratio(asked.listed.bytes, asked.listed.objects) if asked.listed else None
    figures |= _of_objects(asked.listed, an_object, photos, daily)
    return Report(
        "growth",
        "How the record grows",
        asked.window,
        asked.zone_name,
        figures,
        (_sizes(sizes), _forecast(daily, photos, total, a_photo, an_object)),
        (Chart("uploads", f"uploads by {days.named}", Unit.COUNT, days.labels, (Line("uploads", per_day),)),),
        (
            "rows: as the server estimates them now; bytes: on its disk now",
            "forecast: a photo takes as much of the record as now, and is one object in the store",
            *_listing(asked.listed),
        ),
        () if asked.listed else (_OBJECTS,),
    )


def _of_objects(
    listed: Listed | None, an_object: float | None, photos: int | None, daily: float
) -> dict[str, float | None]:
    """All objects where they were listed, else as many as there are photos, of the size of those that were."""
    if listed is None:
        return {}
    estimated = an_object * photos if an_object and photos else None
    return {
        "objects_listed": listed.objects,
        "bytes_an_object": an_object,
        "object_bytes": listed.bytes if listed.whole else estimated,
        "object_bytes_a_day": daily * an_object if an_object else None,
    }


def _listing(listed: Listed | None) -> tuple[str, ...]:
    if listed is None or listed.whole:
        return ()
    return (f"bytes of objects are estimated from the first {listed.objects} that the store lists",)


def _trend(per_day: Sequence[float]) -> float | None:
    """Photos a day that each day adds; whole days only, at least three."""
    found = fit(per_day) if len(per_day) >= 3 else None
    return found.slope if found else None


def _sizes(sizes: Sequence[Size]) -> Table:
    columns = (
        Column("table", "table"),
        Column("rows", "rows", Unit.COUNT),
        Column("bytes", "with indexes", Unit.BYTES, bars=True),
    )
    shown = [each for place, each in enumerate(sizes) if place < _LARGEST or each.name == "media"]
    rows = [(each.name, each.rows, each.bytes) for each in shown]
    if rest := [each for each in sizes if each not in shown]:
        rows.append(("the others", sum(each.rows or 0 for each in rest), sum(each.bytes for each in rest)))
    return Table("sizes", "The record now", columns, tuple(rows))


def _forecast(daily: float, photos: int | None, total: int, a_photo: float | None, an_object: float | None) -> Table:
    columns = (
        Column("days", "in days", Unit.COUNT),
        Column("photos", "photos", Unit.COUNT),
        Column("bytes", "the record", Unit.BYTES),
        Column("object_bytes", "objects", Unit.BYTES),
    )
    rows: list[tuple[Value, ...]] = []
    if photos is not None and a_photo is not None:
        for days in _AHEAD:
            then = photos + daily * days
            objects = round(then * an_object) if an_object else None
            rows.append((days, round(then), round(total + daily * days * a_photo), objects))
    title = f"If it goes on with {daily:,.0f} photos a day, as in this window"
    return Table("forecast", title, columns, tuple(rows), "the server has not counted media yet")
