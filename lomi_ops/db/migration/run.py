"""Doing what a plan says, on a live database: short waits for locks, many of them; rows in small transactions."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

import psycopg

from lomi_ops.db.failures import sentence
from lomi_ops.db.migration.step import FIRST_ROWS, Statement, Step, Way
from lomi_ops.db.pool import Database, Session
from lomi_ops.errors import DatabaseUnavailable, LockHeld, LomiError

T = TypeVar("T")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 10.0
"""Between two tries for a lock."""
PATIENCE_S = 300.0
"""So long a lock is asked for."""
CHUNK_S = 0.1
"""How long a statement of a backfill should take: nobody waits longer for a row that it has locked."""
FEWEST_ROWS, MOST_ROWS = 100, 10_000
REST = 0.5
"""The part of a chunk's time that is left to others after it: replicas, autovacuum."""
LOOK_S = 1.0
"""Between two looks at an index that is being built."""


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a run is."""

    step: str
    number: int
    """Of the step, from 1."""
    steps: int
    done: int = 0
    """Rows, or blocks of the table; of `total`, which is 0 where nobody knows."""
    total: int = 0
    waits: str = ""
    """Whom it waits for, in words."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """What a run needs beside the database."""

    tell: Callable[[Moment], None] = lambda moment: None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
    patience_s: float = PATIENCE_S
    watch: Database | None = None
    """Another handle, to look at what the first one is doing; None to do without."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A step that nothing needs, and that could not be done."""

    step: str
    why: str


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run did."""

    steps: tuple[str, ...]
    rows: int
    """Changed in `media`."""
    failed: tuple[Failed, ...] = ()


@dataclass(frozen=True, slots=True)
class _Holder:
    pid: int
    application: str
    state: str
    open_s: float | None
    vacuum: bool

    @property
    def words(self) -> str:
        who = f"pid {self.pid}" + (f" ({self.application})" if self.application else "")
        if self.vacuum:
            return f"{who}, a vacuum"
        since = f" for {self.open_s:.0f} s" if self.open_s is not None else ""
        return f"{who}, {self.state or 'at work'}{since}"


@dataclass(frozen=True, slots=True)
class _Chunk:
    seen: int
    changed: int
    finished: bool


@dataclass(frozen=True, slots=True)
class _Place:
    next: object
    seen: int
    changed: int


@dataclass(frozen=True, slots=True)
class _Build:
    phase: str
    done: int
    total: int
    waits_for: int | None


def run(session: Session, steps: tuple[Step, ...], conduct: Conduct) -> Ran:
    """Does the steps, each once it has its locks. What was done stays done whatever happens afterwards.

    Raises DatabaseUnavailable where a lock was not to be had within `patience_s`, LockHeld where somebody else builds
    the same index; but not for a step that nothing needs.
    """
    rows, done, failed = 0, [], []
    with _limits_kept(session):
        for number, step in enumerate(steps, start=1):
            one = _One(session, step, conduct, Moment(step.name, number, len(steps)))
            try:
                rows += one.do()
            except (psycopg.Error, LockHeld) as no:
                if not step.optional or session.lost:
                    raise
                failed.append(Failed(step.name, sentence(no) if isinstance(no, psycopg.Error) else no.message))
            else:
                done.append(step.name)
    return Ran(tuple(done), rows, tuple(failed))


@contextmanager
def _limits_kept(session: Session) -> Iterator[None]:
    """The session's limits are afterwards as they were before; a connection that is lost has none."""
    usual = session.all(_Limits, "session_limits_now")[0]
    try:
        yield
    finally:
        with suppress(psycopg.Error):
            session.value("session_limits", statement_timeout=usual.statement_timeout, lock_timeout=usual.lock_timeout)


@dataclass(frozen=True, slots=True)
class _Limits:
    statement_timeout: str
    lock_timeout: str


@dataclass(slots=True)
class _One:
    """One step at work."""

    session: Session
    step: Step
    conduct: Conduct
    at: Moment

    def do(self) -> int:
        """How many rows of `media` it changed."""
        self.tell()
        match self.step.way:
            case Way.ATOMIC:
                self.patiently(self.atomic, self.insist)
            case Way.ALONE:
                self.build()
            case Way.ROWS:
                return self.fill()
        return 0

    def tell(self, done: int = 0, total: int = 0, waits: str = "") -> None:
        self.conduct.tell(Moment(self.at.step, self.at.number, self.at.steps, done, total, waits))

    def atomic(self, lock_timeout: str = "") -> None:
        limits, *work = self.step.statements
        with self.session.transaction():
            limits.run(self.session)
            if lock_timeout:
                self.session.value("migration_limits", **{**limits.values, "lock_timeout": lock_timeout})
            for statement in work:
                statement.run(self.session)

    def patiently(self, act: Callable[[], T], insist: Callable[[], T] | None = None) -> T:
        """`act`, again after a growing pause while a lock cannot be had. `act` leaves nothing behind when it fails.

        `insist` asks longer, and is tried once where a vacuum has the lock: an autovacuum gives it up, but only to
        somebody who has waited for longer than `deadlock_timeout`. So long everybody waits behind us.
        """
        began, pause = self.conduct.clock(), FIRST_PAUSE_S
        while True:
            try:
                return act()
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as busy:
                holder = self.session.one(_Holder, "migration_holders")
                if insist is not None and holder is not None and holder.vacuum:
                    self.tell(waits=holder.words)
                    with suppress(psycopg.errors.LockNotAvailable):
                        return insist()
                    insist = None
                self._pause(holder, began, pause, busy)
                pause = min(2 * pause, LONGEST_PAUSE_S)

    def _pause(self, holder: _Holder | None, began: float, pause: float, busy: psycopg.Error) -> None:
        who = holder.words if holder else "somebody who is gone by now"
        if self.conduct.clock() - began + pause > self.conduct.patience_s:
            text = f"{self.at.step}: no lock within {self.conduct.patience_s:.0f} s; held by {who}"
            raise DatabaseUnavailable(text, hint="lomi migrate apply, once that is over: it goes on here") from busy
        self.tell(waits=who)
        self.conduct.sleep(pause * (0.5 + self.conduct.jitter() / 2))

    def insist(self) -> None:
        self.atomic(self.session.value("beyond_deadlock_timeout"))

    def build(self) -> None:
        """An index, as it stands now: what is left of an interrupted build is dropped, a valid one is left alone."""
        limits, create = self.step.statements[0], self.step.statements[-1]
        valid = self._valid()
        if valid is False:
            self._await_builder()
            valid = self._valid()
        if valid:
            return
        limits.run(self.session)
        with self._watched():
            if valid is False:
                Statement(file=self.step.drop).run(self.session)
            create.run(self.session)

    def _valid(self) -> bool | None:
        valid: bool | None = self.session.value("index_valid", table=self.step.table, name=self.step.index)
        return valid

    def _await_builder(self) -> None:
        """An invalid index may be one that somebody builds at this moment: that one is not ours to drop."""
        began, pause = self.conduct.clock(), FIRST_PAUSE_S
        while (pid := self.session.value("index_builder", table=self.step.table)) is not None:
            if self.conduct.clock() - began + pause > self.conduct.patience_s:
                text = f"{self.step.index} is being built or dropped by pid {pid}"
                raise LockHeld(text, hint="wait for it, then: lomi migrate apply")
            self.tell(waits=f"pid {pid}, which builds or drops an index of {self.step.table}")
            self.conduct.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Tells how far the build is, as another session sees it."""
        watch = self.conduct.watch
        if watch is None:
            yield
            return
        over = threading.Event()

        def look() -> None:
            while not over.wait(LOOK_S):
                try:
                    build = watch.one(_Build, "index_progress", table=self.step.table)
                except LomiError:
                    continue
                if build is not None:
                    waits = f"pid {build.waits_for}, whose transaction is older" if build.waits_for else ""
                    self.tell(build.done, build.total, waits)

        thread = threading.Thread(target=look, name="watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def fill(self) -> int:
        """All rows, in chunks; how many were changed."""
        limits, begin, _ = self.step.statements
        limits.run(self.session)
        place = self.patiently(lambda: self.session.all(_Place, begin.block, **begin.values)[0])
        total = int(self.session.value("media_rows_about") or 0)
        size = FIRST_ROWS
        changed = place.changed
        while True:
            began = self.conduct.clock()
            chunk = self.patiently(lambda rows=size: self.session.one(_Chunk, "media_backfill", rows=rows))  # type: ignore[misc]
            took = self.conduct.clock() - began
            if chunk is None or chunk.finished:
                return (chunk.changed if chunk else changed) - place.changed
            changed = chunk.changed
            self.tell(chunk.seen, total if total > chunk.seen else 0)
            self.conduct.sleep(took * REST)
            size = next_size(size, took)


def next_size(size: int, took_s: float) -> int:
    """Rows for the next chunk, given how long the last one took: never more than twice or less than half as many."""
    wanted = size * CHUNK_S / max(took_s, 0.001)
    return round(min(max(wanted, size / 2, FEWEST_ROWS), size * 2, MOST_ROWS))
