"""How long photos wait and are judged, against what the system promises."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from lomi_ops.db import reporting
from lomi_ops.db.reporting import Source
from lomi_ops.domain.report import Chart, Column, Gap, Line, Report, Shape, Table, Unit, Value
from lomi_ops.domain.statistics import Counted, percentile, spread, together, within
from lomi_ops.ops.reports.asked import Asked, slices_note, spread_cells, spread_columns

TARGETS_MS = {"photo": 1800.0, "start": 5000.0, "nine": 3000.0, "settled": 100.0}
"""Of a photo, from the queue to a worker, of a batch of nine; of a settlement, where 95 % should keep it."""
_ROWS = {
    "decision": "from upload to decision", "start": "from upload to a worker", "download": "a photo, download",
    "photo": "a photo, all engines", "job": "a job in hand", "nine": "  of nine photos",
    "opening": "database, before judging", "settled": "database, settling",
}  # fmt: skip
_PARTS = Gap("how long downloads and the database took is not kept here", "lomi migrate apply")
_SETTLED = "database, settling: of each job the settlement before its own, by the same slot; not in a job in hand"


def build(db: Source, asked: Asked) -> Report:
    slices = asked.slices(db)
    since = reporting.job_parts_since(db) if asked.logged else None
    told = reporting.soon(db, reporting.delays, asked.window)
    told_photos = reporting.soon_in(db, reporting.processing, slices)
    times: dict[str, Counted] = {}
    engines: dict[str, Counted] = {}
    if asked.logged:
        told_engines = reporting.soon_in(db, reporting.engine_times, slices)
        told_waits = reporting.soon_in(db, reporting.job_waits, slices)
        told_parts = reporting.soon_in(db, reporting.job_parts, slices) if since else None
        jobs = _split(reporting.soon_in(db, reporting.job_times, slices)())
        times = _split(told_parts()) if told_parts else {}
        times["start"] = together((seconds * 1000, many) for seconds, many in told_waits())
        times["job"] = together(each for mine in jobs.values() for each in mine)
        times["nine"] = jobs.get("9", [])
        engines = _split(told_engines())
    times["photo"] = together(told_photos())
    times["decision"] = together((seconds * 1000, many) for seconds, many in told())
    rows = _rows(times, engines)
    if not asked.logged:
        rows = [row for row in rows if row[1] or row[0] == _ROWS["photo"]]
    return Report(
        "latency",
        "How long photos took",
        asked.window,
        asked.zone_name,
        _figures(times),
        (_table(rows),),
        (_chart([(name.strip(), counted) for name, counted, _ in rows if counted]),)
        if any(row[1] for row in rows)
        else (),
        (
            "from upload to decision: whoever decided, people, too; to a worker and in hand: of jobs, else of photos",
            *((_SETTLED,) if times.get("settled") else ()),
            *_recorded_note(times, since),
            *slices_note("all but the time from upload to decision", slices),
        ),
        asked.gaps if since else (*asked.gaps, _PARTS),
    )


def _rows(times: Mapping[str, Counted], engines: Mapping[str, Counted]) -> list[tuple[str, Counted, float | None]]:
    """With the engines below what they add up to."""
    found: list[tuple[str, Counted, float | None]] = []
    for name, said in _ROWS.items():
        found.append((said, times.get(name, []), TARGETS_MS.get(name)))
        if name == "photo":
            found += [(f"  {engine}", counted, None) for engine, counted in sorted(engines.items())]
    return found


def _recorded_note(times: Mapping[str, Counted], since: datetime | None) -> tuple[str, ...]:
    """Of how many jobs it is known what they waited for, where that is not all: each that notes it has one opening."""
    known, many = (sum(each for _, each in times.get(name, [])) for name in ("opening", "job"))
    if since is None or known >= many:
        return ()
    noted = f"workers note them since {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return (f"downloads and database: of {known:,} of {many:,} jobs; {noted}",)


def _split(rows: Iterable[tuple[str, float, int]]) -> dict[str, Counted]:
    found: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for name, value, many in rows:
        found[name].append((value, many))
    return {name: together(times) for name, times in found.items()}


def _figures(times: Mapping[str, Counted]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in _ROWS:
        seen = spread(times.get(name, []))
        found |= {f"{name}_ms_p50": seen.p50, f"{name}_ms_p95": seen.p95, f"{name}_ms_p99": seen.p99}
    return found | {f"{name}_on_target": within(times.get(name, []), limit) for name, limit in TARGETS_MS.items()}


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
