"""A run of checks: everything at once as far as needs and targets allow; what rests on something that failed is
blocked, and nothing else stops."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lomi_ops.domain.check import CheckResult, CheckSpec, Found, Status, blocked_by, tempered
from lomi_ops.domain.check_choice import Chosen
from lomi_ops.errors import DatabaseUnavailable, LomiError, RedisUnavailable, Transient
from lomi_ops.ops.checks.handles import Check, Handles

RUN_S = 15.0
"""For the whole run. The clients give up before a check's own limit and say more; these are for a server that falls
silent in between."""
AT_ONCE = 4
"""Checks that ask the same target at the same time."""
_SERVER_TIMEOUTS = frozenset({"QueryCanceled", "LockNotAvailable"})
_HUNG_HINT = "see whether the service hangs; its own log says more than we can"
_LOST_HINT = "see whether it runs where we look for it: lomi config show --origin"


@dataclass(frozen=True, slots=True)
class _Started:
    spec: CheckSpec
    at: float
    deadline: float


def run_checks(
    at: Handles,
    checks: Sequence[Check],
    chosen: Sequence[Chosen],
    *,
    limit_s: float = RUN_S,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[CheckResult]:
    """Each chosen check once, as soon as it is known. What a check needs stands before it in `checks`.

    Ends at `limit_s` whatever hangs: a probe that does not come back is left behind, and ends with the process.
    """
    yield from _Run(at, {check.spec.slug: check for check in checks}, chosen, limit_s, clock).results()


def ordered(results: Sequence[CheckResult], chosen: Sequence[Chosen]) -> list[CheckResult]:
    """The results in the declared order."""
    place = {each.spec.slug: number for number, each in enumerate(chosen)}
    return sorted(results, key=lambda result: place[result.spec.slug])


class _Run:
    def __init__(
        self,
        at: Handles,
        checks: dict[str, Check],
        chosen: Sequence[Chosen],
        limit_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._at, self._checks, self._clock, self._limit_s = at, checks, clock, limit_s
        self._deadline = clock() + limit_s
        self._waiting = list(chosen)
        self._started: dict[str, _Started] = {}
        self._known: dict[str, CheckResult] = {}
        self._answers: queue.SimpleQueue[tuple[str, Found]] = queue.SimpleQueue()

    def results(self) -> Iterator[CheckResult]:
        while self._waiting or self._started:
            yield from self._settle_and_start()
            if not self._started:
                continue
            try:
                slug, found = self._answers.get(timeout=self._patience())
            except queue.Empty:
                yield from self._give_up()
                continue
            if slug in self._started:
                yield self._ended(self._started.pop(slug), found)

    def _settle_and_start(self) -> Iterator[CheckResult]:
        """What is left out or blocked is known at once; what may start is started.

        What waits for an answer is not late by itself: as soon as that is given up, it is blocked.
        """
        for each in list(self._waiting):
            spec = each.spec
            if each.left_out:
                yield self._known_now(each, Found(Status.SKIP, each.left_out))
            elif cause := blocked_by(spec, self._known):
                yield self._known_now(each, Found(Status.BLOCKED, f"needs {cause}"))
            elif self._needs_pending(spec):
                continue
            elif self._clock() >= self._deadline:
                yield self._known_now(each, _late(self._limit_s, "the whole run"))
            elif self._has_room(spec):
                self._waiting.remove(each)
                self._start(spec)

    def _needs_pending(self, spec: CheckSpec) -> bool:
        # Not `any(... for ...)`: a generator that is left half-way would swallow a KeyboardInterrupt that comes as it
        # is closed.
        pending = {each.spec.slug for each in self._waiting} | set(self._started)
        return not pending.isdisjoint(spec.needs)

    def _has_room(self, spec: CheckSpec) -> bool:
        busy = Counter(started.spec.asks for started in self._started.values())
        return busy[spec.asks] < AT_ONCE

    def _known_now(self, each: Chosen, found: Found) -> CheckResult:
        self._waiting.remove(each)
        return self._remember(CheckResult(each.spec, found))

    def _start(self, spec: CheckSpec) -> None:
        now = self._clock()
        self._started[spec.slug] = _Started(spec, now, min(self._deadline, now + spec.timeout_s))
        probe = self._checks[spec.slug].probe

        def work() -> None:
            self._answers.put((spec.slug, look(probe, self._at)))

        # Not a pool: its threads are waited for when the process ends, and a hung one would hold up the exit.
        threading.Thread(target=work, name=f"check {spec.slug}", daemon=True).start()

    def _patience(self) -> float:
        return max(0.0, min(started.deadline for started in self._started.values()) - self._clock())

    def _give_up(self) -> Iterator[CheckResult]:
        now = self._clock()
        for started in [each for each in self._started.values() if each.deadline <= now]:
            del self._started[started.spec.slug]
            whole = started.deadline >= self._deadline
            found = _late(self._limit_s, "the whole run") if whole else _late(started.spec.timeout_s, "this check")
            yield self._ended(started, found)

    def _ended(self, started: _Started, found: Found) -> CheckResult:
        duration = (self._clock() - started.at) * 1000
        return self._remember(CheckResult(started.spec, tempered(started.spec, found), duration))

    def _remember(self, result: CheckResult) -> CheckResult:
        self._known[result.spec.slug] = result
        return result


def _late(limit_s: float, of: str) -> Found:
    return Found(Status.UNKNOWN, f"timeout: no answer within {limit_s:g} s, the limit of {of}", _HUNG_HINT)


def look(probe: Callable[[Handles], Found], at: Handles) -> Found:
    """What a probe finds. Unreachable is a failed check of the thing itself; where no answer came in time, nobody can
    tell."""
    try:
        return probe(at)
    except LomiError as failure:
        hint = _hint(failure, at)
        if isinstance(failure, Transient) and timed_out(failure):
            return Found(Status.UNKNOWN, f"timeout: {failure.message}", hint)
        return Found(Status.FAIL, failure.message, hint)
    except BaseException as bug:  # noqa: BLE001 - one broken check must not silence the others, nor be waited for
        return Found(Status.UNKNOWN, f"the check itself broke: {type(bug).__name__}: {bug}", "lomi --debug check")


def timed_out(failure: BaseException) -> bool:
    """Whether an error has its origin in an answer that did not come in time.

    The libraries' own classes say so in their names (redis.TimeoutError, psycopg.errors.ConnectionTimeout,
    botocore's ReadTimeoutError, httpx.ReadTimeout), but for what Postgres ends by itself after our time (QueryCanceled,
    LockNotAvailable), and clients keep them as the cause.
    """
    names = {type(link).__name__ for link in _chain(failure)}
    return bool(names & _SERVER_TIMEOUTS) or any("Timeout" in name for name in names)


def _chain(failure: BaseException | None) -> Iterator[BaseException]:
    while failure is not None:
        yield failure
        failure = failure.__cause__


def _hint(failure: LomiError, at: Handles) -> str:
    if at.stack is not None and isinstance(failure, RedisUnavailable | DatabaseUnavailable):
        return f"lomi up --data {at.stack}"
    # To look again is what somebody does already.
    return _LOST_HINT if failure.hint in ("", "lomi check") else failure.hint
