"""Settling a job: its decisions take effect once, in one statement, or not at all.

The row of the job in `lomi.jobs` is the gate. Whoever enters it as settled writes `media`, the decision log and the
message; everybody after that (a redelivery, a zombie) gets the stored message and writes nothing. A crash between
the commit and the queue's FINISH therefore costs no second judging, and no second message.

The message depends on which photos are still ours, and the statement that finds that out is the one that writes. So it
is asked for what is expected, all of them, and happens like that or not at all; what it saw instead is then asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from lomi_ops.db import fingerprints
from lomi_ops.db.documents import cleaned, jsonb, log_columns, moment, readable
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.decision import PhotoDecision, ResultMessage, result_of
from lomi_ops.domain.job import Job
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.verdict import NEEDS_REVIEW, MediaStatus

ZERO_BATCH = UUID(int=0)
"""What the old endpoint wrote as `batch_id`; such rows were never queued."""


class Skip(StrEnum):
    """Why a photo of a job was left as it is."""

    NO_ROW = "no_row"
    OTHER_BATCH = "other_batch"
    DECIDED = "decided"
    """The row is not `pending` any more: a person, another job or an old worker was first."""
    IN_REVIEW = "in_review"
    """Another job has handed the photo to a person, whose decision it is now."""
    TWICE = "twice"
    """The job names the photo a second time."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a job's decisions."""

    message: ResultMessage | None
    """Of the photos that were applied and decided; None where there are none, and for a duplicate."""
    payload: str | None
    """The text to publish and to finish the queue entry with; for a duplicate the one stored by whoever was first."""
    applied: tuple[UUID, ...] = ()
    skipped: tuple[tuple[UUID, Skip], ...] = ()
    duplicate: bool = False
    """True where the job had been settled before; then nothing was written."""


@dataclass(frozen=True, slots=True)
class Times:
    """What a job waited for beside its engines, by the worker's clock."""

    opening_s: float | None = None
    """For the answer of `opening`."""
    downloads_s: Sequence[float] | None = None
    """For each object that came, in this attempt."""
    settled_before_s: float | None = None
    """For the settlement before, of the same slot: no statement can write down its own time."""


@dataclass(frozen=True, slots=True)
class Course:
    """How a job came to be settled, for its history."""

    first_seen_ms: int
    """Since 1970, by the queue's clock or that of whoever made the job, if that is earlier; 0 where nobody knows."""
    claimed_ms: int
    host: str
    took_s: float
    """From the claim on, by the worker's clock."""
    times: Times = Times()


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A job as the ledger has it."""

    job_id: str
    batch_id: UUID
    payload: str | None
    settled_at: datetime | None
    first_outage_at: datetime | None
    attempt: int | None
    worker: str | None

    @property
    def settled(self) -> bool:
        return self.settled_at is not None


@dataclass(frozen=True, slots=True)
class Row:
    """A photo's row of `media`, as far as settling it goes."""

    media_id: UUID
    user_id: UUID
    batch_id: UUID | None
    status: str | None
    """A `MediaStatus`, or whatever another program wrote."""
    reason: str | None
    ours: bool = False
    """Under our lock: the job may write it."""

    @property
    def in_review(self) -> bool:
        return self.status == MediaStatus.PENDING and self.reason == NEEDS_REVIEW


def settle(
    db: Database,
    job: Job,
    decisions: Sequence[PhotoDecision],
    *,
    attempt: int,
    token: str,
    worker: str,
    at: datetime,
    policy: Policy | None = None,
    course: Course | None = None,
    shelf: fingerprints.Shelf | None = None,
) -> Settled:
    """Makes a job's decisions hold. One statement; safe to repeat after any error, since a lost answer shows as a
    duplicate with the stored message.

    Only photos whose row is still `pending`, waits for no person and belongs to the batch are written and published;
    the others come back as skipped. `attempt` counts from 1; the policy of each verdict is kept beside it (`policy`
    where a decision carries none), and what the photos look like on the `shelf`.
    Raises DatabaseUnavailable, and LomiError with the hint `lomi migrate apply` on a database without the schema.
    """
    first = _first_of_each(cleaned(decision) for decision in decisions)
    told: dict[str, Any] = {"attempt": attempt, "token": token, "worker": worker, "at": at} | _told(course)
    wanted, seen = frozenset(first), dict[UUID, Row]()
    with db.session() as session:
        looks = shelf is not None and shelf.is_open_on(session)
        while True:
            kept = [decision for decision in first.values() if decision.media_id in wanted]
            settled = _settled(job, decisions, kept, seen, at)
            entered, seen = _try(session, job, settled, kept, list(first), policy, told, looks=looks)
            if entered:
                return settled
            ours = frozenset(row.media_id for row in seen.values() if row.ours)
            if wanted <= ours:
                # Nothing was in the way but the job itself, which somebody has settled.
                known = session.one(LedgerEntry, "ledger_entry", job_id=job.job_id)
                return Settled(None, known.payload if known else None, duplicate=True)
            wanted &= ours  # fewer each time: there is an end


@dataclass(frozen=True, slots=True)
class Opening:
    """What a worker has to know of a job before it judges."""

    settled_at: datetime | None
    """None where the job is still to be settled."""
    payload: str | None
    """The message of a settled job; None where nothing was decided."""
    photos: Mapping[UUID, Row]
    """Of its photos that have a row."""


def opening(db: Database, job: Job) -> Opening:
    """In one round trip."""
    ids = [photo.media_id for photo in job.photos]
    found = db.all(_opened, "ledger_opening", job_id=job.job_id, ids=ids)
    settled_at, payload, _ = found[0]
    return Opening(settled_at, payload, _by_id(row for _, _, row in found))


def _opened(
    settled_at: datetime | None, payload: str | None, **columns: Any
) -> tuple[datetime | None, str | None, Row | None]:
    return settled_at, payload, _row(**columns)


def _row(media_id: UUID | None, **columns: Any) -> Row | None:
    return None if media_id is None else Row(media_id, **columns)


def _by_id(rows: Iterable[Row | None]) -> dict[UUID, Row]:
    return {row.media_id: row for row in rows if row is not None}


def entry(db: Database, job_id: str) -> LedgerEntry | None:
    """The job's row, or None for a job that the ledger has not seen. Ask before judging a redelivered job: where it is
    `settled`, its `payload` (None where nothing was decided) finishes the queue entry."""
    return db.one(LedgerEntry, "ledger_entry", job_id=job_id)


def note_outage(db: Database, job: Job, *, at: datetime) -> datetime:
    """Opens the job in the ledger as waiting for an engine; returns since when it waits, which is `at` the first time.
    The reconciler leaves the photos of an open job alone."""
    first: datetime = db.value("ledger_outage", **_identity(job), at=at)
    return first


def outage_over(db: Database, job_id: str) -> None:
    """The engine answered again: the next outage counts anew."""
    db.run("ledger_outage_over", job_id=job_id)


def abandon(db: Database, job_id: str) -> bool:
    """Closes an open job that became a dead letter or was cancelled: the reconciler may queue its photos again. A
    settled job stays as it is. False where nothing was open."""
    return db.run("ledger_abandon", job_id=job_id) > 0


def _identity(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "batch_id": job.batch_id,
        "user_id": job.user_id,
        "telegram_id": job.telegram_id,
        "media_ids": [photo.media_id for photo in job.photos],
    }


def _told(course: Course | None) -> dict[str, Any]:
    if course is None:
        return {"first_seen_at": None, "claimed_at": None, "host": None, "took_ms": None} | _timed(Times())
    return {
        "first_seen_at": moment(course.first_seen_ms),
        "claimed_at": moment(course.claimed_ms),
        "host": readable(course.host),
        "took_ms": course.took_s * 1000,
    } | _timed(course.times)


def _timed(times: Times) -> dict[str, str | None]:
    """As texts: numbers and none of them have different types to psycopg, and so each of both would be a statement of
    its own, which the server plans and keeps."""
    opening_s, downloads_s, before_s = times.opening_s, times.downloads_s, times.settled_before_s
    return {
        "opening_ms": None if opening_s is None else _ms(opening_s),
        "downloads_ms": None if downloads_s is None else f"{{{','.join(map(_ms, downloads_s))}}}",
        "settled_before_ms": None if before_s is None else _ms(before_s),
    }


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.3f}"


def _first_of_each(decisions: Any) -> dict[UUID, PhotoDecision]:
    first: dict[UUID, PhotoDecision] = {}
    for decision in decisions:
        first.setdefault(decision.media_id, decision)
    return first


def _settled(
    job: Job, decisions: Sequence[PhotoDecision], kept: Sequence[PhotoDecision], seen: Mapping[UUID, Row], at: datetime
) -> Settled:
    """What becomes of the job if exactly the `kept` decisions can be written."""
    message, applied = result_of(job, kept, at), tuple(decision.media_id for decision in kept)
    skipped = _skipped(job, decisions, seen, frozenset(applied))
    return Settled(message, message.to_json() if message else None, applied, skipped)


def _skipped(
    job: Job, decisions: Sequence[PhotoDecision], seen: Mapping[UUID, Row], applied: frozenset[UUID]
) -> tuple[tuple[UUID, Skip], ...]:
    met: set[UUID] = set()
    skipped = []
    for media_id in (decision.media_id for decision in decisions):
        if media_id in met:
            skipped.append((media_id, Skip.TWICE))
        elif media_id not in applied:
            skipped.append((media_id, why_skipped(job, seen.get(media_id))))
        met.add(media_id)
    return tuple(skipped)


def why_skipped(job: Job, row: Row | None) -> Skip:
    """Why the guarded update did not hit a row that looked like this under our lock."""
    if row is None:
        return Skip.NO_ROW
    unclaimed = row.batch_id in (None, ZERO_BATCH) and row.user_id == job.user_id
    if row.batch_id != job.batch_id and not unclaimed:
        return Skip.OTHER_BATCH
    if row.status == MediaStatus.PENDING and row.reason == NEEDS_REVIEW:
        return Skip.IN_REVIEW
    return Skip.DECIDED


def _try(
    session: Session, job: Job, settled: Settled, kept: Sequence[PhotoDecision], ids: list[UUID],
    policy: Policy | None, told: Mapping[str, Any], *, looks: bool,
) -> tuple[bool, dict[UUID, Row]]:  # fmt: skip
    """Whether it happened, and the rows of all `ids` as they were under our lock."""
    counts = Counter(decision.status for decision in kept)
    found = session.all(
        _tried,
        "ledger_settle_looks" if looks else "ledger_settle",
        **_identity(job),
        **told,
        ids=ids,
        decisions=jsonb([_written(decision, policy) for decision in kept]),
        payload=settled.payload,
        skipped=jsonb([{"media_id": media_id, "why": why} for media_id, why in settled.skipped]),
        approved=counts[MediaStatus.APPROVED],
        rejected=counts[MediaStatus.REJECTED],
        failed=counts[MediaStatus.FAILED],
        in_review=counts[MediaStatus.PENDING],
    )
    return found[0][0], _by_id(row for _, row in found)


def _tried(entered: bool, **columns: Any) -> tuple[bool, Row | None]:
    return entered, _row(**columns)


def _written(decision: PhotoDecision, policy: Policy | None) -> dict[str, Any]:
    """All that is written about one photo."""
    looks = decision.fingerprint
    return log_columns(decision, policy) | {
        "scores": decision.scores,
        "hash": str(looks) if looks else None,
        "bands": looks.bands if looks else None,
    }
