"""Samples on a desk: shown like photos that wait, and judged without anything coming of it.

What would tell them is taken away: how the photo stands, who decided it, in which zone. Its numbers stay. What photos
that wait have and samples have not is taken away from all (`covering.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from lomi_ops.db import audit, claims, media, samples
from lomi_ops.db.overrides import Overridden, last_on, lock_on
from lomi_ops.db.undoing import Undoing, Undone
from lomi_ops.domain.audit import Action, AuditEntry, photo_subject
from lomi_ops.domain.pile import Pile, suspected_minor
from lomi_ops.domain.review import WORKER, Ruling, Seen
from lomi_ops.domain.verdict import NEEDS_REVIEW, MediaStatus, Outcome
from lomi_ops.errors import Conflict, Refused
from lomi_ops.ops.reviews import piles

if TYPE_CHECKING:
    from lomi_ops.db.decisions import LoggedDecision
    from lomi_ops.db.media import PhotoRow
    from lomi_ops.db.pool import Database
    from lomi_ops.db.reviewing import Told
    from lomi_ops.ops.quality.similar import Likeness
    from lomi_ops.ops.reviews.dossier import Dossier, UserHistory
    from lomi_ops.ops.reviews.piles import Lying

PENDING = MediaStatus.PENDING.value
SAMPLES, FURTHER = 200, 4000
"""Samples that are looked through for some to deal."""


@dataclass(slots=True)
class Blind:
    """The samples that one desk has been dealt, and what was said of them."""

    dealt: set[UUID] = field(default_factory=set)
    steps: dict[UUID, tuple[datetime, tuple[UUID, ...]]] = field(default_factory=dict)
    """By step: when, and which of its photos were samples."""

    # --- showing ------------------------------------------------------------------------------------------------------

    def dossier(self, found: Dossier) -> Dossier:
        """As if a worker had sent it to a person."""
        if found.photo.media_id not in self.dealt:
            return found
        return replace(
            found,
            photo=veiled(found.photo),
            judged=_unjudged(found.judged),
            story=self._story(found.story),
            mates=tuple(self._row(mate) for mate in found.mates),
        )

    def user(self, found: UserHistory) -> UserHistory:
        photos = tuple(self._row(photo) for photo in found.photos)
        return replace(found, photos=photos, story=self._story(found.story))

    def likeness(self, found: Likeness) -> Likeness:
        """Beside another photo a sample waits, too."""
        near = tuple(
            replace(each, status=PENDING, reason=NEEDS_REVIEW, decided_at=None) if each.media_id in self.dealt else each
            for each in found.near
        )
        return replace(found, near=near)

    def _row(self, photo: PhotoRow) -> PhotoRow:
        return veiled(photo) if photo.media_id in self.dealt else photo

    def _story(self, story: Sequence[Told]) -> tuple[Told, ...]:
        return tuple(
            replace(told, status=PENDING, reason=NEEDS_REVIEW, detail="") if told.media_id in self.dealt else told
            for told in story
            if told.media_id not in self.dealt or told.actor == WORKER
        )

    def keep_waiting(self, database: Database, taken: Sequence[UUID]) -> None:
        """Of photos that were taken by their ids: what is no sample any more is shown, and decided, as what it is."""
        if known := self.dealt.intersection(taken):
            self.dealt -= known.difference(samples.still_waiting(database, tuple(known)))

    # --- judging ------------------------------------------------------------------------------------------------------

    def judge(self, database: Database, seen: Seen, ruling: Ruling, *, job_id: str) -> Overridden:
        """Notes what was said, and answers as a decision would. Nothing of the photo changes, nobody is told.

        Raises Conflict where the photo has changed or the claim is lost, Refused for what cannot be said of a photo
        that waits.
        """
        ruling.check()
        if ruling.status is None:
            raise Refused(f"photo {seen.media_id} waits for a decision: there is none to keep")
        reason = ruling.reason.value if ruling.reason else None
        with database.transaction() as session:
            photo, last = lock_on(session, seen.media_id), last_on(session, seen.media_id)
            claim = claims.held_on(session, seen.media_id, ruling.at)
            now = (photo.status, photo.reason or None, last.id if last else None)
            if now != (seen.status, seen.reason or None, seen.decision):
                raise Conflict(f"photo {seen.media_id} has changed; nothing was written", hint="look at it again")
            if claim is None or claim.token != seen.token:
                raise Conflict(f"your claim on photo {seen.media_id} is lost", hint="claim it again")
            said = samples.judge_on(
                session, seen.media_id, ruling.status, reason, actor=ruling.actor, at=ruling.at
            )  # fmt: skip
            if said is None:
                raise Conflict(f"photo {seen.media_id} has been decided; nothing was written", hint="look at it again")
            claims.end_on(session, [seen.media_id])
            after = {"status": ruling.status.value, "reason": reason, "sample": said.id}
            entry = AuditEntry(
                ruling.actor, Action.JUDGE, photo_subject(seen.media_id), ruling.at, ruling.note, after=after
            )  # fmt: skip
            audit.record_on(session, entry)
        if ruling.step is not None:
            earlier = self.steps.get(ruling.step, (ruling.at, ()))[1]
            self.steps[ruling.step] = (ruling.at, (*earlier, seen.media_id))
        return Overridden(
            seen.media_id, PENDING, NEEDS_REVIEW, ruling.status, reason, job_id, None, ruling.due_at or ruling.at
        )

    def take_back(self, database: Database, step: UUID, *, actor: str, at: datetime, job_id: str) -> tuple[Undone, ...]:
        """What was said in a step; those samples wait again."""
        if step not in self.steps:
            return ()
        said_at, media_ids = self.steps[step]
        with database.transaction() as session:
            back = samples.unjudge_on(session, media_ids, actor=actor, at=said_at)
            for media_id in back:
                audit.record_on(session, AuditEntry(actor, Action.UNDO, photo_subject(media_id), at))
        del self.steps[step]
        return tuple(Undone(media_id, PENDING, PENDING, NEEDS_REVIEW, Undoing.SILENT, job_id) for media_id in back)


def useful_for(database: Database, pile: Pile, places: int, *, at: datetime) -> tuple[Lying, ...]:
    """Samples of which so many can be dealt among photos of this pile. More are looked through where the first ones are
    all of the other kind: nobody may have come to that pile for long."""
    useful: tuple[Lying, ...] = ()
    for most in (SAMPLES, FURTHER):
        ids = samples.waiting(database, at=at, limit=most)
        rows = media.photos_of(database, ids)
        useful = fit(piles.lying(database, [rows[each] for each in ids if each in rows], now=at), pile)
        if len(useful) >= places or len(ids) < most:
            break
    return useful


def fit(found: Sequence[Lying], pile: Pile) -> tuple[Lying, ...]:
    """Those that can be dealt among photos of this pile: suspected minors lie apart, as samples too."""
    apart = pile is Pile.MINORS
    return tuple(
        each
        for each in found
        if suspected_minor(each.photo.reason, each.photo.scores) is apart
        and suspected_minor(NEEDS_REVIEW, veiled(each.photo).scores) is apart
    )


def veiled(photo: PhotoRow) -> PhotoRow:
    """A row as if its photo waited for a person."""
    scores: Any = photo.scores
    if isinstance(scores, Mapping):
        grounds = scores.get("grounds")
        scores = {**scores, "outcome": Outcome.REVIEW.value}
        if isinstance(grounds, list):
            scores["grounds"] = [
                {**ground, "outcome": Outcome.REVIEW.value} if isinstance(ground, Mapping) else ground
                for ground in grounds
            ]
    return replace(photo, status=PENDING, reason=NEEDS_REVIEW, scores=scores, moderated_at=None)


def _unjudged(judged: LoggedDecision | None) -> LoggedDecision | None:
    if judged is None:
        return None
    verdict = judged.verdict
    if verdict is not None:
        grounds = tuple(replace(ground, outcome=Outcome.REVIEW) for ground in verdict.grounds)
        verdict = replace(verdict, outcome=Outcome.REVIEW, grounds=grounds)
    return replace(judged, status=PENDING, reason=NEEDS_REVIEW, verdict=verdict, detail="")
