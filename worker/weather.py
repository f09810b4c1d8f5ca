"""What becomes of photos that could not be judged to the end: they wait, or a person gets them; and at whose expense.

Weather costs no attempt: an upstream is out as a whole, throttles, or never got to see the photo. A photo that an
upstream fails on while it serves others uses up the attempts of its job, and goes to a person at the last one. So one
bad photo can neither hold up everybody else's nor be tried for ever.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from uuid import UUID

from PIL import Image

from lomi_ops.clients.compreface.pool import NotAsked
from lomi_ops.clients.objects import ObjectStore
from lomi_ops.db.failures import DatabaseMisfit
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.decision import PhotoDecision
from lomi_ops.errors import (
    ConfigError,
    DatabaseUnavailable,
    FacesUnavailable,
    JobError,
    LomiError,
    ObjectsUnavailable,
    Throttled,
    Transient,
)
from worker.judging.judge import FaceFinder

CANARY_SIZE = (320, 320)
ABSENT_KEY = "lomi-health/no-such-object"


class Upstream(StrEnum):
    """What a photo can wait for; also the name of the hold that all machines see."""

    FACES = "compreface"
    OBJECTS = "objects"
    DATABASE = "postgres"
    LOMI = "lomi"
    """A bug of our own."""


class PhotoBug(LomiError):
    """Our own code failed over one photo. The others of its batch need not suffer for it."""


class Postponed(LomiError):
    """The job has to wait; what could be decided of it is kept."""

    def __init__(self, failure: Failure, *, everywhere: bool) -> None:
        super().__init__(failure.message, hint=failure.hint)
        self.failure = failure
        self.everywhere = everywhere
        """In bad weather: whether it is the same for all machines, or for this process alone."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A photo that could not be judged to the end."""

    media_id: UUID
    cause: LomiError
    for_person: PhotoDecision
    """What is decided about it once nobody waits any more."""


@dataclass(frozen=True, slots=True)
class Sorted:
    handed_over: tuple[PhotoDecision, ...] = ()
    """To a person, now."""
    postponed: Postponed | None = None
    """Why the others wait; None where none does."""


def sort_out(
    waiting: Sequence[Waiting], serves: Callable[[LomiError], bool], *, last_try: bool, too_long: bool
) -> Sorted:
    """Hands over what has waited `too_long`, and at the last try the photos that are to blame themselves.

    `serves` tells whether the upstream that a cause comes from serves other photos now; asked once per upstream, and
    only where it matters.
    """
    if too_long:
        return Sorted(tuple(each.for_person for each in waiting))
    known: dict[Upstream, bool] = {}

    def served(cause: LomiError) -> bool:
        upstream = upstream_of(cause)
        if upstream not in known:
            known[upstream] = serves(cause)
        return known[upstream]

    faulty = [each for each in waiting if not innocent(each.cause) and served(each.cause)]
    if faulty and not last_try:
        return Sorted(postponed=Postponed(photo_failure(faulty[0].cause), everywhere=False))
    handed_over = tuple(each.for_person for each in faulty)
    causes = [each.cause for each in waiting if each not in faulty]
    if not causes:
        return Sorted(handed_over)
    everywhere = not all(isinstance(cause, NotAsked) and served(cause) for cause in causes)
    return Sorted(handed_over, Postponed(bad_weather(causes), everywhere=everywhere))


def innocent(cause: LomiError) -> bool:
    """True for what says nothing about the photo, whatever the upstream would say about another one."""
    return isinstance(cause, NotAsked | Throttled | DatabaseUnavailable | DatabaseMisfit)


def upstream_of(cause: LomiError) -> Upstream:
    match cause:
        case FacesUnavailable() | Throttled() | ConfigError():
            return Upstream.FACES
        case ObjectsUnavailable():
            return Upstream.OBJECTS
        case DatabaseUnavailable() | DatabaseMisfit():
            return Upstream.DATABASE
        case _:
            return Upstream.LOMI


def photo_failure(cause: LomiError) -> Failure:
    """A try that counts: `compreface_failed`, `objects_failed`, `lomi_failed`."""
    return replace(Failure.of(cause), error_class=ErrorClass.TRANSIENT, code=f"{upstream_of(cause)}_failed")


def bad_weather(causes: Sequence[LomiError]) -> Failure:
    """A try that does not count. Who asks to slow down says how long; else the first trouble speaks for all."""
    throttled = [cause for cause in causes if isinstance(cause, Throttled)]
    if throttled:
        longest = max(throttled, key=lambda each: each.retry_after_s or 0.0)
        return replace(Failure.of(longest), code=Upstream.FACES.value)
    cause = next((each for each in causes if not isinstance(each, NotAsked)), causes[0])
    failure = replace(Failure.of(cause), error_class=ErrorClass.OUTAGE, code=upstream_of(cause).value)
    return failure if failure.hint else replace(failure, hint="lomi check")


@dataclass(frozen=True, slots=True)
class Outlook:
    """Asks an upstream that failed on one photo about something that is certainly no trouble."""

    store: ObjectStore
    bucket: str
    finder: FaceFinder | None

    def serves(self, cause: LomiError) -> bool:
        """Whether the upstream that `cause` comes from serves others at this moment; if it does, the photo is to blame,
        unless it was never asked about it."""
        match upstream_of(cause):
            case Upstream.FACES:
                return self.finder is not None and self.finder.answers(canary(), CANARY_SIZE)
            case Upstream.OBJECTS:
                return self._store_answers()
            case Upstream.DATABASE:
                return False
            case Upstream.LOMI:
                return True

    def _store_answers(self) -> bool:
        try:
            self.store.size(self.bucket, ABSENT_KEY)
        except (Transient, JobError):
            return False
        return True


@cache
def canary() -> bytes:
    """A JPEG that any face service can read: shades of grey, nobody in it."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize(CANARY_SIZE).convert("RGB").save(file, "JPEG", quality=80)
    return file.getvalue()
