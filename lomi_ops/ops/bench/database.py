"""`lomi bench database`: what the backend and the workers do in Postgres, with marked rows that are removed again.

The transaction that settles a batch is the workers' own, with nine photos and findings as a judging brings them.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lomi_ops.db import audit, ledger, server
from lomi_ops.db import marked as rows
from lomi_ops.db.media import PhotoFilter, has_lomi_schema, listed
from lomi_ops.db.pool import Database
from lomi_ops.db.uploads import forget_user
from lomi_ops.domain import marked
from lomi_ops.domain.audit import Action, AuditEntry, user_subject
from lomi_ops.domain.bench import ANSWER, PHOTOS, WRITES, Area, Figure, Left, Outcome, Unit
from lomi_ops.domain.bench_advice import DatabaseFacts, for_database
from lomi_ops.domain.bench_photos import as_judged
from lomi_ops.domain.job import MAX_PHOTOS, Job, PhotoRef
from lomi_ops.domain.policy import Policy
from lomi_ops.errors import LomiError, Refused
from lomi_ops.ops.bench.probe import Tell
from lomi_ops.ops.bench.timing import Bounds, Timed, repeat

PINGS, READS, ALONE = 100, 100, 30
PART_S = 5.0
"""Of the run, for each of those at most."""
SHOWN = 50
"""Photos that an app asks for at once."""


@dataclass(slots=True)
class DatabaseProbe:
    """`run` once."""

    database: Database
    """With room for one session more than `at_once`: one holds the lock of the run."""
    policy: Policy
    actor: str
    batches: int
    seconds: float
    """Of the part in which batches are written at once."""
    at_once: int
    left: list[Left] = field(default_factory=list)
    chance: random.Random = field(default_factory=random.SystemRandom)
    _user: uuid.UUID = field(init=False)
    _jobs: list[str] = field(default_factory=list)
    _settled: int = 0

    def run(self, tell: Tell) -> Outcome:
        """Raises DatabaseUnavailable, and Refused where there is no schema lomi. What was made is removed, whatever
        happens."""
        began = time.perf_counter()
        if not has_lomi_schema(self.database):
            raise Refused("there is no schema lomi here, so nobody settles batches", hint="lomi migrate apply")
        self._sweep()
        now = self.database.now()
        self._user = marked.user_id(now, self.chance.getrandbits(30))
        with rows.at_work(self.database, self._user):
            rows.add_user(self.database, self._user)
            try:
                entry = AuditEntry(self.actor, Action.BENCH, user_subject(self._user), now, "lomi bench database")
                audit.record(self.database, entry)
                figures, facts = self._measured(tell)
            finally:
                self._clean(self._user, self._jobs)
        did = f"{self._settled} batches of {MAX_PHOTOS} settled"
        took_s = time.perf_counter() - began
        return Outcome(Area.DATABASE, figures, for_database(facts, figures), took_s, did, tuple(self.left))

    def _measured(self, tell: Tell) -> tuple[tuple[Figure, ...], DatabaseFacts]:
        db = self.database
        tell("round trips")
        pings = repeat(lambda _: db.ping(), Bounds(PART_S, PINGS))
        tell("uploads")
        uploads, waiting = self._uploads()
        tell("commits")
        commits = self._commits(waiting[0])
        tell("batches, one by one")
        alone = repeat(lambda number: self._settle(waiting[number]), Bounds(PART_S, min(ALONE, len(waiting))))
        tell("batches at once")
        rest = waiting[len(alone.times_s) :]
        crowd = repeat(lambda n: self._settle(rest[n]), Bounds(self.seconds, len(rest), self.at_once))
        tell("reads")
        self._settled = len(alone.times_s) + len(crowd.times_s)
        reads = repeat(lambda _: self._read(), Bounds(PART_S, READS))
        tuning = server.tuning(db)
        trip = pings.at(0.5) or 0.0
        facts = DatabaseFacts(
            round_trip_s=trip,
            commit_s=max(0.0, (commits.at(0.5) or 0.0) - trip),
            write_s=alone.at(0.5) or 0.0,
            synchronous=tuning.synchronous,
            buffers=tuning.buffers,
            connections=tuning.connections,
        )
        return _figures(pings, commits, uploads, alone, crowd, reads, facts, self.at_once), facts

    def _commits(self, job: Job) -> Timed:
        """The smallest write that there is: one row of the ledger, one commit. Its job has rows of media, by which the
        next run finds it should this one be killed."""
        ledger.note_outage(self.database, job, at=self.database.now())
        return repeat(lambda _: ledger.note_outage(self.database, job, at=self.database.now()), Bounds(PART_S, PINGS))

    def _uploads(self) -> tuple[Timed, Sequence[Job]]:
        jobs = [self._job() for _ in range(ALONE + self.batches)]
        sent: list[Job] = []

        def upload(number: int) -> None:
            first = 1 + number * MAX_PHOTOS
            rows.add_photos(self.database, jobs[number], self.database.now(), first=first)
            sent.append(jobs[number])

        return repeat(upload, Bounds(self.seconds + PART_S, len(jobs), self.at_once)), sent

    def _settle(self, job: Job) -> None:
        at = self.database.now()
        decisions = [as_judged(photo.media_id, self.policy) for photo in job.photos]
        settled = ledger.settle(
            self.database, job, decisions, attempt=1, token=str(uuid.uuid4()), worker="lomi bench", at=at,
            policy=self.policy,
        )  # fmt: skip
        if len(settled.applied) != len(job.photos):
            raise LomiError("rows of the run were changed by somebody else", hint="lomi bench database")

    def _read(self) -> None:
        listed(self.database, PhotoFilter(user_id=self._user), limit=SHOWN)

    def _job(self) -> Job:
        """Noted before anything of it is written: where an answer is lost, it may be there."""
        batch_id = marked.any_id(self.chance.getrandbits(62))
        photos = []
        for _ in range(MAX_PHOTOS):
            media_id = marked.any_id(self.chance.getrandbits(62))
            photos.append(PhotoRef(media_id, f"{rows.BENCH_KEYS}{media_id}.jpg", "bench"))
        job_id = marked.job_id(batch_id)
        self._jobs.append(job_id)
        return Job(job_id, batch_id, self._user, marked.NO_CHAT, tuple(photos), self.database.now())

    def _sweep(self) -> None:
        """What killed runs have left."""
        for user_id in rows.bench_users(self.database):
            with rows.at_work(self.database, user_id) as ours:
                if ours:
                    jobs = [marked.job_id(batch) for batch in rows.batches(self.database, user_id)]
                    self._clean(user_id, jobs)

    def _clean(self, user_id: uuid.UUID, job_ids: Sequence[str]) -> None:
        """The rows of media go last: they say to the next one what there is."""
        db = self.database
        self._try("jobs of the ledger", user_id, lambda: rows.forget_jobs(db, job_ids))
        self._try("rows of the decision log", user_id, lambda: rows.forget_decisions(db, [user_id]))
        self._try("user", user_id, lambda: forget_user(db, user_id))

    def _try(self, what: str, user_id: uuid.UUID, deed: Callable[[], object]) -> None:
        try:
            deed()
        except LomiError as failure:
            self.left.append(Left(what, str(user_id), failure.message))


def _figures(
    pings: Timed, commits: Timed, uploads: Timed, alone: Timed, crowd: Timed, reads: Timed, facts: DatabaseFacts,
    at_once: int,
) -> tuple[Figure, ...]:  # fmt: skip
    rate = crowd.per_second
    photos = None if rate is None else rate * MAX_PHOTOS * 60
    return (
        Figure("round_trip_p50", "round trip to Postgres, median", pings.at(0.5), Unit.SECONDS),
        Figure("commit_p50", "the smallest commit, median", commits.at(0.5), Unit.SECONDS),
        Figure("upload_p95", "nine photos are entered, p95", uploads.at(0.95), Unit.SECONDS, ANSWER),
        Figure("read_p95", f"{SHOWN} photos of a user are read, p95", reads.at(0.95), Unit.SECONDS, ANSWER),
        Figure("write_alone_p50", "a batch of nine is settled, median", alone.at(0.5), Unit.SECONDS),
        Figure("write_p95", f"the same, {at_once} at once, p95", crowd.at(0.95), Unit.SECONDS, WRITES),
        Figure("photos_per_minute", f"photos settled, {at_once} at once", photos, Unit.PER_MINUTE, PHOTOS),
        Figure("connections", "connections in use", facts.connections, Unit.SHARE),
    )
