"""The users of a load: marked as those of `lomi e2e`, each with the same way into the system."""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from lomi_ops.db import audit
from lomi_ops.db import marked as rows
from lomi_ops.db.media import has_lomi_schema
from lomi_ops.domain import marked
from lomi_ops.domain.audit import Action, AuditEntry, user_subject
from lomi_ops.domain.bench import Left
from lomi_ops.domain.bench_load import Again, Visit
from lomi_ops.errors import Conflict, LomiError, Transient
from lomi_ops.ops.demo.samples import Sample
from lomi_ops.ops.e2e.clean import Cleaner
from lomi_ops.ops.e2e.direct import Direct
from lomi_ops.ops.e2e.handles import Sent
from lomi_ops.queue import tracing

THREADS = 12
"""Visits under way at once: one on a slow network holds its thread."""
TRIES, PAUSE_S = 3, 1.0
"""An app that gets no answer tries again so often."""
NAP_S = 0.05
Done = TypeVar("Done")


@dataclass(slots=True)
class Crowd:
    """`drive` once, inside `at_work`."""

    make: Callable[[UUID], Direct]
    """The way in of one user."""
    cleaner: Cleaner
    users: int
    samples: Sequence[Sample]
    actor: str
    sent: Callable[[Sent], None]
    """Hears of every batch that the system has taken, from any thread, before anything can be heard of it."""
    chance: random.Random = field(default_factory=random.SystemRandom)
    tries: int = 0
    """Beyond the first, of what got no answer."""
    late_s: float = 0.0
    """By how much a visit came later than planned, at worst: then the driver is what is slow."""
    failure: BaseException | None = None
    _ways: list[Direct] = field(default_factory=list)
    _busy: list[threading.Lock] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: list[Visit] = field(default_factory=list)
    _later: list[tuple[float, int, Direct, Sent]] = field(default_factory=list)
    _copies: list[tuple[Direct, Sent]] = field(default_factory=list)
    _photo: int = 0

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """The users are there, and nobody takes them for left over. Raises Conflict where somebody else has them."""
        database, now = self.cleaner.database, self.cleaner.database.now()
        drawn = self.chance.getrandbits(30)
        ids = [marked.user_id(now, drawn + number) for number in range(self.users)]
        self.cleaner.clean_all()
        with rows.all_at_work(database, ids) as ours:
            if not ours:
                raise Conflict("another run has the users of this one", hint="lomi bench load, once more")
            self._ways = [self.make(user_id) for user_id in ids]
            self._busy = [threading.Lock() for _ in ids]
            if has_lomi_schema(database):
                text = f"lomi bench load: {self.users} users"
                audit.record(database, AuditEntry(self.actor, Action.BENCH, user_subject(ids[0]), now, text))
            yield

    def drive(self, visits: Sequence[Visit], start: float) -> None:
        """Begins, and comes back at once; `start` is on the monotonic clock."""
        for way in self._ways:
            assert way.user_id is not None
            rows.add_user(way.database, way.user_id)
        self._waiting = list(reversed(visits))
        number = min(THREADS, len(visits))
        self._threads = [
            threading.Thread(target=self._work, args=(start,), name="lomi-bench-user", daemon=True)
            for _ in range(number)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pushed_again(self) -> int:
        return len(self._copies)

    @property
    def under_way(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def end(self) -> None:
        """No more visits; those under way come to an end."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def clean(self) -> list[Left]:
        """Takes back what was made, as far as it can be; what is left. The decision log goes last."""
        for way, sent in self._copies:
            self._take_copy(way, sent)
        left = [Left(each.what, each.name, each.why) for way in self._ways for each in way.clean()]
        users = [way.user_id for way in self._ways if way.user_id is not None]
        try:
            rows.forget_decisions(self.cleaner.database, users)
            rows.forget_strays(self.cleaner.database)
        except LomiError as failure:
            left.append(Left("rows of the decision log", f"of {len(users)} users", failure.message))
        return left

    def _take_copy(self, way: Direct, sent: Sent) -> None:
        """The second element of a batch, which may still wait: the way itself takes one back."""
        with suppress(LomiError):
            assert way.at.queue is not None
            way.at.queue.forget(sent.job_id or "", sent.raw)

    def _work(self, start: float) -> None:
        try:
            while not self._stop.is_set():
                if not self._turn(start):
                    return
        except BaseException as failure:  # noqa: BLE001 - raised by whoever watches
            with self._lock:
                self.failure = self.failure or failure
            self._stop.set()

    def _turn(self, start: float) -> bool:
        """The next thing that is due; False where nothing is left to do."""
        now = time.monotonic()
        with self._lock:
            again = heapq.heappop(self._later) if self._later and self._later[0][0] <= now else None
            visit = None
            if again is None and self._waiting and start + self._waiting[-1].at_s <= now:
                visit = self._waiting.pop()
                self.late_s = max(self.late_s, now - start - visit.at_s)
            over = not self._waiting and not self._later
        if again is not None:
            self._push_again(again[2], again[3])
        elif visit is not None:
            with self._busy[visit.user]:
                self._visit(visit)
        elif over:
            return False
        else:
            self._stop.wait(NAP_S)
        return True

    def _visit(self, visit: Visit) -> None:
        way, uploaded = self._ways[visit.user], []
        for _ in range(visit.photos):
            if self._stop.wait(visit.slow_s) if visit.slow_s else self._stop.is_set():
                return
            uploaded.append(self._tried(lambda: way.upload(self._sample())))
        sent = self._tried(lambda: way.send(uploaded))
        self.sent(sent)
        if visit.again is Again.DUPLICATE:
            self._push_again(way, sent)
        elif visit.again is Again.RETRY:
            with self._lock:
                heapq.heappush(self._later, (time.monotonic() + visit.again_s, id(sent), way, sent))

    def _sample(self) -> Sample:
        with self._lock:
            self._photo += 1
            return self.samples[self._photo % len(self.samples)]

    def _push_again(self, way: Direct, sent: Sent) -> None:
        assert way.at.redis is not None
        assert way.at.queue is not None
        redis, keys = way.at.redis, way.at.queue.keys
        with self._lock:
            self._copies.append((way, sent))  # noted first: where the answer is lost, it may be there
        self._tried(lambda: tracing.push(redis, keys, sent.raw))

    def _tried(self, deed: Callable[[], Done]) -> Done:
        """As an app does it that gets no answer. Raises what the last try raised."""
        for _ in range(TRIES - 1):
            try:
                return deed()
            except Transient:
                if self._stop.wait(PAUSE_S):
                    raise
                with self._lock:
                    self.tries += 1
        return deed()
