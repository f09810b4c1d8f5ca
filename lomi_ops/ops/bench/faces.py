"""`lomi bench compreface`: what the configured endpoints see in a minute, asked as workers ask them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

from lomi_ops.clients.compreface.pool import NotAsked
from lomi_ops.domain.bench import ERRORS, PHOTO, PHOTOS, Area, Figure, Left, Outcome, Unit
from lomi_ops.domain.bench_advice import FacesFacts, for_faces
from lomi_ops.domain.finding import EngineReport
from lomi_ops.errors import FacesUnavailable
from lomi_ops.imaging.golden import SIZE, portrait
from lomi_ops.ops.bench.probe import Tell
from lomi_ops.ops.bench.timing import Bounds, Timed, repeat

ALONE = 20
PART_S = 15.0
TRUSTED = 3
"""After so many calls in a row without an answer it is away, whatever its breaker says."""


class Finder(Protocol):
    """A `FaceService`."""

    def find(self, jpeg: bytes, scale: float, size: tuple[int, int]) -> EngineReport: ...


@dataclass(slots=True)
class FacesProbe:
    """`run` once. It leaves nothing: the service keeps no photo that it was asked about."""

    faces: Finder
    endpoints: int
    at_each: int
    """Calls to each endpoint at once, as `compreface.concurrency`."""
    photos: int
    seconds: float
    left: list[Left] = field(default_factory=list)
    _failed: int = 0
    _asked: int = 0
    _row: int = 0

    def run(self, tell: Tell) -> Outcome:
        """Raises FacesUnavailable, Throttled where it asks for fewer calls, and ConfigError where the settings are to
        blame. A call here and there that gets no answer is counted."""
        began = time.perf_counter()
        tell("first look")
        self.faces.find(portrait(), 1.0, SIZE)  # a cold core loads its models now
        tell("one by one")
        alone = repeat(lambda _: self._look(), Bounds(PART_S, ALONE))
        tell("all places taken")
        places = self.endpoints * self.at_each
        crowd = repeat(lambda _: self._look(), Bounds(self.seconds, self.photos, places))
        facts = FacesFacts(
            alone_s=alone.at(0.5) or 0.0,
            per_minute=(crowd.per_second or 0.0) * 60,
            endpoints=self.endpoints,
            at_once=self.at_each,
            crowd_s=crowd.at(0.5) or 0.0,
        )
        figures = self._figures(alone, crowd, facts, places)
        took_s, did = time.perf_counter() - began, f"{self._asked} looks at one portrait"
        return Outcome(Area.COMPREFACE, figures, for_faces(facts, figures), took_s, did)

    def _look(self) -> None:
        self._asked += 1
        try:
            self.faces.find(portrait(), 1.0, SIZE)
        except NotAsked:
            raise  # all endpoints are ejected: an outage, and no weather
        except FacesUnavailable:
            self._failed, self._row = self._failed + 1, self._row + 1
            if self._row >= TRUSTED:
                raise
        else:
            self._row = 0

    def _figures(self, alone: Timed, crowd: Timed, facts: FacesFacts, places: int) -> tuple[Figure, ...]:
        many = f"{places} at once"
        return (
            Figure("alone_p50", "one photo, median", alone.at(0.5), Unit.SECONDS),
            Figure("alone_p95", "one photo, p95", alone.at(0.95), Unit.SECONDS, PHOTO),
            Figure("crowd_p95", f"a photo, {many}, p95", crowd.at(0.95), Unit.SECONDS, PHOTO),
            Figure("photos_per_minute", f"photos, {many}", facts.per_minute or None, Unit.PER_MINUTE, PHOTOS),
            Figure("errors", "looks without an answer", self._failed / max(1, self._asked), Unit.SHARE, ERRORS),
        )
