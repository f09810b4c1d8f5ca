"""How long photos wait and are judged, against what the system promises."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from lomi_ops.db import reporting
from lomi_ops.db.reporting import Source
from lomi_ops.domain.report import Chart, Column, Gap, Line, Report, Shape, Table, Unit, Value
from lomi_ops.domain.statistics import Counted, percentile, spread, together, within
from lomi_ops.ops.reports.asked import Asked, slices_note, spread_cells, spread_columns

PHOTO_MS, BATCH_MS, START_MS = 1800.0, 3000.0, 5000.0
"""Targets: a photo, a batch of nine, from the queue to a worker."""
_PARTS = Gap("downloads and writes are counted since a worker's start, not by window", "lomi metrics print")


def build(db: Source, asked: Asked) -> Report:
    slices = asked.slices(db)
    told = reporting.soon(db, reporting.delays, asked.window)
    told_photos = reporting.soon_in(db, reporting.processing, slices)
    waits: Counted = []
    jobs: dict[str, Counted] = {}
    engines: dict[str, Counted] = {}
    if asked.logged:
        told_engines = reporting.soon_in(db, reporting.engine_times, slices)
        told_waits = reporting.soon_in(db, reporting.job_waits, slices)
        jobs = _split(reporting.soon_in(db, reporting.job_times, slices)())
        waits = together((seconds * 1000, many) for seconds, many in told_waits())
        engines = _split(told_engines())
    photos, whole = together(told_photos()), together((seconds * 1000, many) for seconds, many in told())
    every_job = together(each for times in jobs.values() for each in times)
    rows: list[tuple[str, Counted, float | None]] = [
        ("from upload to decision", whole, None),
        ("from upload to a worker", waits, START_MS),
        ("a photo, all engines", photos, PHOTO_MS),
        *((f"  {name}", times, None) for name, times in sorted(engines.items())),
        ("a job in hand", every_job, None),
        ("  of nine photos", jobs.get("9", []), BATCH_MS),
    ]
    if not asked.logged:
        rows = [row for row in rows if row[1] or row[0] == "a photo, all engines"]
    return Report(
        "latency",
        "How long photos took",
        asked.window,
        asked.zone_name,
        _figures(whole, waits, photos, every_job, jobs.get("9", [])),
        (_table(rows),),
        (_chart([(name.strip(), times) for name, times, _ in rows if times]),) if any(row[1] for row in rows) else (),
        (
            "from upload to decision: whoever decided, people, too; to a worker and in hand: of jobs, else of photos",
            *slices_note("all but the time from upload to decision", slices),
        ),
        (*asked.gaps, _PARTS),
    )


def _split(rows: Iterable[tuple[str, float, int]]) -> dict[str, Counted]:
    found: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for name, value, many in rows:
        found[name].append((value, many))
    return {name: together(times) for name, times in found.items()}


def _figures(whole: Counted, waits: Counted, photos: Counted, jobs: Counted, nine: Counted) -> dict[str, float | None]:
    named = {"decision": whole, "start": waits, "photo": photos, "job": jobs, "nine": nine}
    found: dict[str, float | None] = {}
    for name, times in named.items():
        seen = spread(times)
        found |= {f"{name}_ms_p50": seen.p50, f"{name}_ms_p95": seen.p95, f"{name}_ms_p99": seen.p99}
    found |= {"photo_on_target": within(photos, PHOTO_MS), "start_on_target": within(waits, START_MS)}
    return found | {"nine_on_target": within(nine, BATCH_MS)}


def _table(rows: list[tuple[str, Counted, float | None]]) -> Table:
    columns = (
        Column("what", ""),
        *spread_columns(Unit.MS),
        Column("target", "target", Unit.MS),
        Column("on_target", "on target", Unit.SHARE),
    )
    cells: list[tuple[Value, ...]] = [
        (name, *spread_cells(times), target, within(times, target) if target else None) for name, times, target in rows
    ]
    return Table("latency", "Times", columns, tuple(cells))


def _chart(rows: list[tuple[str, Counted]]) -> Chart:
    lines = tuple(
        Line(f"p{round(share * 100)}", tuple(percentile(times, share) for _, times in rows))
        for share in (0.5, 0.95, 0.99)
    )
    return Chart(
        "percentiles",
        "p50, p95 and p99, on a logarithmic scale",
        Unit.MS,
        tuple(name for name, _ in rows),
        lines,
        Shape.BARS,
    )
