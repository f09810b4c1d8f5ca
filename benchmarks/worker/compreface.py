"""Workers with a CompreFace of two places that take 160 ms for a photo: how much of its capacity is used."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.queue.figures import Figure
from benchmarks.worker.latency import loaded, loaded_figures
from benchmarks.worker.load import measured
from benchmarks.worker.results import Sample, judged
from benchmarks.worker.stack import Stack, running_stack
from tests.doubles.compreface import CompreFaceDouble

PLACES, SERVICE_S = 2, 0.16
CAPACITY_PER_S = PLACES / SERVICE_S
SHARE, LIMIT_S = 0.9, 3.0
"""The goals: of the capacity, and for nine photos while half of it is in use."""


@contextmanager
def with_faces(workers: int) -> Iterator[Stack]:
    """Workers whose policy wants ages."""
    with CompreFaceDouble(workers=PLACES, service_s=SERVICE_S) as double:
        settings = {"LOMI_COMPREFACE_URL": double.url, "LOMI_COMPREFACE__MODE": "core", "LOMI_POLICY": "default"}
        with running_stack(settings=settings) as stack:
            stack.start(workers)
            yield stack


def figures(stack: Stack, keys: Sequence[str], rounds: int, seconds: float) -> list[Figure]:
    """The share of its capacity with a full list, and the latency of batches at half of it."""
    used, others = [], []
    for _ in range(rounds):
        span = measured(stack, keys, 9, seconds)
        used.append(span.photos / span.wall_s / CAPACITY_PER_S)
        others.append(span.others)
        print(f"  {used[-1]:.1%} of CompreFace", file=sys.stderr)
    share = Sample(tuple(used))
    took = loaded(stack, keys, 9, CAPACITY_PER_S / 2, 4 * seconds)
    what = "nine photos with CompreFace at half load, upload to decision"
    made = [
        Figure("with CompreFace: share of its capacity", share.middle, "x", f"≥ {SHARE:g}", share.middle >= SHARE,
               f"{share.spread}; {PLACES} places of {1000 * SERVICE_S:.0f} ms"),
        *loaded_figures(what, took, 0.95, LIMIT_S),
    ]  # fmt: skip
    return [judged(figure, Sample(tuple(others)).middle) for figure in made]
