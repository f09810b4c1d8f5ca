"""The app's work, done at the desk."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review import WORKER
from lomi_ops.domain.review_filter import ReviewFilter, typed
from lomi_ops.errors import Conflict, DatabaseUnavailable, LomiError
from lomi_ops.tui.review.exhibit import Exhibit
from lomi_ops.tui.review.work import Back, Order, Taken

if TYPE_CHECKING:
    from lomi_ops.domain.fingerprint import Fingerprint
    from lomi_ops.domain.so_far import SoFar
    from lomi_ops.ops.quality.similar import Likeness
    from lomi_ops.ops.reviews.desk import Desk, Dossier, Held, Step, UserHistory
    from lomi_ops.queue.jobs import JobQueue
    from lomi_ops.tui.review.fetching import Fetching
    from lomi_ops.tui.review.plate import Unseen

_CELLS = 9
_ON_THEIR_WAY = 4
"""Claims whose photos may not have reached the table yet."""
_TOLD = 5
"""Lines of each kind about a user."""


@dataclass(slots=True)
class _Progress:
    """How far an order has come when the database went away in the middle."""

    steps: list[UUID] = field(default_factory=list)
    done: list[UUID] = field(default_factory=list)
    refused: dict[UUID, str] = field(default_factory=dict)
    due_at: datetime | None = None
    interrupted: bool = False

    def open(self, order: Order) -> list[Exhibit]:
        return [each for each in order.exhibits if each.media_id not in {*self.done, *self.refused}]


@dataclass(frozen=True, slots=True)
class _Ahead:
    """The first photo of a session, dealt while the app still starts."""

    pile: Pile
    wanted: ReviewFilter
    dealt: Future[tuple[Exhibit, ...]]


class DeskWork:
    """As `work.Work`."""

    def __init__(
        self,
        desk: Desk,
        open_queue: Callable[[], JobQueue] | None = None,
        fetching: Fetching | None = None,
    ) -> None:
        """The queue is opened when there is something to tell."""
        self._desk, self._open_queue, self._fetching = desk, open_queue, fetching
        self._wanted = ReviewFilter()
        self._skipped: set[UUID] = set()
        self._progress: dict[UUID, _Progress] = {}
        """By order."""
        self._dealt: deque[UUID] = deque(maxlen=_ON_THEIR_WAY)
        """Tokens of the latest claims."""
        self._held: set[UUID] = set()
        """Those that were held on to last."""
        self._unhashed: set[UUID] = set()
        """Photos of which nobody has noted what they look like."""
        self._ahead: _Ahead | None = None
        self._so_far: SoFar | None = None

    def expect(self, pile: Pile, after: Callable[[], object]) -> None:
        """Deals the first photo of a pile beside all else, `after` something that it needs anyway: whoever asks for it
        then has not waited for the app as well."""

        def first() -> tuple[Exhibit, ...]:
            after()
            return self._fresh(pile, 1)

        beside = ThreadPoolExecutor(1, "review-ahead")
        self._ahead = _Ahead(pile, self._wanted, beside.submit(first))
        beside.shutdown(wait=False)

    def counts(self) -> Mapping[Pile, int]:
        return {each.pile: each.photos for each in self._desk.counts()}

    def narrow(self, text: str) -> None:
        self._wanted = typed(text)

    def deal(self, pile: Pile, limit: int) -> tuple[Exhibit, ...]:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            if (ahead.pile, ahead.wanted, 1) == (pile, self._wanted, limit):
                return ahead.dealt.result()
            self._hand_back(ahead)
        return self._fresh(pile, limit)

    def so_far(self) -> SoFar | None:
        return self._so_far

    def _hand_back(self, ahead: _Ahead) -> None:
        with suppress(LomiError):
            self.put_back(ahead.dealt.result())

    def _fresh(self, pile: Pile, limit: int) -> tuple[Exhibit, ...]:
        """What was skipped is claimed with the others, and given back at once."""
        self._so_far = None
        dealt: list[Exhibit] = []
        passed: set[UUID] = set()
        while len(dealt) < limit:
            held = self._desk.claim_next(limit - len(dealt), pile, self._wanted)
            skipped = [each.media_id for each in held.seen if each.media_id in self._skipped]
            if skipped:
                self._desk.release(held.token, skipped)
            dealt += self._exhibits(held, skipped)
            self._so_far = held.so_far
            if not held.photos or held.so_far or (passed.issuperset(skipped) and len(skipped) == len(held.photos)):
                break
            passed.update(skipped)
        return tuple(dealt)

    def deal_batch(self, around: Exhibit) -> tuple[tuple[Exhibit, ...], Mapping[UUID, str]]:
        self.put_back([around])
        order = [mate.media_id for mate in around.dossier.mates]
        return self._laid_out(self._desk.claim_batch(around.media_id), order)

    def deal_similar(self, around: Exhibit) -> tuple[tuple[Exhibit, ...], Mapping[UUID, str]]:
        """Suspected minors stay on their own pile."""
        self.put_back([around])
        near = self._desk.similar(around.media_id).near[: _CELLS - 1]
        ids = [around.media_id, *(each.media_id for each in near)]
        exhibits, others = self._laid_out(self._desk.claim(ids), ids)
        apart = [each for each in exhibits if each.guarded and not around.guarded]
        self.put_back(apart)
        return tuple(each for each in exhibits if each not in apart), others

    def _laid_out(self, held: Held, order: Sequence[UUID]) -> tuple[tuple[Exhibit, ...], Mapping[UUID, str]]:
        """Photos in an order, those among them that others look at."""
        mine = {each.media_id: each for each in self._exhibits(held)}
        others = {claim.media_id: f"{claim.actor} looks at it" for claim in held.taken if claim.media_id not in mine}
        shown = {**mine, **{media_id: self._unheld(media_id) for media_id in others}}
        return tuple(sorted(shown.values(), key=lambda each: _place(order, each.media_id))), others

    def decide(self, order: Order) -> Taken:
        """Goes on where an earlier try was interrupted: what was written is found by looking, and not written twice."""
        progress = self._progress_of(order)
        exhibits = progress.open(order)
        if progress.interrupted:
            exhibits = [each for each in exhibits if not self._was_written(each, order, progress)]
            exhibits = self._held_again(exhibits, progress)
        progress.interrupted = True
        if exhibits:
            self._note_down(progress, self._decided(exhibits, order))
        if progress.open(order):
            raise DatabaseUnavailable("the database went away in the middle of a decision")
        del self._progress[order.id]
        due_at = progress.due_at or self._desk.now()
        return Taken(tuple(progress.steps), tuple(progress.done), order.word, due_at, progress.refused)

    def _progress_of(self, order: Order) -> _Progress:
        return self._progress.setdefault(order.id, _Progress())

    def _decided(self, exhibits: Sequence[Exhibit], order: Order) -> Step:
        from lomi_ops.ops.reviews.desk import Choice

        macro = order.macro
        choice = Choice(macro.status, macro.because, macro.note, macro.name, macro.texts, vouched=True)
        return self._desk.decide([each.seen for each in exhibits], choice)

    @staticmethod
    def _note_down(progress: _Progress, step: Step) -> None:
        if step.done:
            progress.steps.append(step.step)
            progress.done += [each.media_id for each in step.done]
            progress.due_at = step.waits_until
        for refusal in step.refused:
            if not isinstance(refusal.failure, DatabaseUnavailable):
                progress.refused[refusal.media_id] = refusal.failure.message

    def _was_written(self, exhibit: Exhibit, order: Order, progress: _Progress) -> bool:
        """Whether an answer was lost, and not the decision."""
        last = next(reversed(self._desk.photo(exhibit.media_id).story), None)
        if last is None or last.id == exhibit.seen.decision or last.step is None:
            return False
        if (last.actor, last.status, last.reason) != (self._desk.actor, order.status, order.reason):
            return False
        progress.done.append(exhibit.media_id)
        if last.step not in progress.steps:
            progress.steps.append(last.step)
        return True

    def _held_again(self, exhibits: Sequence[Exhibit], progress: _Progress) -> list[Exhibit]:
        """Claims that ended while nobody could renew them are taken anew, where the photo stands as it was seen."""
        now, again = self._desk.now(), []
        over = [each for each in exhibits if each.until <= now]
        fresh = {each.media_id: each for each in self._exhibits(self._desk.claim([each.media_id for each in over]))}
        for each in exhibits:
            if each not in over:
                again.append(each)
            elif (found := fresh.get(each.media_id)) and found.stand == each.stand:
                again.append(found)
            else:
                progress.refused[each.media_id] = "it changed while the database was away, or somebody else has it"
        return again

    def undo(self, taken: Taken) -> Back:
        """Raises Conflict where nothing of the step could be taken back."""
        undone: list[UUID] = []
        refused: dict[UUID, str] = {}
        hows: list[str] = []
        for number in reversed(taken.steps):
            step = self._desk.undo_step(number)
            undone += [each.media_id for each in step.undone]
            hows += [each.how.value for each in step.undone]
            refused |= {each.media_id: each.failure.message for each in step.refused}
        if refused and not undone:
            raise Conflict("; ".join(refused.values()))
        return Back(self._exhibits(self._desk.claim(undone)), _undone_words(hows), refused)

    def put_back(self, exhibits: Sequence[Exhibit]) -> None:
        for token, ids in _by_token(exhibits).items():
            self._desk.release(token, ids)

    def skip(self, exhibit: Exhibit) -> None:
        self._skipped.add(exhibit.media_id)
        self._desk.leave_out(exhibit.media_id)
        self.put_back([exhibit])

    def leave(self, exhibits: Sequence[Exhibit]) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            self._hand_back(ahead)
        for token in {*self._dealt, *self._held, *_by_token(exhibits)}:
            self._desk.release(token)
        self._dealt.clear()
        self._held.clear()

    def beat(self, exhibits: Sequence[Exhibit]) -> Mapping[UUID, datetime]:
        """Asks the database in any case: whoever has nothing in hand wants to know whether it is back, too."""
        tokens = _by_token(exhibits)
        self._held = set(tokens)
        if not tokens:
            self._desk.recorded()
        held = [claim for token in tokens for claim in self._desk.beat(token)]
        return {claim.media_id: claim.expires_at for claim in held}

    def publish(self) -> None:
        if self._open_queue is not None:
            opened, self._open_queue = self._open_queue, None
            self._desk.queue = opened()
        self._desk.publish_due()

    def look(self, exhibit: Exhibit) -> tuple[str, ...]:
        self._desk.view(exhibit.dossier)
        fresh = self._desk.photo(exhibit.media_id)
        likeness = self._desk.similar(exhibit.media_id)
        if likeness.known.value == "not_looked_at":
            self._unhashed.add(exhibit.media_id)
        return (*_about_photo(fresh), *_alike(likeness), *_about_user(self._desk.user(exhibit.row.user_id)))

    def unhashed(self, exhibit: Exhibit) -> bool:
        return exhibit.media_id in self._unhashed

    def remember(self, exhibit: Exhibit, seen: Fingerprint) -> tuple[str, ...]:
        from lomi_ops.ops.quality import similar

        self._unhashed.discard(exhibit.media_id)
        known = [(exhibit.media_id, exhibit.row.user_id, seen)]
        similar.remember(self._desk.database, known, at=self._desk.now())
        return tuple(_alike(self._desk.similar(exhibit.media_id)))

    def photo(self, key: str) -> bytes | Unseen:
        """The bytes of a photo, or why they cannot be had."""
        assert self._fetching is not None
        return self._fetching.get(key)

    def reveal(self, exhibits: Sequence[Exhibit]) -> str:
        for each in exhibits:
            self._desk.reveal(each.media_id)
        return self._desk.reminder()

    def note(self, exhibit: Exhibit, text: str) -> None:
        self._desk.note(text, media_id=exhibit.media_id)

    def _exhibits(self, held: Held, passed: Sequence[UUID] = ()) -> tuple[Exhibit, ...]:
        self._dealt.append(held.token)
        seen = {each.media_id: each for each in held.seen if each.media_id not in passed}
        return tuple(Exhibit(self._desk.photo(media_id), each, held.expires_at) for media_id, each in seen.items())

    def _unheld(self, media_id: UUID) -> Exhibit:
        found = self._desk.photo(media_id)
        return Exhibit(found, found.seen, self._desk.now())


def _place(order: Sequence[UUID], media_id: UUID) -> int:
    return order.index(media_id) if media_id in order else len(order)


def _by_token(exhibits: Sequence[Exhibit]) -> dict[UUID, list[UUID]]:
    found: dict[UUID, list[UUID]] = {}
    for each in exhibits:
        if each.seen.token is not None:
            found.setdefault(each.seen.token, []).append(each.media_id)
    return found


def _undone_words(hows: Sequence[str]) -> str:
    if "not_told" in hows:
        return "taken back; it waits for a person again, but the app still shows what was published"
    if "published" in hows:
        return "taken back; the app was told already, and is told what holds again"
    return "taken back; nobody had been told"


def _about_photo(dossier: Dossier) -> list[str]:
    told = [each for each in dossier.story if each.actor != WORKER]
    lines = [
        f"{each.at:%m-%d %H:%M} {each.actor}: {'took it back' if each.undoes else each.reason or each.status}"
        for each in told[-_TOLD:]
    ]
    notes = [f"{note.at:%m-%d %H:%M} {note.actor} notes: {note.text}" for note in dossier.notes[:_TOLD]]
    if len(dossier.mates) > 1:
        place = next((n for n, mate in enumerate(dossier.mates, 1) if mate.media_id == dossier.photo.media_id), 0)
        lines.append(f"photo {place} of {len(dossier.mates)} in its batch: {_standings(dossier.mates)}")
    return lines + notes


def _about_user(history: UserHistory) -> list[str]:
    owner = history.owner
    name = f" {owner.name}" if owner and owner.name else ""
    lines = [f"user {str(history.user_id)[:8]}{name}", f"{len(history.photos)} photos: {_standings(history.photos)}"]
    if history.overridden:
        lines.append(f"overturned by people: {history.overridden}")
    about = [note for note in history.notes if note.media_id is None]
    return lines + [f"{note.at:%m-%d} {note.actor} notes: {note.text}" for note in about[:_TOLD]]


def _alike(found: Likeness) -> list[str]:
    """What is known of the same picture elsewhere; nothing where it is only here."""
    more = " at least" if found.more else ""
    lines = []
    if found.of_owner:
        lines.append(f"the same picture of this user:{more} {_standings(found.of_owner)}")
    if found.of_others:
        who = "1 other user" if found.others == 1 else f"{found.others} other users"
        lines.append(f"the same picture of {who}:{more} {_standings(found.of_others)}")
    return [*lines, "key d lays them out"] if lines else []


def _standings(photos: Sequence[object]) -> str:
    words = Counter(
        "waiting" if getattr(each, "in_review", False) else str(getattr(each, "status", "") or "gone")
        for each in photos
    )
    return ", ".join(f"{count} {word}" for word, count in words.most_common())
