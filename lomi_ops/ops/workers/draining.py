"""Workers on their way out: told to be quiet, and waited for until they hold nothing.

Whoever changes workers does it by this: scaling several at once, restarts and deploys one at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

from lomi_ops.domain import span
from lomi_ops.domain.fleet import Member, MemberState
from lomi_ops.domain.worker import WorkerMode
from lomi_ops.errors import LomiError, NotFound, RedisUnavailable
from lomi_ops.ops.fleet_lock import Held
from lomi_ops.queue.workers import WorkerRegistry

LOOK_S = 0.5
"""Between two looks while something is waited for."""
GRACE_S = 10.0
"""More than a worker's own grace before it is killed: it gives its job back in between."""


class Draining:
    """Those of some workers that hear it are quiet inside of this context.

    Whoever has not left when it ends, for whatever reason, takes jobs again, unless an operator had made it quiet.
    """

    def __init__(
        self,
        members: Sequence[Member],
        registry: WorkerRegistry,
        held: Held,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._pending = {each.name: each for each in members if each.hears}
        self._registry, self._held, self._tell = registry, held, tell
        self._clock, self._sleep = clock, sleep

    def __enter__(self) -> Self:
        """Raises Conflict where the lease on the fleet is lost, RedisUnavailable; those told before go on then."""
        try:
            for each in self._pending.values():
                self._held.require()
                self._set(each, WorkerMode.QUIET)
        except BaseException:
            self._let_go_on()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._let_go_on()

    def emptied(self, limit_s: float) -> Iterator[list[str]]:
        """Names of those that have come to hold nothing, as they do. Ends with the last one, or after `limit_s`: then
        `late` says who is left.

        Those that are handed out must be stopped before the next ones are asked for; from then on they count as gone.
        """
        until, told, waiting = self._clock() + limit_s, set[str](), dict(self._pending)
        over = False
        while waiting and not over:
            over = self._clock() > until  # The last look comes after the end: what was finished in time has finished.
            held = self._jobs_in_hand()
            jobs = {name: held.get(_boot(each), ()) for name, each in waiting.items()}
            if empty := [name for name, those in jobs.items() if not those]:
                yield empty
                self.left(*empty)
                waiting = {name: each for name, each in waiting.items() if name not in empty}
            for name in [each for each in waiting if each not in told]:
                self._tell(f"{name} finishes {', '.join(jobs[name])}")
            told |= waiting.keys()
            if waiting and not over:
                self._sleep(LOOK_S)

    def wait(self, limit_s: float) -> None:
        """For a single worker, which is stopped afterwards, finished or not."""
        for _ in self.emptied(limit_s):
            return
        for name in self.late:
            said = f"{name} has not finished in {span.said(limit_s)}"
            self._tell(f"{said}: it gives its job back when its grace is over")

    @property
    def late(self) -> tuple[str, ...]:
        """Who is quiet, and has not left."""
        return tuple(self._pending)

    def left(self, *names: str) -> None:
        """They are gone: nobody tells them to go on."""
        for name in names:
            self._pending.pop(name, None)

    def _jobs_in_hand(self) -> dict[str, tuple[str, ...]]:
        """By boot; one that is not registered any more holds nothing."""
        while True:
            try:
                return {each.info.boot: each.jobs for each in self._registry.list()}
            except RedisUnavailable:
                self._held.require()  # Without Redis the lease is lost soon.
                self._sleep(LOOK_S)

    def _let_go_on(self) -> None:
        for name, each in self._pending.items():
            if each.state is MemberState.QUIET:
                continue
            try:
                if self._is_quiet(each) and self._set(each, WorkerMode.RUNNING):
                    self._tell(f"{name} takes jobs again")
            except LomiError as failure:
                self._tell(f"{name} stays quiet: {failure.message}; lomi workers resume {name}")

    def _is_quiet(self, member: Member) -> bool:
        """Not where it is on its way out by now, and not where it has gone."""
        boot = _boot(member)
        return any(each.info.boot == boot and each.mode is WorkerMode.QUIET for each in self._registry.list())

    def _set(self, member: Member, mode: WorkerMode) -> bool:
        """False where it has left by itself."""
        try:
            self._registry.set_mode(_boot(member), mode)
        except NotFound:
            return False
        return True


def _boot(member: Member) -> str:
    return member.registered.info.boot if member.registered else ""
