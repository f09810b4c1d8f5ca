"""One person's desk: the one way for keys and commands to look at photos, hold them, and decide.

    desk = Desk(database, queue, "hana", settings.review)
    desk.counts()                                    how many photos lie where
    held = desk.claim_next(9, Pile.REJECTED, wanted) the next ones that nobody looks at, with a token until `expires_at`
    desk.beat(held.token)                            every `beat_s`; what is missing in the answer is lost
    desk.photo(media_id)                             everything beside it
    desk.decide(held.photos, Choice(...))            a `Step`: done, refused one by one, `step` to undo it by
    desk.undo_last()                                 my last step, silently as long as nobody was told

Reading works without the schema `lomi`; all that writes raises LomiError there. Everything raises DatabaseUnavailable
where the database is away, with nothing half done. A desk is used by one thread at a time, except for `beat`.
"""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from lomi_ops.config.sections.operating import ReviewSection
from lomi_ops.db import audit, claims, media, notes, reviewing, samples
from lomi_ops.db.media import PhotoRow
from lomi_ops.db.notes import Note, NoteFilter
from lomi_ops.db.pool import Database
from lomi_ops.db.reviewing import PileCount, TakenStep
from lomi_ops.domain.audit import Action, AuditEntry, photo_subject, user_subject
from lomi_ops.domain.pile import Pile, suspected_minor
from lomi_ops.domain.review import Claim, Ruling, Seen, blind_token, check_actor
from lomi_ops.domain.review_filter import ReviewFilter
from lomi_ops.domain.so_far import SoFar
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.errors import LomiError, NotFound, Refused, UsageError
from lomi_ops.ops.quality import resting
from lomi_ops.ops.quality.blind import Blind, useful_for
from lomi_ops.ops.quality.covering import covered, mixes, on_the_table
from lomi_ops.ops.quality.similar import Likeness, duplicates, duplicates_of
from lomi_ops.ops.reviews import dossier, piles, publishing, stepping
from lomi_ops.ops.reviews.dossier import Dossier, UserHistory
from lomi_ops.ops.reviews.front import Front
from lomi_ops.ops.reviews.piles import EVERYTHING, Lying
from lomi_ops.ops.reviews.stepping import Step

if TYPE_CHECKING:
    from lomi_ops.queue.jobs import JobQueue


@dataclass(frozen=True, slots=True)
class Choice:
    """What a key or a command decides."""

    status: MediaStatus | None
    """None keeps what stands."""
    reason: Reason | None = None
    note: str = ""
    """Why. Mandatory, but for what is kept."""
    macro: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    vouched: bool = False
    """As in `Ruling`."""


@dataclass(frozen=True, slots=True)
class Held:
    """Photos that are one's own to decide until `expires_at`."""

    token: UUID
    photos: tuple[Lying, ...]
    expires_at: datetime
    taken: tuple[Claim, ...] = ()
    """Of photos that were asked for: what others look at."""
    samples: frozenset[UUID] = frozenset()
    so_far: SoFar | None = None
    """Where there are fewer than were wanted: how far they were looked for, the next claim going on there. None where
    the pile is through."""

    @property
    def seen(self) -> tuple[Seen, ...]:
        """For `decide`."""
        return tuple(
            replace(each.seen, token=blind_token(self.token) if each.photo.media_id in self.samples else self.token)
            for each in self.photos
        )


class Desk:
    """See the module."""

    def __init__(
        self,
        database: Database,
        queue: JobQueue | None,
        actor: str,
        section: ReviewSection,
        *,
        clock: Callable[[], datetime] | None = None,
        fresh_id: Callable[[], UUID] = uuid.uuid4,
        chance: Callable[[], float] = random.random,
        front: Front | None = None,
    ) -> None:
        """`clock` is the server's time by default, `queue` None where nothing can be published from here; `front` may
        have begun to look. Raises UsageError for a name that says nothing."""
        check_actor(actor)
        self.database = database
        self.queue = queue
        self.actor = actor
        self.section = section
        self.now = clock or database.now
        self._fresh_id = fresh_id
        self._front = front or Front(database, chance)
        self._chance = chance
        self._blind = Blind()
        self._mixed = False
        self._dealt_blind = False

    @property
    def beat_s(self) -> float:
        """Seconds between beats: a third of a claim, so that one may be lost."""
        return self.section.claim_s / 3

    # --- looking ------------------------------------------------------------------------------------------------------

    def recorded(self) -> bool:
        """Whether decisions can be made here."""
        return media.has_lomi_schema(self.database)

    def counts(self, pile: Pile = Pile.ALL, wanted: ReviewFilter = EVERYTHING) -> tuple[PileCount, ...]:
        """By pile, suspected minors among them; cheap without a filter."""
        return piles.counts(self.database, pile, wanted, now=self.now())

    def queue_of(self, pile: Pile, wanted: ReviewFilter = EVERYTHING, *, limit: int = 50) -> tuple[Lying, ...]:
        """What lies on a pile, in the order in which it is worked through, whoever looks at it."""
        return piles.listed(self.database, pile, wanted, now=self.now(), limit=limit)

    def photo(self, media_id: UUID) -> Dossier:
        """Everything beside a photo; of one that waits and lies before us, only what can be said of samples as well.
        Raises NotFound."""
        found = self._blind.dossier(dossier.photo(self.database, media_id, now=self.now()))
        mine = found.claim is not None and found.claim.actor == self.actor
        return covered(found) if mine and found.photo.in_review and self._mixes() else found

    def recognise(self, media_id: UUID) -> None:
        """A sample that another program of this person has on the table is one here as well."""
        if on_the_table(
            self.database, media_id, actor=self.actor, at=self.now(), share=self.section.sample_share
        ):  # fmt: skip
            self._blind.dealt.add(media_id)

    def user(self, user_id: UUID) -> UserHistory:
        """Photos, decisions, overrides and notes of a user. Raises NotFound."""
        return self._blind.user(dossier.user(self.database, user_id))

    def similar(self, media_id: UUID) -> Likeness:
        """Photos of anybody that look the same. Raises NotFound."""
        return self._blind.likeness(duplicates(self.database, media_id))

    def similar_of(self, media_ids: Sequence[UUID]) -> tuple[Likeness, ...]:
        """The same of several photos, in their order, without those that are unknown."""
        return tuple(self._blind.likeness(each) for each in duplicates_of(self.database, media_ids))

    def view(self, found: Dossier) -> None:
        """Puts on record that a suspected minor's photo is looked at, veiled as it is; of others nothing is noted."""
        if found.minor and found.recorded:
            audit.record(self.database, self._entry(Action.VIEW, found.photo.media_id))

    def reveal(self, media_id: UUID) -> None:
        """Puts on record that a photo is made visible; raises before anybody has seen it. Without the schema `lomi`
        nothing can be noted, and a suspected minor is not revealed: raises Refused."""
        row = media.photos_of(self.database, [media_id]).get(media_id)
        if row is None:
            raise NotFound(f"there is no photo {media_id}", hint="lomi review list")
        minor = suspected_minor(row.reason, row.scores)
        if not self.recorded():
            if minor:
                raise Refused(
                    "each look at a suspected minor goes on record, and there is no schema lomi",
                    hint="lomi migrate apply",
                )
            return
        with self.database.transaction() as session:
            reviewing.reveal_on(session, self.actor, media_id, self.now())
            if minor:
                audit.record_on(session, self._entry(Action.REVEAL, media_id))

    def reminder(self) -> str:
        """That a break is due, for this person's eyes only; empty otherwise. Worth asking after a reveal."""
        return resting.reminder_for(self.database, self.actor, self.section, now=self.now())

    # --- holding ------------------------------------------------------------------------------------------------------

    def claim_next(self, number: int, pile: Pile, wanted: ReviewFilter = EVERYTHING) -> Held:
        """The next photos that nobody looks at and that no person has decided; none where the pile is through, or where
        a filter admits so few that looking for them takes long: `so_far` says which."""
        stepping.require_schema(self.database)
        token, at = self._fresh_id(), self.now()
        got: list[UUID] = []
        mixed: tuple[Lying, ...] | None = None
        for seen in self._front.slices(pile, wanted, number, at):
            if mixed is None:
                waits = seen[0].status == MediaStatus.PENDING
                mixed = self._samples(number, pile, wanted, token, at) if waits else ()
            if wish := number - len(mixed) - len(got):
                got += self._take(seen, wish, token, at, fresh=True)
                self._front.taken(got)
            if len(got) + len(mixed) >= number:
                break
        self._front.look_ahead(at)
        self._blind.dealt.difference_update(got)  # once a sample, now taken as what it is
        held = self._held(token, self._shuffled(self._lying(got), mixed or ()), at)
        return replace(held, so_far=self._front.so_far)

    def leave_out(self, media_id: UUID) -> None:
        """Nothing that a filter admits is looked for here any more if it is this photo: else a pile of which only it is
        left would never be through."""
        self._front.leave_out(media_id)

    def claim_batch(self, media_id: UUID) -> Held:
        """The photos that came with this one and that people can decide, itself among them; suspected minors only where
        it is one itself. Raises NotFound."""
        row = media.photos_of(self.database, [media_id]).get(media_id)
        if row is None:
            raise NotFound(f"there is no photo {media_id}", hint="lomi review list")
        mates = reviewing.mates(self.database, row.batch_id, row.user_id) if row.batch_id else ()
        minors = suspected_minor(row.reason, row.scores)
        fit = [
            each.media_id
            for each in mates
            if (each.in_review or each.status in (MediaStatus.APPROVED, MediaStatus.REJECTED, MediaStatus.FAILED))
            and (minors or not suspected_minor(each.reason, each.scores))
        ]
        return self.claim(fit if media_id in fit else [media_id, *fit])

    def claim(self, media_ids: Sequence[UUID]) -> Held:
        """These photos, as far as nobody looks at them; `taken` tells who does."""
        stepping.require_schema(self.database)
        token, at = self._fresh_id(), self.now()
        rows = media.photos_of(self.database, media_ids)
        found = piles.lying(self.database, [rows[each] for each in media_ids if each in rows], now=at)
        self._blind.keep_waiting(self.database, [each.photo.media_id for each in found])
        plain = [each.seen for each in found if each.photo.media_id not in self._blind.dealt]
        known = [each.seen for each in found if each.photo.media_id in self._blind.dealt]
        got = self._take(plain, len(plain), token, at, fresh=False) + self._take_blind(known, len(known), token, at)
        missing = [each for each in media_ids if each not in got]
        taken = claims.held(self.database, at=at, media_ids=missing) if missing else ()
        return self._held(token, tuple(each for each in found if each.photo.media_id in got), at, taken)

    def beat(self, token: UUID) -> tuple[Claim, ...]:
        """Holds on for another `claim_s`; photos that are missing in the answer are lost."""
        at, lease_s = self.now(), self.section.claim_s
        return tuple(
            claim for each in self._tokens(token) for claim in claims.beat(self.database, each, at=at, lease_s=lease_s)
        )

    def release(self, token: UUID, media_ids: Sequence[UUID] | None = None) -> int:
        """Gives photos back, all that the token holds by default."""
        return sum(claims.release(self.database, each, media_ids) for each in self._tokens(token))

    def held(self, media_ids: Sequence[UUID] | None = None, *, mine: bool = False) -> tuple[Claim, ...]:
        """What is looked at now."""
        return claims.held(self.database, at=self.now(), media_ids=media_ids, actor=self.actor if mine else None)

    def free(self, media_ids: Sequence[UUID], why: str = "") -> tuple[Claim, ...]:
        """Takes photos away from whoever holds them; what others held goes on record."""
        at = self.now()
        with self.database.transaction() as session:
            broken = tuple(each for each in claims.end_on(session, media_ids) if each.expires_at > at)
            for each in broken:
                if each.actor != self.actor:
                    entry = self._entry(Action.RELEASE, each.media_id, reason=why, before={"actor": each.actor})
                    audit.record_on(session, entry)
        return broken

    # --- deciding -----------------------------------------------------------------------------------------------------

    def decide(
        self, photos: Sequence[Seen], choice: Choice, *, grace_s: float | None = None, over_claims: bool = False
    ) -> Step:
        """One step: each photo on its own, if it still stands as it was seen and, where it has a token, is still held.

        Told after `grace_s`, by default the setting. Raises UsageError for a choice that nobody can make.
        """
        if choice.status is not None and not choice.note.strip():
            raise UsageError("--reason says nothing", hint="say why in a few words: an override is on record")
        at, step = self.now(), self._fresh_id()
        grace = self.section.grace_s if grace_s is None else grace_s
        ruling = Ruling(
            choice.status, choice.reason, self.actor, at, choice.note, step, at + timedelta(seconds=grace),
            choice.macro, choice.texts, over_claims, choice.vouched,
        )  # fmt: skip
        plain = [each for each in photos if each.media_id not in self._blind.dealt]
        made = stepping.decide(
            self.database, self.queue, plain, ruling, step=step, now=self.now, fresh_id=self._fresh_id
        )  # fmt: skip
        return self._judged(made, [each for each in photos if each.media_id in self._blind.dealt], ruling)

    def standing(self, media_ids: Sequence[UUID]) -> tuple[tuple[Seen, ...], tuple[stepping.Refusal, ...]]:
        """Photos as they stand now, for a decision without a look at them; and those that cannot be decided."""
        return stepping.standing(self.database, media_ids, now=self.now())

    def undo(self, media_ids: Iterable[UUID], note: str = "") -> Step:
        """Takes back the last decision on each of these photos, whoever made it."""
        return self._take_back(media_ids, note, None)

    def undo_step(self, step: UUID, note: str = "") -> Step:
        """Takes back what is left of a step. Raises NotFound where nothing is."""
        said = self._blind.take_back(
            self.database, step, actor=self.actor, at=self.now(), job_id=str(self._fresh_id())
        )  # fmt: skip
        if not said:
            return self._take_back(self.photos_of_step(step), note, step)
        back = self._take_back(reviewing.photos_of_step(self.database, step), note, step)
        return replace(back, undone=(*back.undone, *said))

    def photos_of_step(self, step: UUID) -> tuple[UUID, ...]:
        """What is left of a step. Raises NotFound where nothing is."""
        stepping.require_schema(self.database)
        media_ids = reviewing.photos_of_step(self.database, step)
        if not media_ids:
            raise NotFound(f"nothing is left of step {step} that could be taken back", hint="lomi review undo --last")
        return media_ids

    def undo_last(self, note: str = "") -> Step:
        """Takes back one's own last step that is not taken back yet. Raises NotFound where there is none."""
        return self.undo_step(self.last_step(), note)

    def last_step(self) -> UUID:
        """One's own last step that is not taken back yet. Raises NotFound where there is none."""
        mine = {each.step: each.at for each in self.steps(limit=1)}
        mine |= {step: at for step, (at, _) in self._blind.steps.items()}
        if not mine:
            raise NotFound(f"{self.actor} has nothing to take back", hint="lomi audit list")
        return max(mine, key=mine.__getitem__)

    def steps(self, *, limit: int = 10) -> tuple[TakenStep, ...]:
        """One's own last steps that can be taken back, the latest first."""
        stepping.require_schema(self.database)
        return reviewing.steps_of(self.database, self.actor, limit=limit)

    def publish_due(self) -> int:
        """Sends what is due, whoever decided it; whoever stays calls it every few seconds. Raises RedisUnavailable."""
        return publishing.publish_due(self.database, self.queue, self.now) if self.queue is not None else 0

    # --- notes --------------------------------------------------------------------------------------------------------

    def note(self, text: str, *, media_id: UUID | None = None, user_id: UUID | None = None) -> int:
        """Adds a note about a photo, or about a user; its id. Raises NotFound, UsageError for an empty one."""
        stepping.require_schema(self.database)
        if not text.strip():
            raise UsageError("the note says nothing")
        row = media.photos_of(self.database, [media_id]).get(media_id) if media_id else None
        if media_id and row is None:
            raise NotFound(f"there is no photo {media_id}", hint="lomi review list")
        owner = row.user_id if row else user_id
        if owner is None:
            raise UsageError("a note is about a photo or about a user")
        at = self.now()
        with self.database.transaction() as session:
            number = notes.put_on(session, self.actor, owner, media_id, text, at)
            subject = photo_subject(media_id) if media_id else user_subject(owner)
            audit.record_on(session, AuditEntry(self.actor, Action.NOTE, subject, at, after={"note": number}))
        return number

    def notes(self, wanted: NoteFilter, *, limit: int | None = 50) -> Iterator[Note]:
        """The latest first; all of them without a limit."""
        stepping.require_schema(self.database)
        return itertools.islice(notes.every(self.database, wanted), limit)

    # --- below --------------------------------------------------------------------------------------------------------

    def _mixes(self) -> bool:
        self._mixed = self._mixed or mixes(self.database, self.section.sample_share)
        return self._mixed

    def _samples(self, number: int, pile: Pile, wanted: ReviewFilter, token: UUID, at: datetime) -> tuple[Lying, ...]:
        """Samples in place of some of the next photos, each with the chance of the setting."""
        if pile not in (Pile.WAITING, Pile.ALL, Pile.MINORS) or wanted.terms:
            return ()
        share = self.section.sample_share
        places = sum(self._chance() < share for _ in range(number)) if share else 0
        if not places or not samples.has_samples(self.database):
            return ()
        useful = useful_for(self.database, pile, places, at=at)
        ids = self._take_blind([each.seen for each in useful], places, token, at)
        self._blind.dealt |= set(ids)
        return tuple(each for each in useful if each.photo.media_id in ids)

    def _shuffled(self, got: tuple[Lying, ...], mixed: tuple[Lying, ...]) -> tuple[Lying, ...]:
        together = list(got)
        for each in mixed:
            together.insert(int(self._chance() * (len(together) + 1)), each)
        return tuple(together)

    def _judged(self, made: Step, seen: Sequence[Seen], ruling: Ruling) -> Step:
        """What was said of samples, beside what was decided."""
        done, refused = list(made.done), list(made.refused)
        for each in seen:
            try:
                done.append(self._blind.judge(self.database, each, ruling, job_id=str(self._fresh_id())))
            except LomiError as failure:
                refused.append(stepping.Refusal(each.media_id, failure))
        return replace(made, done=tuple(done), refused=tuple(refused))

    def _take_back(self, media_ids: Iterable[UUID], note: str, of_step: UUID | None) -> Step:
        return stepping.take_back(
            self.database, self.queue, media_ids, actor=self.actor, at=self.now(), note=note, step=self._fresh_id(),
            now=self.now, of_step=of_step, fresh_id=self._fresh_id,
        )  # fmt: skip

    def _take(self, seen: Sequence[Seen], number: int, token: UUID, at: datetime, *, fresh: bool) -> tuple[UUID, ...]:
        got = claims.take(
            self.database, seen, actor=self.actor, token=token, at=at, lease_s=self.section.claim_s, limit=number,
            fresh=fresh,
        )  # fmt: skip
        return tuple(claim.media_id for claim in got)

    def _take_blind(self, seen: Sequence[Seen], number: int, token: UUID, at: datetime) -> tuple[UUID, ...]:
        self._dealt_blind = self._dealt_blind or bool(seen)
        return self._take(seen, number, blind_token(token), at, fresh=False) if seen else ()

    def _tokens(self, token: UUID) -> tuple[UUID, ...]:
        """Under which photos may lie that were claimed together."""
        return tuple({token: None, blind_token(token): None}) if self._dealt_blind else (token,)

    def _lying(self, media_ids: Sequence[UUID]) -> tuple[Lying, ...]:
        rows = media.photos_of(self.database, media_ids) if media_ids else {}
        return piles.lying(self.database, [rows[each] for each in media_ids if each in rows], now=self.now())

    def _held(self, token: UUID, got: tuple[Lying, ...], at: datetime, taken: tuple[Claim, ...] = ()) -> Held:
        ids = frozenset(self._blind.dealt.intersection(each.photo.media_id for each in got))
        return Held(token, got, at + timedelta(seconds=self.section.claim_s), taken, ids)

    def _entry(
        self, action: Action, media_id: UUID, *, reason: str = "", before: Mapping[str, object] | None = None
    ) -> AuditEntry:
        return AuditEntry(self.actor, action, photo_subject(media_id), self.now(), reason, dict(before or {}))


__all__ = ["Choice", "Claim", "Desk", "Dossier", "Held", "Lying", "PhotoRow", "Step", "UserHistory"]
