"""One step of a person: many photos decided or taken back, each on its own, then told to the app."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from lomi_ops.db import media, overrides, undoing
from lomi_ops.db.overrides import Overridden
from lomi_ops.db.pool import Database
from lomi_ops.db.undoing import Undone
from lomi_ops.domain.review import Ruling, Seen
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.errors import Conflict, DatabaseUnavailable, LomiError, NotFound, Transient
from lomi_ops.ops.reviews import piles
from lomi_ops.ops.reviews.publishing import published

if TYPE_CHECKING:
    from lomi_ops.queue.jobs import JobQueue


@dataclass(frozen=True, slots=True)
class Refusal:
    """A photo that was left as it is."""

    media_id: UUID
    failure: LomiError
    """DatabaseUnavailable where nobody knows whether it was: look at it again."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one call decided or took back."""

    step: UUID
    """By which all of it is undone."""
    done: tuple[Overridden, ...] = ()
    undone: tuple[Undone, ...] = ()
    refused: tuple[Refusal, ...] = ()
    published: int = 0
    """Messages that went out: of these decisions where they were due, and of earlier ones."""
    unsent: Transient | None = None
    """Why what is due still waits in the outbox; a worker, or the next decision, sends it."""

    at: datetime | None = None

    @property
    def waits_until(self) -> datetime | None:
        """When the last of it is told; None where nothing waits for its time."""
        due = [each.due_at for each in self.done if each.due_at is not None and (not self.at or each.due_at > self.at)]
        return max(due, default=None)


def decide(
    database: Database,
    queue: JobQueue | None,
    photos: Sequence[Seen],
    ruling: Ruling,
    *,
    step: UUID,
    now: Callable[[], datetime],
    fresh_id: Callable[[], UUID] = uuid.uuid4,
) -> Step:
    """Decides each photo on its own, then publishes what is due. One refusal does not stop the others.

    Raises LomiError where there is no place to record a decision. A Redis that is away is told in the answer, since the
    decisions hold; so is a database that goes away in the middle: what was not done by then is refused.
    """
    require_schema(database)
    ruling.check()
    done: list[Overridden] = []
    refused: list[Refusal] = []
    for seen in {seen.media_id: seen for seen in photos}.values():
        if _away(refused):
            refused.append(_untried(seen.media_id))
            continue
        try:
            done.append(overrides.override(database, seen, ruling, job_id=str(fresh_id())))
        except LomiError as failure:
            refused.append(Refusal(seen.media_id, failure))
    sent, unsent = _told(database, queue, now, refused)
    return Step(step, tuple(done), (), tuple(refused), sent, unsent, ruling.at)


def take_back(
    database: Database,
    queue: JobQueue | None,
    media_ids: Iterable[UUID],
    *,
    actor: str,
    at: datetime,
    note: str,
    step: UUID,
    now: Callable[[], datetime],
    of_step: UUID | None = None,
    fresh_id: Callable[[], UUID] = uuid.uuid4,
) -> Step:
    """Undoes the last decision on each photo, with `of_step` only where that step made it. Raises like `decide`."""
    require_schema(database)
    undone: list[Undone] = []
    refused: list[Refusal] = []
    for media_id in dict.fromkeys(media_ids):
        if _away(refused):
            refused.append(_untried(media_id))
            continue
        try:
            undone.append(
                undoing.undo(
                    database,
                    media_id,
                    actor=actor,
                    at=at,
                    job_id=str(fresh_id()),
                    note=note,
                    step=step,
                    of_step=of_step,
                )
            )
        except LomiError as failure:
            refused.append(Refusal(media_id, failure))
    sent, unsent = _told(database, queue, now, refused)
    return Step(step, (), tuple(undone), tuple(refused), sent, unsent, at)


def standing(
    database: Database, media_ids: Sequence[UUID], *, now: datetime
) -> tuple[tuple[Seen, ...], tuple[Refusal, ...]]:
    """Photos as they stand now, for a decision without a look at them; and those that cannot be decided."""
    rows = media.photos_of(database, media_ids)
    seen: list[Seen] = []
    refused: list[Refusal] = []
    found = {each.photo.media_id: each for each in piles.lying(database, list(rows.values()), now=now)}
    for media_id in dict.fromkeys(media_ids):
        if media_id not in found:
            refused.append(Refusal(media_id, NotFound(f"there is no photo {media_id}", hint="lomi review list")))
        elif (status := found[media_id].photo.status) not in tuple(MediaStatus):
            text = f"photo {media_id} stands as {status!r}, which is no status of the contract"
            refused.append(Refusal(media_id, Conflict(text, hint="look at its row in media; nothing was changed")))
        else:
            seen.append(found[media_id].seen)
    return tuple(seen), tuple(refused)


def require_schema(database: Database) -> None:
    """Raises LomiError."""
    if not media.has_lomi_schema(database):
        raise LomiError("no schema lomi here: a decision could not be recorded", hint="lomi migrate apply")


def _told(
    database: Database, queue: JobQueue | None, now: Callable[[], datetime], refused: list[Refusal]
) -> tuple[int, Transient | None]:
    return (0, None) if queue is None or _away(refused) else published(database, queue, now)


def _away(refused: list[Refusal]) -> bool:
    return bool(refused) and isinstance(refused[-1].failure, DatabaseUnavailable)


def _untried(media_id: UUID) -> Refusal:
    """The first one of which nobody knows says why."""
    return Refusal(media_id, DatabaseUnavailable(f"photo {media_id} was not tried: the database is away"))
