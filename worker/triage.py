"""Which photos of a job are ours to judge, by what Postgres says about them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from lomi_ops.domain.job import Job, PhotoRef
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.errors import LomiError

NIL = UUID(int=0)
"""`batch_id` of rows from the old endpoint, which was never queued: any job may adopt them."""


class MediaRow(Protocol):
    """What triage reads of a `media` row."""

    @property
    def batch_id(self) -> UUID | None: ...
    @property
    def user_id(self) -> UUID: ...
    @property
    def status(self) -> str | None: ...
    @property
    def in_review(self) -> bool: ...


class RowsMissing(LomiError):
    """Nothing of the job can be judged and some row is missing. It counts: a row that never comes is no outage."""

    code = "rows_missing"


@dataclass(frozen=True, slots=True)
class Triage:
    todo: tuple[PhotoRef, ...]
    skipped: tuple[tuple[UUID, str], ...]
    """Photos that are not judged, with one word each: decided, in_review, missing, other_batch, other_user."""

    @property
    def foreign(self) -> bool:
        """True where no photo of the job is this job's: every one has another batch or user."""
        return bool(self.skipped) and not self.todo and all(w.startswith("other_") for _, w in self.skipped)

    @property
    def unknown(self) -> bool:
        """True where nothing can be judged and some row is missing: it may not have been committed yet."""
        return not self.todo and any(word == "missing" for _, word in self.skipped)


def triage(job: Job, rows: Mapping[UUID, MediaRow]) -> Triage:
    """Judges a photo only where its row is pending and names this batch, or no batch yet and this user. What waits for
    a person is no longer ours: a second job for its batch must not approve a suspected minor behind their back."""
    todo: list[PhotoRef] = []
    skipped: list[tuple[UUID, str]] = []
    for photo in job.photos:
        word = _objection(job, rows.get(photo.media_id))
        if word is None:
            todo.append(photo)
        else:
            skipped.append((photo.media_id, word))
    return Triage(tuple(todo), tuple(skipped))


def _objection(job: Job, row: MediaRow | None) -> str | None:
    if row is None:
        return "missing"
    if row.batch_id in (None, NIL):
        if row.user_id != job.user_id:
            return "other_user"
    elif row.batch_id != job.batch_id:
        return "other_batch"
    if row.status != MediaStatus.PENDING:
        return "decided"
    return "in_review" if row.in_review else None
