"""What is read and put on record when somebody looks: histories, looks, reveals, notes."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.errors import LomiError
from lomi_ops.tui.review import table as on
from lomi_ops.tui.review.exhibit import Exhibit
from lomi_ops.tui.review.state import Runner, State
from lomi_ops.tui.review.table import Item
from lomi_ops.tui.review.work import Work


class Looking:
    """A part of `Reviewing`."""

    def __init__(self, state: State, work: Work, run: Runner) -> None:
        self._state, self._work, self._run = state, work, run
        self.stories: dict[UUID, tuple[str, ...]] = {}
        """By photo; where there is one, the look is on record."""
        self.looks: Callable[[str], Fingerprint | None] | None = None
        """Of the photo of a key, None where that cannot be told; called beside the event loop."""
        self._asked: set[UUID] = set()

    def visible(self, item: Item) -> bool:
        """Whether there is anything to see yet: of a suspected minor only when the look is on record."""
        return not item.exhibit.guarded or item.media_id in self.stories

    def look(self) -> None:
        """What belongs to the photos that are looked at is read when they are; to the next one before, unless the look
        itself goes on record."""
        table = self._state.table
        later = () if table.grid else tuple(item for item in table.upcoming[1:2] if not item.exhibit.guarded)
        for item in (*(table.upcoming if table.grid else table.upcoming[:1]), *later):
            if item.media_id not in self.stories and item.media_id not in self._asked:
                self._asked.add(item.media_id)
                self._ask_about(item.exhibit)

    def _ask_about(self, exhibit: Exhibit) -> None:
        self._run(lambda: self._work.look(exhibit), lambda answer: self._told(exhibit, answer))

    def _told(self, exhibit: Exhibit, answer: tuple[str, ...] | LomiError) -> None:
        self._asked.discard(exhibit.media_id)
        if not self._state.failed(answer):
            self.stories[exhibit.media_id] = answer  # type: ignore[assignment]
            self._remember(exhibit)
        self._state.changed()

    def _remember(self, exhibit: Exhibit) -> None:
        """Old workers noted no looks; whoever has the photo before them has it decoded anyway."""
        if (looks := self.looks) is not None:
            self._run(
                lambda: self._noted_down(exhibit, looks), lambda answer: self._remembered(exhibit.media_id, answer)
            )

    def _noted_down(self, exhibit: Exhibit, looks: Callable[[str], Fingerprint | None]) -> tuple[str, ...]:
        if not self._work.unhashed(exhibit) or (seen := looks(exhibit.row.url)) is None:
            return ()
        return self._work.remember(exhibit, seen)

    def _remembered(self, media_id: UUID, answer: tuple[str, ...] | LomiError) -> None:
        if answer and not self._state.failed(answer):
            self.stories[media_id] = (*self.stories.get(media_id, ()), *answer)  # type: ignore[misc]
            self._state.changed()

    def reveal(self) -> None:
        """The chosen photos, else the one that is looked at; what is visible is veiled again. On record before it is
        seen: without the record nothing is shown."""
        looked_at = self._looked_at()
        items = [item for item in looked_at if not item.revealed]
        if not items:
            self._state.table = on.revealed(self._state.table, [item.media_id for item in looked_at], yes=False)
            self._state.changed()
            return
        exhibits = [item.exhibit for item in items]
        ids = [item.media_id for item in items]
        self._run(lambda: self._work.reveal(exhibits), lambda answer: self._revealed(ids, answer), order=True)

    def _revealed(self, ids: list[UUID], answer: str | LomiError) -> None:
        if not self._state.failed(answer):
            self._state.table = on.revealed(self._state.table, ids)
            self._state.rest = str(answer) or self._state.rest
        self._state.changed()

    def _looked_at(self) -> tuple[Item, ...]:
        table = self._state.table
        chosen = tuple(item for item in table.items if item.chosen)
        return chosen or ((table.current,) if table.current else ())

    def note(self, text: str) -> None:
        item = self._state.table.current
        if item is None or not text.strip():
            return
        exhibit = item.exhibit
        self._run(lambda: self._work.note(exhibit, text), lambda answer: self._noted(exhibit, answer), order=True)

    def _noted(self, exhibit: Exhibit, answer: object) -> None:
        if not self._state.failed(answer):
            self._state.say("noted")
            self._ask_about(exhibit)
        self._state.changed()
