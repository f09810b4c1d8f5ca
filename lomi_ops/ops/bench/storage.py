"""`lomi bench storage`: writing, reading and removing objects of a run's own in the configured bucket."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lomi_ops.clients.objects import ObjectMissing, ObjectStore
from lomi_ops.domain.bench import PHOTO, PHOTOS, Area, Figure, Left, Outcome, Unit
from lomi_ops.domain.bench_advice import StorageFacts, for_storage
from lomi_ops.errors import LomiError, ObjectsUnavailable
from lomi_ops.ops.bench.probe import Tell
from lomi_ops.ops.bench.timing import Bounds, Timed, repeat

PREFIX = "lomi-bench/"
"""No photo of a user is there; below it `<until>-<run>/<number>`."""
SMALL = 1024
"""Bytes of the smallest object: what a request costs by itself."""
SMALLS = 20
PART_S = 10.0
GRACE_S = 120.0
"""So long after its time a run that was not cleaned up counts as killed."""


@dataclass(slots=True)
class StorageProbe:
    """`run` once."""

    store: ObjectStore
    bucket: str
    objects: int
    size: int
    """Bytes of each."""
    seconds: float
    """Of each part in which many are on their way."""
    at_once: int
    left: list[Left] = field(default_factory=list)
    wall: Callable[[], float] = time.time
    _folder: str = ""
    _keys: set[str] = field(default_factory=set)

    def run(self, tell: Tell) -> Outcome:
        """Raises ObjectsUnavailable. What was made is removed, whatever happens."""
        began = time.perf_counter()
        self._sweep()
        until = round(self.wall() + 2 * self.seconds + 3 * PART_S + GRACE_S)
        self._folder = f"{PREFIX}{until}-{uuid.uuid4().hex[:8]}/"
        removed = None
        try:
            figures, facts = self._measured(tell)
            tell("removal")
            removed = self._removed()
        finally:
            self._clean()
        figures = (*figures, Figure("delete_p95", "an object is removed, p95", removed.at(0.95), Unit.SECONDS))
        did = f"{self.objects} objects of {self.size / 1e3:,.0f} kB written and read"
        took_s = time.perf_counter() - began
        return Outcome(Area.STORAGE, figures, for_storage(facts, figures), took_s, did, tuple(self.left))

    def _measured(self, tell: Tell) -> tuple[tuple[Figure, ...], StorageFacts]:
        tell("small objects")
        first = self._put("small", random.Random(0).randbytes(SMALL))
        small = repeat(lambda _: self._get(first), Bounds(PART_S, SMALLS))
        tell("uploads")
        body = random.Random(1).randbytes(self.size)
        written: list[str] = []
        puts = repeat(
            lambda n: written.append(self._put(str(n), body)), Bounds(self.seconds, self.objects, self.at_once)
        )  # fmt: skip
        tell("reads, one by one")
        alone = repeat(lambda n: self._get(written[n % len(written)]), Bounds(PART_S, min(SMALLS, len(written))))
        tell("reads at once")
        wanted = max(len(written), self.objects)
        crowd = repeat(lambda n: self._get(written[n % len(written)]), Bounds(self.seconds, wanted, self.at_once))
        facts = StorageFacts(
            first_s=small.at(0.5) or 0.0,
            read_s=alone.at(0.5) or 0.0,
            bytes_per_s=(crowd.per_second or 0.0) * self.size,
            at_once=self.at_once,
            size=self.size,
        )
        return _figures(small, puts, alone, crowd, facts), facts

    def _put(self, name: str, data: bytes) -> str:
        key = self._folder + name
        self._keys.add(key)  # noted first: where the answer is lost, it may be there
        self.store.put(self.bucket, key, data, "application/octet-stream")
        return key

    def _get(self, key: str) -> None:
        try:
            self.store.get(self.bucket, key, self.size + SMALL)
        except ObjectMissing as lost:
            text = f"{self.store.describe()} took an object in {self.bucket} and does not have it"
            raise ObjectsUnavailable(text, hint="lomi check --deep --only 'objects.*'") from lost

    def _removed(self) -> Timed:
        keys = sorted(self._keys)
        return repeat(lambda n: self._remove(keys[n]), Bounds(float("inf"), len(keys), self.at_once))

    def _remove(self, key: str) -> None:
        self.store.delete(self.bucket, key)
        self._keys.discard(key)

    def _clean(self) -> None:
        """What is still there."""
        for key in sorted(self._keys):
            try:
                self._remove(key)
            except LomiError as failure:
                name = f"{self._folder}* in {self.bucket}"
                self.left.append(Left(f"{len(self._keys)} objects", name, failure.message))
                return

    def _sweep(self) -> None:
        for key in list(self._over()):
            self.store.delete(self.bucket, key)

    def _over(self) -> Iterator[str]:
        """Objects of runs that are long over."""
        now = self.wall()
        for item in self.store.list(self.bucket, PREFIX):
            until = item.key.removeprefix(PREFIX).partition("-")[0]
            if until.isdecimal() and int(until) < now:
                yield item.key


def _figures(small: Timed, puts: Timed, alone: Timed, crowd: Timed, facts: StorageFacts) -> tuple[Figure, ...]:
    many, rate = f"{facts.at_once} at once", crowd.per_second
    photos = None if rate is None else rate * 60
    return (
        Figure("small_p50", "a small object is read, median", small.at(0.5), Unit.SECONDS),
        Figure("put_p95", f"a photo is uploaded, {many}, p95", puts.at(0.95), Unit.SECONDS),
        Figure("get_p50", "a photo is read, median", alone.at(0.5), Unit.SECONDS),
        Figure("get_p95", f"a photo is read, {many}, p95", crowd.at(0.95), Unit.SECONDS, PHOTO),
        Figure("photos_per_minute", f"photos read, {many}", photos, Unit.PER_MINUTE, PHOTOS),
        Figure("bytes_per_second", f"bytes read, {many}", facts.bytes_per_s, Unit.BYTES_PER_SECOND),
    )
