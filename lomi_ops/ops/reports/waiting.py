"""How many batches waited, and for how long: the queue as it was, from what the record says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from lomi_ops.db import reporting
from lomi_ops.db.reporting import End, Source
from lomi_ops.domain.depth import Depth, depth, together
from lomi_ops.domain.report import Chart, Column, Gap, Line, Report, Table, Unit
from lomi_ops.domain.window import Window
from lomi_ops.ops.reports.asked import Asked, batch_parts, parts_note

MANY = 10
"""Jobs: more of them for long, and more workers are needed."""
_LOOKBACK = timedelta(days=1)
_NOW = Gap("this is the record's view, to the minute; what waits right now is", "lomi queue stats")


def build(db: Source, asked: Asked) -> Report:
    whole = Window(asked.window.start - _LOOKBACK, asked.window.end)
    parts = batch_parts(db, whole)
    told = [reporting.soon(db, reporting.minutes, part, whole, logged=asked.logged) for part in parts]
    seen = depth(together(each() for each in told), asked.grid, MANY)
    ends = reporting.ends(db, asked.window) if asked.logged else []
    figures: dict[str, float | None] = {
        "came": seen.came,
        "went": seen.went,
        "left": seen.left,
        "peak": seen.peak,
        "minutes_above_10": seen.minutes_above,
        "oldest_s": seen.oldest_s,
        "dead": sum(each.jobs for each in ends if each.what == "dead") if asked.logged else None,
    }
    grid = asked.grid
    return Report(
        "queue",
        "What waited",
        asked.window,
        asked.zone_name,
        figures,
        (_main(seen), _longest(seen), *((_ends(ends),) if asked.logged else ())),
        (
            Chart("depth", f"batches undecided, at most, by {grid.named}", Unit.COUNT, grid.labels,
                  (Line("undecided", seen.peaks),)),
            Chart("flow", f"batches in and out, by {grid.named}", Unit.COUNT, grid.labels,
                  (Line("in", seen.ins), Line("out", seen.outs))),
        ),
        (
            "a batch waits from its upload until its job is settled; without the ledger, until a photo is decided",
            f"what was uploaded more than {_LOOKBACK.days} day before the window is left out",
            *parts_note(parts),
        ),
        (*asked.gaps, _NOW),
    )  # fmt: skip


def _main(seen: Depth) -> Table:
    columns = (Column("what", ""), Column("number", "this window", Unit.NUMBER))
    rows = (
        ("batches in", seen.came),
        ("batches out", seen.went),
        ("undecided at the end", seen.left),
        ("undecided at most", seen.peak),
        (f"minutes with more than {MANY}", seen.minutes_above),
    )
    return Table("queue", "Batches", columns, rows)


def _longest(seen: Depth) -> Table:
    columns = (Column("what", ""), Column("waited", "waited", Unit.SECONDS))
    return Table("oldest", "The longest wait", columns, (("the oldest batch", seen.oldest_s),))


def _ends(ends: Sequence[End]) -> Table:
    columns = (
        Column("what", "what"),
        Column("cause", "cause"),
        Column("jobs", "jobs", Unit.COUNT, bars=True),
        Column("example", "the latest"),
    )
    rows = tuple((each.what, each.cause or "(none)", each.jobs, each.example) for each in ends)
    return Table("ends", "Jobs given up, cancelled or brought back", columns, rows, "none")
