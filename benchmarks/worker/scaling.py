"""Photos a minute by the number of workers, and what is used up first."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from benchmarks.queue.figures import Figure
from benchmarks.worker.ceiling import Loops
from benchmarks.worker.load import Span, measured
from benchmarks.worker.results import Sample
from benchmarks.worker.stack import Stack

COUNTS = (1, 2, 3, 4, 6, 8)


def curve(
    stack: Stack, loops: Loops, keys: Sequence[str], rounds: int, seconds: float
) -> tuple[list[Figure], list[str]]:
    """Workers are added, never taken: what comes later is measured by more of them. The ceiling runs before each."""
    cores, figures = len(os.sched_getaffinity(0)), []
    lines = ["| workers | /min | of the ceiling | cores in use | of them judging | Redis | Postgres | by others |"]
    lines.append("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for count in COUNTS:
        stack.start(count - len(stack.workers))
        spans, shares = [], []
        for _ in range(rounds):
            bare, _ = loops.run(seconds)
            spans.append(measured(stack, keys, 9, seconds))
            shares.append(spans[-1].per_min / bare.per_min)
        rate, share = Sample(tuple(span.per_min for span in spans)), Sample(tuple(shares))
        lines.append(f"| {count} | {rate.middle:,.0f} | {share.middle:.2f} | {_row(spans)} |")
        figures.append(Figure(f"photos, {count} workers on {cores} cores", rate.middle, "/min", note=rate.spread))
        print(f"  {count} workers: {rate.middle:,.0f} /min", file=sys.stderr)
    return figures, lines


def _row(spans: Sequence[Span]) -> str:
    parts = {name: Sample(tuple(span.cpu_s[name] / span.wall_s for span in spans)).middle for name in spans[0].cpu_s}
    others = Sample(tuple(span.others for span in spans)).middle
    words = (sum(parts.values()), parts["judging"], parts["redis"], parts["postgres"], others)
    return " | ".join(f"{word:.2f}" for word in words)
