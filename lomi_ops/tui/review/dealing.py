"""Which photos lie on the table: claimed ahead, laid out, given back, held on to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from lomi_ops.domain.pile import Pile
from lomi_ops.domain.so_far import SoFar
from lomi_ops.errors import LomiError
from lomi_ops.tui.review import table as on
from lomi_ops.tui.review.exhibit import Exhibit
from lomi_ops.tui.review.looking import Looking
from lomi_ops.tui.review.state import Runner, State, Tone, these
from lomi_ops.tui.review.table import Mark, Table
from lomi_ops.tui.review.work import Work

Dealt = tuple[tuple[Exhibit, ...], SoFar | None]
"""Photos, and how far they were looked for where there are too few and there may be more."""


class Dealing:
    """A part of `Reviewing`."""

    def __init__(self, state: State, work: Work, run: Runner, looking: Looking) -> None:
        self._state, self._work, self._run, self._looking = state, work, run, looking
        self.busy = False
        self._round = 0
        """Answers to what was asked before the last change of pile or view are too late."""
        self._then: Callable[[], None] | None = None
        """What waits until photos that are on their way have come: they would be taken for somebody else's."""

    def refill(self) -> None:
        """Claims ahead, so that the next photo is here before it is asked for; one that somebody waits for comes alone,
        and the others behind it."""
        if self.busy or self._state.away or self._state.stopped or not (wanted := self._state.table.wants):
            return
        wanted = wanted if self._state.table.open_items else 1
        self.busy = True
        pile, asked = self._state.pile, self._round
        self._run(lambda: self._next_ones(pile, wanted), lambda answer: self._dealt(answer, asked), order=True)

    def _next_ones(self, pile: Pile, wanted: int) -> tuple[Dealt, bool]:
        """And whether these are all."""
        dealt = self._work.deal(pile, wanted)
        so_far = self._work.so_far() if len(dealt) < wanted else None
        return (dealt, so_far), len(dealt) < wanted and so_far is None

    def stop(self) -> None:
        """Looks no further, until somebody asks for this pile again."""
        self._state.stopped = True

    def _dealt(self, answer: tuple[Dealt, bool] | LomiError, asked: int) -> None:
        self.busy = False
        go_on, self._then = self._then or self.refill, None
        if isinstance(answer, LomiError):
            self._state.failed(answer)
        elif asked != self._round:
            self.give_back(answer[0][0])
            self.refill()
        else:
            (exhibits, self._state.so_far), all_of_them = answer
            self._state.found_some = self._state.found_some or bool(exhibits)
            self._state.table = on.joined(replace(self._state.table, exhausted=all_of_them), exhibits)
            self._looking.look()
            go_on()
        self._state.changed()

    def change(self, pile: Pile) -> None:
        """To another pile; what was claimed of this one is given back."""
        self._state.pile = pile
        self._clear()
        self.refill()
        self._state.changed()

    def next_batch(self) -> None:
        """Gives this batch back and lays out the next one of the pile."""
        self._clear()
        self._seek_batch()
        self._state.changed()

    def _seek_batch(self) -> None:
        self.busy = True
        pile, asked = self._state.pile, self._round
        self._run(lambda: self._next_ones(pile, 1), lambda answer: self._next(answer, asked), order=True)

    def _next(self, answer: tuple[Dealt, bool] | LomiError, asked: int) -> None:
        self.busy = False
        if isinstance(answer, LomiError):
            self._state.failed(answer)
        elif asked != self._round:
            self.give_back(answer[0][0])
            self.refill()
        else:
            (exhibits, self._state.so_far), all_of_them = answer
            if exhibits:
                self._state.found_some = True
                self.spread(exhibits[0])
            elif all_of_them:
                self._state.table = replace(self._state.table, exhausted=True)
            elif not self._state.stopped:
                self._seek_batch()
        self._state.changed()

    def spread(self, around: Exhibit, *, similar: bool = False) -> None:
        """Lays out the batch of a photo, or the photos that look the same."""
        if self.busy:
            self._then = lambda: self.spread(around, similar=similar)
            return
        self.busy = True
        self._round += 1
        asked = self._round
        self.give_back([item.exhibit for item in self._state.table.open_items if item.media_id != around.media_id])
        deal = self._work.deal_similar if similar else self._work.deal_batch
        self._run(lambda: deal(around), lambda answer: self._spread_out(around, answer, asked), order=True)

    def _spread_out(self, around: Exhibit, answer: Any, asked: int) -> None:
        self.busy, self._then = False, None
        if isinstance(answer, LomiError):
            self._state.failed(answer)
        elif asked == self._round:
            exhibits, held = answer
            table = on.dealt(self._state.table, exhibits, grid=True, first=around.media_id)
            for media_id, why in held.items():
                table = on.marked(table, [media_id], Mark.LOST, why)
            self._state.table = table
            self._looking.look()
        self._state.changed()

    def _clear(self) -> None:
        self._round += 1
        self._then = None
        self._state.so_far, self._state.stopped, self._state.found_some = None, False, False
        self.give_back([item.exhibit for item in self._state.table.open_items])
        self._state.table = Table(boxes=self._state.table.boxes)

    def give_back(self, exhibits: Sequence[Exhibit]) -> None:
        if exhibits:
            self._run(lambda: self._work.put_back(exhibits), self._state.quietly, order=True)

    # Claims.

    def renew(self, exhibits: Sequence[Exhibit], until: Mapping[UUID, datetime]) -> None:
        """What a beat was answered: those that are missing in it are lost."""
        self._state.table = on.renewed(self._state.table, dict(until))
        asked = {exhibit.media_id for exhibit in exhibits}
        items = self._state.table.open_items
        self._lose([item.media_id for item in items if item.media_id in asked and item.media_id not in until])

    def expire(self, now: datetime) -> None:
        """Claims whose time is over are no longer ours, whatever the database would say."""
        self._lose(on.expired(self._state.table, now))

    def _lose(self, ids: Sequence[UUID]) -> None:
        if ids:
            why = "your claim is over; somebody else may have it"
            self._state.table = on.marked(self._state.table, ids, Mark.LOST, why)
            self._state.say(f"{these(len(ids))} no longer yours: the claim is over", Tone.CONFLICT)
            self.refill()
            self._state.changed()
