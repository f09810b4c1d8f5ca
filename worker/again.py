"""Judges photos again, beside the workers: the same child, the same engines, the same policy as the run loop."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from queue import SimpleQueue
from uuid import UUID

from lomi_ops.config.schema import Settings
from lomi_ops.domain.golden import misjudged
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.regime import Rule
from lomi_ops.domain.remoderate import Fate, Rejudged
from lomi_ops.errors import PhotoError
from lomi_ops.imaging.golden import SIZE, portrait
from worker.judging.host import JudgeCrash, JudgingProcess
from worker.judging.judge import FaceFinder, Judged, conclude, look_twice
from worker.judging.wire import Begin, LoadedEngine


class Again:
    """Judging processes, as many as half of the cores: the other half is left to whoever judges live uploads here."""

    def __init__(
        self, processes: Sequence[JudgingProcess], pool: ThreadPoolExecutor, policy: Policy, finder: FaceFinder | None
    ) -> None:
        self.width = len(processes)
        self._idle: SimpleQueue[JudgingProcess] = SimpleQueue()
        for process in processes:
            self._idle.put(process)
        self._pool, self._policy, self._finder = pool, policy, finder
        self.engines: tuple[LoadedEngine, ...] = processes[0].engines
        self.fault = misjudged(processes[0].golden, policy) if processes[0].golden else ""
        """What the engines say about the portrait that every worker looks at, where it is wrong."""

    def judge(self, photos: Sequence[tuple[UUID, bytes]]) -> list[Rejudged]:
        """In the order of `photos`. Nothing is decided without every answer that the policy requires."""
        return list(self._pool.map(lambda photo: self._one(*photo), photos))

    def lives(self) -> bool:
        """Whether the face service has an answer about a photo of which everybody knows that it shows a face."""
        return self._finder is None or self._finder.answers(portrait(), SIZE)

    def _one(self, media_id: UUID, data: bytes) -> Rejudged:
        process, deaths = self._idle.get(), count(1)
        try:
            look = look_twice(process, data, canonical=self._finder is not None, crashed=lambda _: next(deaths))
        except PhotoError:
            return Rejudged(media_id, None, Fate.UNREADABLE)
        except JudgeCrash:
            return Rejudged(media_id, None)
        finally:
            self._idle.put(process)
        judged = conclude(media_id, look, Rule(self._policy), self._finder)
        if judged.incomplete:
            return Rejudged(media_id, None, outage=judged.outage is not None)
        return Rejudged(media_id, judged.decision)


def once(settings: Settings, policy: Policy, finder: FaceFinder | None, media_id: UUID, data: bytes) -> Judged:
    """One photo, looked at by a process of its own, also where some engine gives no answer.

    Raises ModelError where a required model is missing or wrong, PhotoError for what cannot be decoded, JudgeCrash
    where it twice killed the process.
    """
    begin = Begin(settings.images, settings.models, policy, bool(settings.compreface.urls))
    process, deaths = JudgingProcess(begin, timeout_s=settings.images.decode_timeout_s), count(1)
    try:
        process.start()
        look = look_twice(process, data, canonical=finder is not None, crashed=lambda _: next(deaths))
    finally:
        process.close()
    return conclude(media_id, look, Rule(policy), finder)


@contextmanager
def again(settings: Settings, policy: Policy, finder: FaceFinder | None) -> Iterator[Again]:
    """Raises ModelError before the first photo when a required model is missing or wrong."""
    begin = Begin(settings.images, settings.models, policy, bool(settings.compreface.urls))
    width = max(1, len(os.sched_getaffinity(0)) // 2)
    with ExitStack() as stack:
        processes = [JudgingProcess(begin, timeout_s=settings.images.decode_timeout_s) for _ in range(width)]
        for process in processes:
            stack.callback(process.close)
        processes[0].start()
        pool = stack.enter_context(ThreadPoolExecutor(width))
        yield Again(processes, pool, policy, finder)
