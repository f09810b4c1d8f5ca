"""The photos of one job: fetched at once, looked at one after another, concluded as answers come in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from lomi_ops.clients.objects import ObjectStore
from lomi_ops.config.schema import Settings
from lomi_ops.domain.decision import PhotoDecision, fail
from lomi_ops.domain.job import PhotoRef
from lomi_ops.domain.policy import Policy, Requirement, missing
from lomi_ops.domain.verdict import FailureCode, Reason
from lomi_ops.errors import FacesUnavailable, JobError, ObjectsUnavailable, PhotoError, Throttled, Transient
from worker.judging.host import JudgeCrash, JudgeDown, JudgingProcess
from worker.judging.judge import FaceFinder, Judged, conclude, to_person
from worker.judging.look import Look

log = logging.getLogger(__name__)

CRASHES_TO_PERSON = 2
"""The first death of a judging process may be chance; the second one over the same photo is the photo."""


class CrashBook(Protocol):
    """Remembers across workers how often a photo killed its judge."""

    def note_crash(self, media_id: UUID) -> int:
        """One more; how many now."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch: decisions for the photos that could be judged, the weather for the rest."""

    decisions: tuple[PhotoDecision, ...]
    waiting: tuple[tuple[UUID, Transient], ...] = ()
    """Photos whose engine or store is out."""


@dataclass(frozen=True, slots=True)
class BatchJudge:
    """Judges batches. One per slot: it owns the slot's judging process."""

    process: JudgingProcess
    store: ObjectStore
    finder: FaceFinder | None
    policy: Policy
    settings: Settings
    pool: ThreadPoolExecutor
    """Runs downloads and calls to the face service; never inference."""

    def judge(
        self, photos: Sequence[PhotoRef], crashes: CrashBook, alive: Callable[[], None], *, give_up: bool
    ) -> Outcome:
        """Decides every photo that can be decided. Raises what `alive` raises once the job is no longer ours, and
        JobError where the job itself is at fault.

        `give_up`: the outage limit has passed, so that photos without their evidence go to a person.
        """
        fetched = [(photo, self.pool.submit(self._fetch, photo)) for photo in photos]
        try:
            pending = [(photo, self._start(photo, bytes_of, crashes, alive)) for photo, bytes_of in fetched]
            results = [(photo, self._finish(photo, answer, give_up=give_up)) for photo, answer in pending]
        finally:
            for _, future in fetched:
                future.cancel()
        decided = tuple(result for _, result in results if isinstance(result, PhotoDecision))
        waiting = tuple((photo.media_id, result) for photo, result in results if isinstance(result, Transient))
        return Outcome(decided, waiting)

    def _fetch(self, photo: PhotoRef) -> bytes:
        return self.store.get(photo.bucket, photo.key, self.settings.images.max_bytes)

    def _start(
        self, photo: PhotoRef, fetched: Future[bytes], crashes: CrashBook, alive: Callable[[], None]
    ) -> Future[PhotoDecision | Transient] | PhotoDecision | Transient:
        """Looks at the pixels now; asks the face service in the background."""
        alive()
        try:
            look = self._look(photo, fetched.result(), crashes, alive)
        except PhotoError as failure:
            return fail(photo.media_id, FailureCode(failure.code), failure.message)
        except (JobError, JudgeDown):
            raise
        except Transient as outage:
            return outage
        except JudgeCrash as crash:
            return to_person(photo.media_id, Reason.CRASH, crash.message, self.policy)
        return self.pool.submit(self._conclude, photo, look)

    def _look(self, photo: PhotoRef, data: bytes, crashes: CrashBook, alive: Callable[[], None]) -> Look:
        """One look; a second one in a fresh process where the first one died. Raises JudgeCrash after that."""
        while True:
            try:
                return self.process.look(data, canonical=self.finder is not None)
            except JudgeCrash as crash:
                alive()
                count = crashes.note_crash(photo.media_id)
                fields = {"action": "judge_crashed", "media_id": str(photo.media_id), "crashes": count}
                log.error(crash.message, extra=fields)
                if count >= CRASHES_TO_PERSON:
                    raise

    def _conclude(self, photo: PhotoRef, look: Look) -> PhotoDecision | Transient:
        judged = conclude(photo.media_id, look, self.policy, self.finder)
        if not judged.incomplete or not self._service_owes(judged):
            # A model of our own that failed on this photo will fail again: a person looks.
            return judged.decision
        return Unfinished(judged.decision)

    def _service_owes(self, judged: Judged) -> bool:
        """Whether what is missing is the face service's to say."""
        evidence = judged.decision.evidence
        if self.finder is None or evidence is None:
            return False
        return bool({Requirement.FACES, Requirement.AGE} & set(missing(evidence, self.policy)))

    def is_down(self, outage: Transient) -> bool:
        """Whether an upstream is out as a whole, or merely failed on one photo: then nobody else has to wait for it."""
        if isinstance(outage, FacesUnavailable | Throttled):
            return self.finder is not None and not any(answer.ok for answer in self.finder.health())
        if isinstance(outage, ObjectsUnavailable):
            return not self._store_answers()
        return True

    def _store_answers(self) -> bool:
        try:
            self.store.size(self.settings.objects.bucket_photos, "lomi-health/no-such-object")
        except (Transient, JobError):
            return False
        return True

    def _finish(
        self,
        photo: PhotoRef,
        answer: Future[PhotoDecision | Transient] | PhotoDecision | Transient,
        *,
        give_up: bool,
    ) -> PhotoDecision | Transient:
        result = answer.result() if isinstance(answer, Future) else answer
        if not give_up or isinstance(result, PhotoDecision):
            return result
        if isinstance(result, Unfinished):
            return result.decision
        return to_person(photo.media_id, Reason.MISSING_EVIDENCE, result.message, self.policy)


class Unfinished(FacesUnavailable):
    """A photo without the answer of the face service. Carries the decision for a person, if it comes to that."""

    def __init__(self, decision: PhotoDecision) -> None:
        super().__init__(decision.detail or "required evidence is missing")
        self.decision = decision


def in_order(photos: Sequence[PhotoRef], decisions: Mapping[UUID, PhotoDecision]) -> list[PhotoDecision]:
    """Decisions in the order of the batch."""
    return [decisions[photo.media_id] for photo in photos if photo.media_id in decisions]
