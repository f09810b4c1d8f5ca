"""`lomi bench worker`: what a worker of this machine judges in a minute, by the models and the policy of the settings.

No queue, no database: the same judging processes that a worker runs.
"""

from __future__ import annotations

import os
import statistics
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lomi_ops.domain.bench import BATCH, ERRORS, MEMORY, PHOTO, PHOTOS_EACH, Area, Figure, Left, Outcome, Unit
from lomi_ops.domain.bench_advice import WorkerFacts, for_worker
from lomi_ops.domain.decision import PhotoDecision
from lomi_ops.domain.finding import Engine
from lomi_ops.domain.job import MAX_PHOTOS
from lomi_ops.domain.remoderate import Rejudged
from lomi_ops.errors import FacesUnavailable
from lomi_ops.ops.bench.probe import Tell
from lomi_ops.ops.bench.timing import Bounds, Timed, repeat

ALONE, BATCHES = 18, 5
PART_S = 20.0
PROC = Path("/proc")
OVERLAP = "at least: a worker asks CompreFace beside the next photo"


class Judge(Protocol):
    """`worker.again.Again`."""

    width: int
    """Judging processes."""

    def judge(self, photos: Sequence[tuple[uuid.UUID, bytes]]) -> list[Rejudged]:
        """In the order of `photos`."""
        ...


@dataclass(slots=True)
class WorkerProbe:
    """`run` once. It leaves nothing."""

    judge: Judge
    photos: Sequence[bytes]
    """Are judged in turn."""
    number: int
    seconds: float
    """Of the part in which all processes work."""
    left: list[Left] = field(default_factory=list)
    _seen: list[PhotoDecision] = field(default_factory=list)
    _asked: int = 0

    def run(self, tell: Tell) -> Outcome:
        """Raises FacesUnavailable where the policy needs CompreFace and that is away."""
        began = time.perf_counter()
        tell("first photo")
        self._judge(0, 1)
        self._seen, self._asked = [], 0
        tell("one by one")
        alone = repeat(lambda n: self._judge(n, 1), Bounds(PART_S, ALONE))
        tell("batches")
        batches = repeat(lambda n: self._judge(n * MAX_PHOTOS, MAX_PHOTOS), Bounds(PART_S, BATCHES))
        tell("all processes")
        width = self.judge.width
        crowd = repeat(lambda n: self._judge(n, 1), Bounds(self.seconds, self.number, width))
        each = None if crowd.per_second is None else crowd.per_second * 60 / width
        facts = self._facts((each or 0.0) * width)
        without = 1 - len(self._seen) / max(1, self._asked)
        figures = _figures(alone, batches, each, largest_child(), without, width, beside=facts.faces_ms > 0)
        took_s, did = time.perf_counter() - began, f"{self._asked} photos judged"
        return Outcome(Area.WORKER, figures, for_worker(facts, figures), took_s, did)

    def _judge(self, first: int, number: int) -> None:
        photos = [(uuid.uuid4(), self.photos[(first + n) % len(self.photos)]) for n in range(number)]
        found = self.judge.judge(photos)
        self._asked += number
        self._seen += [each.decision for each in found if each.decision is not None]
        if any(each.outage for each in found):
            text = "CompreFace, which the policy needs, gave no answer about a photo"
            raise FacesUnavailable(text, hint="lomi doctor compreface")

    def _facts(self, per_minute: float) -> WorkerFacts:
        took: dict[str, list[float]] = {}
        for decision in self._seen:
            for report in decision.evidence.reports if decision.evidence else ():
                took.setdefault(report.engine.value, []).append(report.elapsed_ms)
        engines = {name: statistics.median(times) for name, times in took.items()}
        total = statistics.median([each.processing_ms for each in self._seen]) if self._seen else 0.0
        asked = any(
            report.engine is Engine.FACES and report.model.startswith("compreface")
            for decision in self._seen if decision.evidence
            for report in decision.evidence.reports
        )  # fmt: skip
        faces = engines.get(Engine.FACES.value, 0.0) if asked else 0.0
        return WorkerFacts(per_minute, self.judge.width, len(os.sched_getaffinity(0)), faces, total, engines)


def largest_child() -> int | None:
    """Resident bytes of the largest process that this one has started; None where the system does not tell."""
    sizes = [size for path in PROC.glob("[0-9]*") if (size := _resident(path, os.getpid())) is not None]
    return max(sizes, default=None)


def _resident(path: Path, parent: int) -> int | None:
    try:
        behind_name = path.joinpath("stat").read_text().rpartition(") ")[2].split()
        pages = int(path.joinpath("statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None  # it has ended meanwhile
    return pages * os.sysconf("SC_PAGE_SIZE") if int(behind_name[1]) == parent else None


def _figures(
    alone: Timed, batches: Timed, each: float | None, memory: int | None, without: float, width: int, *, beside: bool
) -> tuple[Figure, ...]:
    """`beside`: CompreFace was asked, one photo after the other. A worker has the next photo looked at meanwhile, so
    what it promises is not held against the batch and the minute measured here."""
    processes = f"{width} judging {'process' if width == 1 else 'processes'}"
    unknown = "" if memory is not None else "this system does not tell what a process takes"
    note = OVERLAP if beside else ""
    batch, minute = (None, None) if beside else (BATCH, PHOTOS_EACH)
    return (
        Figure("photo_p50", "one photo is judged, median", alone.at(0.5), Unit.SECONDS),
        Figure("photo_p95", "one photo is judged, p95", alone.at(0.95), Unit.SECONDS, PHOTO),
        Figure("batch_slowest", f"a batch of nine, {processes}, slowest", batches.at(1.0), Unit.SECONDS, batch, note),
        Figure("photos_per_minute", "photos, each process", each, Unit.PER_MINUTE, minute, note),
        Figure("memory", "memory of a judging process", memory, Unit.BYTES, MEMORY, unknown),
        Figure("errors", "photos without a verdict", without, Unit.SHARE, ERRORS),
    )
