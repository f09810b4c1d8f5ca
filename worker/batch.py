"""The photos of one job: fetched at once, looked at one after another, concluded as answers come in."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar
from uuid import UUID

from lomi_ops.clients.objects import ObjectStore
from lomi_ops.config.schema import Settings
from lomi_ops.domain.decision import PhotoDecision, fail
from lomi_ops.domain.job import PhotoRef
from lomi_ops.domain.policy import Requirement, missing
from lomi_ops.domain.regime import Rule
from lomi_ops.domain.reuse import Inputs
from lomi_ops.domain.verdict import FailureCode, Reason
from lomi_ops.errors import FacesUnavailable, LomiError, PhotoError, Transient
from worker.judging.host import JudgeCrash, JudgeDown, JudgingProcess
from worker.judging.judge import FaceFinder, Judged, conclude, look_twice, to_person
from worker.judging.look import Look
from worker.reuse import NOTHING, Recall, Recalled, inputs_of, kept
from worker.weather import Outlook, PhotoBug, Waiting

log = logging.getLogger(__name__)

ASK_AGAIN_S = 0.5
"""How long a slot sleeps over a download or a face call before it asks again whether the job is still its own."""

Result = TypeVar("Result")
Answer = PhotoDecision | Waiting


class CrashBook(Protocol):
    """Remembers across workers how often a photo killed its judge."""

    def note_crash(self, media_id: UUID) -> int:
        """One more; how many now."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch: decisions for the photos that could be judged, and the rest with what it waits for."""

    decisions: tuple[PhotoDecision, ...]
    waiting: tuple[Waiting, ...] = ()
    downloads_s: tuple[float, ...] = ()
    """How long each object took that came."""


@dataclass(frozen=True, slots=True)
class BatchJudge:
    """Judges batches. One per slot: it owns the slot's judging process."""

    process: JudgingProcess
    store: ObjectStore
    finder: FaceFinder | None
    rule: Rule
    """Of the user whose photos these are."""
    settings: Settings
    pool: ThreadPoolExecutor
    """Runs downloads and calls to the face service; never inference."""
    recall: Recall | None = None
    """Knows bytes that were looked at before; None where nothing is taken again."""

    @property
    def outlook(self) -> Outlook:
        return Outlook(self.store, self.settings.objects.bucket_photos, self.finder)

    def under(self, rule: Rule) -> BatchJudge:
        """The same, by another rule."""
        return self if rule == self.rule else replace(self, rule=rule)

    def judge(self, photos: Sequence[PhotoRef], crashes: CrashBook, alive: Callable[[], None]) -> Outcome:
        """Decides every photo that can be decided. Raises what `alive` raises once the job is no longer ours,
        JobError where the job itself is at fault, and ModelError or JudgeDown where this machine cannot judge."""
        spent: list[float] = []
        fetched = deque((photo, self.pool.submit(self._fetch, photo, spent)) for photo in photos)
        pending: list[Answer | Future[Answer]] = []
        try:
            while fetched:
                # Taken out of the queue, so that nine large photos are not all kept until the last one is decided.
                pending.append(self._start(*fetched.popleft(), crashes, alive))
            answers = [_await(each, alive) if isinstance(each, Future) else each for each in pending]
        finally:
            for future in (*(future for _, future in fetched), *pending):
                if isinstance(future, Future):
                    future.cancel()
        return Outcome(
            tuple(answer for answer in answers if isinstance(answer, PhotoDecision)),
            tuple(answer for answer in answers if isinstance(answer, Waiting)),
            tuple(spent),
        )

    def _fetch(self, photo: PhotoRef, spent: list[float]) -> bytes:
        began = time.monotonic()
        data = self.store.get(photo.bucket, photo.key, self.settings.images.max_bytes)
        spent.append(time.monotonic() - began)
        return data

    def _start(
        self, photo: PhotoRef, fetched: Future[bytes], crashes: CrashBook, alive: Callable[[], None]
    ) -> Answer | Future[Answer]:
        """Looks at the pixels now; asks the face service in the background, where there is one."""
        alive()
        try:
            data = _await(fetched, alive)
            recalled = self._recall(photo, data)
            if recalled.decision is not None:
                return recalled.decision
            look = self._look(photo, data, crashes, alive)
        except PhotoError as failure:
            return fail(photo.media_id, FailureCode(failure.code), failure.message)
        except JudgeCrash as crash:
            return to_person(photo.media_id, Reason.CRASH, crash.message, self.rule)
        except JudgeDown:
            # Killed by whoever took the job from us, or not able to start at all?
            alive()
            raise
        except Transient as outage:
            return self._waiting(photo, outage, lambda: self._once_more(photo, crashes, alive))
        except LomiError:
            raise
        except Exception as bug:  # noqa: BLE001 - one photo's bad luck is not its batch's
            return self._bug(photo, bug)
        inputs = self._inputs() if recalled.inputs else None
        if self.finder is None:
            return self._conclude(photo, look, alive, inputs)
        return self.pool.submit(self._conclude, photo, look, alive, inputs)

    def _once_more(self, photo: PhotoRef, crashes: CrashBook, alive: Callable[[], None]) -> Answer:
        started = self._start(photo, self.pool.submit(self._fetch, photo, []), crashes, alive)
        return _await(started, alive) if isinstance(started, Future) else started

    def _recall(self, photo: PhotoRef, data: bytes) -> Recalled:
        return self.recall.ask(photo.media_id, data, self._inputs(), self.rule) if self.recall else NOTHING

    def _inputs(self) -> Inputs | None:
        """Of the process as it is now: one that a photo killed was replaced, perhaps by one with other models."""
        faces = self.finder.made_of if self.finder is not None else None
        return inputs_of(self.settings, self.process.engines, self.process.made_of, faces)

    def _look(self, photo: PhotoRef, data: bytes, crashes: CrashBook, alive: Callable[[], None]) -> Look:
        """Raises JudgeCrash for a photo that killed two judging processes, in this attempt or an earlier one."""

        def crashed(crash: JudgeCrash) -> int:
            alive()
            count = crashes.note_crash(photo.media_id)
            fields = {"action": "judge_crashed", "media_id": str(photo.media_id), "crashes": count}
            log.error(crash.message, extra=fields)
            return count

        return look_twice(self.process, data, canonical=self.finder is not None, crashed=crashed)

    def _conclude(self, photo: PhotoRef, look: Look, alive: Callable[[], None], inputs: Inputs | None) -> Answer:
        try:
            judged = conclude(photo.media_id, look, self.rule, self.finder)
        except Exception as bug:  # noqa: BLE001 - one photo's bad luck is not its batch's
            return self._bug(photo, bug)
        if judged.incomplete and self._service_owes(judged):
            cause = judged.outage or FacesUnavailable(judged.decision.detail or "required evidence is missing")
            again = partial(self._conclude_again, photo, look, alive, inputs)
            return Waiting(photo.media_id, cause, judged.decision, again)
        # A model of our own that failed on this photo will fail again: a person looks.
        return kept(judged.decision, inputs)

    def _conclude_again(self, photo: PhotoRef, look: Look, alive: Callable[[], None], inputs: Inputs | None) -> Answer:
        return _await(self.pool.submit(self._conclude, photo, look, alive, inputs), alive)

    def _service_owes(self, judged: Judged) -> bool:
        """Whether what is missing is the face service's to say."""
        evidence = judged.decision.evidence
        if self.finder is None or evidence is None:
            return False
        asked = (self.rule.policy, *self.rule.guards)
        return any({Requirement.FACES, Requirement.AGE} & set(missing(evidence, policy)) for policy in asked)

    def _waiting(self, photo: PhotoRef, cause: LomiError, again: Callable[[], Answer] | None = None) -> Waiting:
        decision = to_person(photo.media_id, Reason.MISSING_EVIDENCE, cause.message, self.rule)
        return Waiting(photo.media_id, cause, decision, again)

    def _bug(self, photo: PhotoRef, bug: Exception) -> Waiting:
        fields = {"action": "photo_bug", "media_id": str(photo.media_id)}
        log.error("judging failed inside lomi", exc_info=bug, extra=fields)
        return self._waiting(photo, PhotoBug(f"{type(bug).__name__} inside lomi", hint="the worker's log: photo_bug"))


def _await(future: Future[Result], alive: Callable[[], None]) -> Result:
    """The result, unless `alive` raises first: a download that hangs must not keep a job that is no longer ours."""
    while True:
        try:
            return future.result(ASK_AGAIN_S)
        except TimeoutError:
            if future.done():
                return future.result()
            alive()


def in_order(photos: Sequence[PhotoRef], decisions: Mapping[UUID, PhotoDecision]) -> list[PhotoDecision]:
    """Decisions in the order of the batch."""
    return [decisions[photo.media_id] for photo in photos if photo.media_id in decisions]
