"""The face service as its users see it: one or several endpoints behind one `find`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self, TypeVar

from lomi_ops.clients.compreface.answers import Inventory
from lomi_ops.clients.compreface.breaker import Breaker, State
from lomi_ops.clients.compreface.client import DEFAULT_KEY_WARNING, Endpoint, Health
from lomi_ops.clients.compreface.outcome import Kind, Outcome, another_try
from lomi_ops.clients.threads import all_at_once
from lomi_ops.config.sections.services import CompreFaceSection
from lomi_ops.domain.finding import Engine, EngineReport, EngineStatus
from lomi_ops.errors import ConfigError, FacesUnavailable, Throttled, Transient

_T = TypeVar("_T")

_PATIENCE = 4
"""Times `timeout_s` that a caller waits for a free place: four rounds of calls that all run into their timeout."""


class NotAsked(FacesUnavailable):
    """No endpoint was asked about the photo: all are ejected or busy. It says nothing about the photo itself."""


class HeldBack(Throttled):
    """No endpoint was asked about the photo, since all that are well asked to slow down a moment ago."""


@dataclass(slots=True, eq=False)
class Place:
    """One endpoint and what its callers know of it. Changed only under the pool's lock."""

    endpoint: Endpoint
    breaker: Breaker
    in_flight: int = 0
    last_turn: int = 0
    """Number of the pool's turn at which it was taken last."""
    trouble: str = ""
    """The last thing that went wrong."""


def choose(places: Sequence[Place], tried: Collection[Place], now: float, concurrency: int) -> Place | None:
    """The place for the next try, or None while all that may be called are full, or the only ones are being tried by
    somebody else. Raises NotAsked or HeldBack when none may.

    Untried places first; an ejected one whose time is over before all others, since somebody has to look; then the
    least busy, then the one whose turn is longest ago.
    """
    usable = [place for place in places if place.breaker.admits(now)]
    if not usable:
        if any(place.breaker.state is State.HALF_OPEN for place in places):
            return None
        raise _none_left(places, now)
    fresh = [place for place in usable if place not in tried] or usable
    free = [place for place in fresh if place.in_flight < concurrency]
    return min(free, key=lambda p: (not p.breaker.due(now), p.in_flight, p.last_turn), default=None)


def unavailable_report(error: Transient) -> EngineReport:
    """The report for a photo that is decided without an answer; a policy that requires faces never approves it."""
    return EngineReport(Engine.FACES, "compreface", status=EngineStatus.UNAVAILABLE, detail=error.message)


class FaceService:
    """Least busy endpoint first, at most `concurrency` calls at each, ejected on failures, readmitted by health.

    Thread-safe; `concurrency` counts the callers of this process. `clock` is monotonic seconds.
    """

    def __init__(self, section: CompreFaceSection, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises ConfigError where no usable URL is configured. Connects to nothing."""
        if not section.urls:
            raise ConfigError("no CompreFace is configured", hint="set compreface.urls or COMPREFACE_URL")
        self._section = section
        self._clock = clock
        self._changed = threading.Condition()
        self._turn = 0
        fresh = Breaker(section.breaker_failures, section.breaker_reset_s)
        self._places = [Place(Endpoint(url, section), fresh) for url in dict.fromkeys(section.urls)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for place in self._places:
            place.endpoint.close()

    @property
    def uses_default_key(self) -> bool:
        """Whether the well-known key is sent; in mode auto known after the first call."""
        return any(place.endpoint.uses_default_key for place in self._places)

    @property
    def warning(self) -> str:
        return DEFAULT_KEY_WARNING if self.uses_default_key else ""

    def find(self, jpeg: bytes, scale: float, size: tuple[int, int]) -> EngineReport:
        """Faces and ages of one photo that the caller has decoded and encoded again, upright.

        `size` is (width, height) of the upright photo and `scale` its pixels per pixel of `jpeg`; boxes come in the
        photo's pixels. Waits for a free place. Raises FacesUnavailable (NotAsked where no endpoint saw the photo),
        Throttled, or ConfigError where the settings are to blame; no faces at all is an answer without findings.
        """
        tried: list[Place] = []
        outcomes: list[Outcome] = []
        while True:
            place = self._take(tried, outcomes)
            if place is None:
                continue
            outcome, report = self._call(place, jpeg, scale, size)
            tried.append(place)
            outcomes.append(outcome)
            if report is not None:
                return report
            if not another_try(outcomes, self._section.attempts):
                raise _error(outcome)

    def health(self) -> tuple[Health, ...]:
        """Asks every endpoint at once, in the order of the settings; it changes nothing and raises nothing."""
        answers = all_at_once(lambda place: place.endpoint.health(), self._places)
        with self._changed:
            return tuple(
                replace(answer, ejected=place.breaker.state is not State.CLOSED)
                for answer, place in zip(answers, self._places, strict=True)
            )

    def answers(self, jpeg: bytes, size: tuple[int, int]) -> bool:
        """Whether any endpoint, ejected or not, has an answer about this photo now. A healthy one may have none (a
        refused key, a core that is gone behind its API). Asks all at once and raises nothing; who answers is no longer
        ejected."""
        reports = all_at_once(lambda place: place.endpoint.find(jpeg, 1.0, size)[1], self._places)
        well = [place for place, report in zip(self._places, reports, strict=True) if report is not None]
        with self._changed:
            for place in well:
                place.breaker = place.breaker.answering()
            self._changed.notify_all()
        return bool(well)

    def inventory(self) -> dict[str, Inventory]:
        """What each endpoint is made of, by URL. Raises FacesUnavailable or ConfigError where one cannot say."""
        return {place.endpoint.label: place.endpoint.profile().inventory for place in self._places}

    @property
    def made_of(self) -> tuple[str, str] | None:
        """Model and version that every endpoint has named; None where they differ, or one has not named build and
        plugins. Asks nobody."""
        known = [place.endpoint.known for place in self._places]
        told = {(each.model, each.version) if each and each.whole else None for each in known}
        return told.pop() if len(told) == 1 else None

    def exposed(self, jpeg: bytes) -> list[str]:
        """The endpoints that detect faces for the well-known key. Raises FacesUnavailable or ConfigError."""
        return [place.endpoint.label for place in self._places if place.endpoint.takes_default_key(jpeg)]

    def _take(self, tried: Sequence[Place], outcomes: Sequence[Outcome]) -> Place | None:
        """A place with one call counted on it; None where an ejected one was looked at and is not well.

        After a failed try, having no other place left is that try's error and not a new one.
        """
        try:
            place, ejected = self._reserve(tried)
        except (FacesUnavailable, Throttled) as none_left:
            raise (_error(outcomes[-1]) if outcomes else none_left) from None
        return place if not ejected or self._well_again(place) else None

    def _reserve(self, tried: Sequence[Place]) -> tuple[Place, bool]:
        """Waits for a place; says whether it is an ejected one that this caller has to look at first."""
        patience = time.monotonic() + _PATIENCE * self._section.timeout_s
        with self._changed:
            while True:
                now = self._clock()
                place = choose(self._places, tried, now, self._section.concurrency)
                if place is not None:
                    if place.breaker.due(now):
                        place.breaker = place.breaker.trying()
                    ejected = place.breaker.state is State.HALF_OPEN
                    self._turn += 1
                    place.last_turn = self._turn
                    place.in_flight += 1
                    return place, ejected
                if not self._changed.wait(max(0.0, patience - time.monotonic())):
                    raise NotAsked(
                        f"all places at CompreFace were taken for {_PATIENCE * self._section.timeout_s:g} s",
                        hint="add an endpoint to compreface.urls, or run fewer workers",
                    )

    def _well_again(self, place: Place) -> bool:
        place.endpoint.forget()
        health = self._guarded(place, place.endpoint.health)
        if not health.ok:
            self._leave(place, Outcome(Kind.UNAVAILABLE, health.detail))
        return health.ok

    def _call(
        self, place: Place, jpeg: bytes, scale: float, size: tuple[int, int]
    ) -> tuple[Outcome, EngineReport | None]:
        result = self._guarded(place, lambda: place.endpoint.find(jpeg, scale, size))
        self._leave(place, result[0])
        return result

    def _guarded(self, place: Place, call: Callable[[], _T]) -> _T:
        """An interrupt must not keep the place for ever."""
        try:
            return call()
        except BaseException:
            self._leave(place, Outcome(Kind.UNAVAILABLE, "the call was interrupted"))
            raise

    def _leave(self, place: Place, outcome: Outcome) -> None:
        with self._changed:
            now = self._clock()
            place.in_flight -= 1
            place.trouble = "" if outcome.answered else outcome.detail
            if outcome.answered:
                place.breaker = place.breaker.succeeded()
            elif outcome.kind is Kind.THROTTLED:
                place.breaker = place.breaker.held(now, outcome.retry_after_s)
            else:
                place.breaker = place.breaker.failed(now)
            self._changed.notify_all()


def _error(outcome: Outcome) -> ConfigError | Transient:
    match outcome.kind:
        case Kind.MISCONFIGURED:
            return ConfigError(outcome.detail, hint=outcome.hint)
        case Kind.THROTTLED:
            return Throttled(outcome.detail, retry_after_s=outcome.retry_after_s)
        case _:
            return FacesUnavailable(outcome.detail, hint=outcome.hint)


def _none_left(places: Sequence[Place], now: float) -> NotAsked | HeldBack:
    held = [place.breaker.until - now for place in places if place.breaker.asked]
    said = _all_ejected(places)
    return HeldBack(said, retry_after_s=min(held)) if held else NotAsked(said)


def _all_ejected(places: Sequence[Place]) -> str:
    """Every endpoint with its last trouble, for the log line that somebody reads at night."""
    troubles = "; ".join(place.trouble or f"{place.endpoint.label} is being tried" for place in places)
    return f"no CompreFace endpoint is in use ({troubles})"
