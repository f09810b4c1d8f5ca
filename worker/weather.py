"""What becomes of photos that could not be judged to the end: they wait, or a person gets them; and at whose expense.

Weather costs no attempt: an upstream is out as a whole, throttles, or never got to see the photo. A photo that an
upstream fails on while it serves others (`domain.attempt.blame`) uses up the attempts of its job, and goes to a person
at the last one. So one bad photo can neither hold up everybody else's nor be tried for ever.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from uuid import UUID

from PIL import Image

from lomi_ops.clients.compreface.pool import NotAsked
from lomi_ops.clients.objects import ObjectStore
from lomi_ops.db.failures import DatabaseMisfit
from lomi_ops.domain.attempt import Blame, ErrorClass, Failure, blame
from lomi_ops.domain.decision import PhotoDecision
from lomi_ops.domain.finding import Engine
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
    again: Callable[[], PhotoDecision | Waiting] | None = None
    """Judges it once more. None where that would prove nothing: a bug of ours has no weather."""


@dataclass(frozen=True, slots=True)
class Sorted:
    decided: tuple[PhotoDecision, ...] = ()
    """Judged after all, when they were tried once more."""
    handed_over: tuple[PhotoDecision, ...] = ()
    """To a person, now."""
    postponed: Postponed | None = None
    """Why the others wait; None where none does."""
    given_up_on: Failure | None = None
    """The outage that those waited for which were handed over because it lasts too long."""
    serving: frozenset[Upstream] = frozenset()
    """Upstreams that served something meanwhile."""


def sort_out(
    waiting: Sequence[Waiting],
    serves: Callable[[LomiError], bool],
    *,
    last_try: bool,
    overdue: Collection[str] = (),
) -> Sorted:
    """Hands over what waits for an upstream that is `overdue`, and at the last try the photos that are to blame
    themselves.

    `serves` tells whether the upstream that a cause comes from serves something harmless now; asked only where it
    matters.
    """
    late = [each for each in waiting if upstream_of(each.cause) in overdue]
    witness = _Witness(serves)
    decided: list[PhotoDecision] = []
    faulty: list[Waiting] = []
    innocents: list[Waiting] = []
    for each in (each for each in waiting if upstream_of(each.cause) not in overdue):
        answer, blamed = witness.examine(each)
        if isinstance(answer, PhotoDecision):
            decided.append(answer)
        else:
            (faulty if blamed is Blame.PHOTO else innocents).append(answer)
    handed_over = [*late, *(faulty if last_try else ())]
    return Sorted(
        tuple(decided),
        tuple(each.for_person for each in handed_over),
        _postponed(() if last_try else faulty, innocents, witness),
        bad_weather([each.cause for each in late]) if late else None,
        witness.serving,
    )


def _postponed(faulty: Sequence[Waiting], innocents: Sequence[Waiting], witness: _Witness) -> Postponed | None:
    if faulty:
        return Postponed(photo_failure(faulty[0].cause), everywhere=False)
    causes = [each.cause for each in innocents]
    if not causes:
        return None
    asked = [cause for cause in causes if not isinstance(cause, NotAsked)]
    everywhere = bool(asked) or not all(witness.serves(cause) for cause in causes)
    return Postponed(bad_weather(causes), everywhere=everywhere)


@dataclass(slots=True)
class _Witness:
    """Remembers the last answer of each upstream about something harmless."""

    ask: Callable[[LomiError], bool]
    known: dict[Upstream, bool] = field(default_factory=dict)

    @property
    def serving(self) -> frozenset[Upstream]:
        return frozenset(upstream for upstream, served in self.known.items() if served)

    def serves(self, cause: LomiError, *, now: bool = False) -> bool:
        """`now`: asked anew, unless it served nothing the last time."""
        upstream = upstream_of(cause)
        if upstream not in self.known or (now and self.known[upstream]):
            self.known[upstream] = self.ask(cause)
        return self.known[upstream]

    def examine(self, suspect: Waiting) -> tuple[PhotoDecision | Waiting, Blame]:
        """The photo's answer when it is tried once more, between two questions, and whether it is to blame."""
        asked = not isinstance(suspect.cause, NotAsked)
        if (asked and innocent(suspect.cause)) or not (before := self.serves(suspect.cause)):
            return suspect, Blame.WEATHER
        if suspect.again is None:
            return suspect, Blame.PHOTO if asked else Blame.WEATHER
        answer = suspect.again()
        failed = asked and isinstance(answer, Waiting) and not innocent(answer.cause)
        after = failed and self.serves(suspect.cause, now=True)
        return answer, blame(served_before=before, failed_again=failed, served_after=after)


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


def shown(decisions: Iterable[PhotoDecision]) -> frozenset[Upstream]:
    """Upstreams whose answers these decisions stand on. A photo that was no image never got to the face service, nor
    did one whose findings are an earlier photo's."""
    found: set[Upstream] = set()
    for decision in decisions:
        found |= {Upstream.OBJECTS, Upstream.LOMI}
        faces = decision.evidence.report(Engine.FACES) if decision.evidence and decision.taken is None else None
        if faces is not None and faces.answered and faces.model.startswith(Upstream.FACES.value):
            found.add(Upstream.FACES)
    return frozenset(found)


def shown_to_work(outages: Iterable[str], shown: Collection[str], *, finished: bool, has_faces: bool) -> list[str]:
    """The breakers that this job closes. What this worker never asks (an upstream of another version's, or a face
    service that it does not have) could stay open for ever, so a job that was finished closes that, too."""
    asked = {Upstream.OBJECTS.value, Upstream.DATABASE.value} | ({Upstream.FACES.value} if has_faces else set())
    return [name for name in outages if name in shown or (finished and name not in asked)]


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
