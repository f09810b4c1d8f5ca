"""A reviewer at work: keys become orders, answers become what the screen shows. Knows nothing of widgets.

Orders go to the database one after the other, and one that could not be delivered waits and is sent again: the reviewer
goes on meanwhile, and nothing that was said is lost. Whether it still counts, the database says when it is back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar
from uuid import UUID

from lomi_ops.domain.pile import Pile
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.errors import DatabaseUnavailable, LomiError, Transient
from lomi_ops.tui import table as on
from lomi_ops.tui.exhibit import Exhibit
from lomi_ops.tui.table import Item, Mark, Table
from lomi_ops.tui.work import Back, Order, Taken, Work

Answer = TypeVar("Answer")
_REMEMBERED = 50
"""Steps that the undo key goes back through."""


class Tone(StrEnum):
    """How urgent a notice is."""

    PLAIN = "plain"
    CONFLICT = "conflict"
    """Something was not done."""


@dataclass(frozen=True, slots=True)
class Notice:
    text: str = ""
    tone: Tone = Tone.PLAIN


class Runner(Protocol):
    """Runs a task beside the event loop, orders in their order, and hands its answer back on the loop."""

    def __call__(
        self, task: Callable[[], Answer], then: Callable[[Answer | LomiError], None], *, order: bool = False
    ) -> None: ...


class Reviewing:
    """One session. All methods are called on the event loop; `changed` tells the screen to look again."""

    def __init__(
        self, work: Work, run: Runner, clock: Callable[[], datetime], changed: Callable[[], None], pile: Pile
    ) -> None:
        self._work, self._run, self._clock, self._changed = work, run, clock, changed
        self.pile = pile
        self.table = Table()
        self.counts: Mapping[Pile, int] = {}
        self.notice = Notice()
        self.steps: deque[Taken] = deque(maxlen=_REMEMBERED)
        self.stories: dict[UUID, tuple[str, ...]] = {}
        """By photo; where there is one, the look is on record."""
        self.filter_text = ""
        self.waiting: deque[Order] = deque()
        """Orders that the database has not heard yet."""
        self.away = ""
        """Why the database cannot be asked."""
        self._dealing = False
        self._looking: set[UUID] = set()
        self._leaving = False
        self._leave_next = False
        self._undo_next = False
        """Whether what is on its way is to be taken back when it is there."""
        self._mute = False
        """Whether it has been said that nobody can be told."""
        self._round = 0
        """Answers to what was asked before the last change of pile or view are too late."""

    # What the reviewer sees.

    @property
    def busy(self) -> bool:
        return self._dealing

    def start(self) -> None:
        self.recount()
        self.refill()

    def recount(self) -> None:
        self._run(self._work.counts, self._counted)

    def _counted(self, answer: Mapping[Pile, int] | LomiError) -> None:
        if not self._failed(answer):
            self.counts = answer  # type: ignore[assignment]
            self._changed()

    def refill(self) -> None:
        """Claims ahead, so that the next photo is here before it is asked for."""
        if self._dealing or self.away or not (wanted := self.table.wants):
            return
        self._dealing = True
        pile, asked = self.pile, self._round
        self._run(lambda: self._work.deal(pile, wanted), lambda answer: self._dealt(answer, asked, wanted), order=True)

    def _dealt(self, answer: tuple[Exhibit, ...] | LomiError, asked: int, wanted: int) -> None:
        self._dealing = False
        if isinstance(answer, LomiError):
            self._failed(answer)
        elif asked != self._round:
            self._give_back(answer)
            self.refill()
        else:
            self.table = on.joined(replace(self.table, exhausted=len(answer) < wanted), answer)
            self._look()
        self._changed()

    def visible(self, item: Item) -> bool:
        """Whether there is anything to see yet: of a suspected minor only when the look is on record."""
        return not item.exhibit.guarded or item.media_id in self.stories

    def _look(self) -> None:
        """What belongs to the photos that are looked at is read when they are."""
        current = (self.table.current,) if self.table.current else ()
        for item in self.table.items if self.table.grid else current:
            if item.media_id not in self.stories and item.media_id not in self._looking:
                self._looking.add(item.media_id)
                self._ask_about(item.exhibit)

    def _ask_about(self, exhibit: Exhibit) -> None:
        self._run(lambda: self._work.look(exhibit), lambda answer: self._told(exhibit.media_id, answer))

    def _told(self, media_id: UUID, answer: tuple[str, ...] | LomiError) -> None:
        self._looking.discard(media_id)
        if not self._failed(answer):
            self.stories[media_id] = answer  # type: ignore[assignment]
        self._changed()

    # What the reviewer does.

    def decide(self, status: MediaStatus, reason: Reason | None) -> None:
        """The chosen photos, else the one that is looked at."""
        if not (targets := self.table.targets):
            self._say("there is nothing to decide here", Tone.PLAIN)
            return
        word = f"{status.value}: {reason.value}" if reason else status.value
        same = [item for item in targets if item.exhibit.stands_as(status, reason)]
        others = [item for item in targets if item not in same]
        self.table = on.marked(self.table, [item.media_id for item in same], Mark.DECIDED, f"{word}, as it was")
        self._give_back([item.exhibit for item in same])
        self._say(f"{_these(len(targets))} {word}" if others else f"{word} already: nothing changes")
        if others:
            self.table = on.marked(self.table, [item.media_id for item in others], Mark.SENDING, word)
            order = Order(tuple(item.exhibit for item in others), status, reason, word)
            self.waiting.append(order)
            if not self.away:
                self._send(order)
        self._go_on()

    def _send(self, order: Order) -> None:
        self._run(lambda: self._work.decide(order), lambda answer: self._decided(order, answer), order=True)

    def _decided(self, order: Order, answer: Taken | LomiError) -> None:
        ids = [exhibit.media_id for exhibit in order.exhibits]
        if isinstance(answer, DatabaseUnavailable):
            self._failed(answer)
            return
        self.waiting.remove(order)
        if isinstance(answer, LomiError):
            self.table = on.marked(self.table, ids, Mark.LOST, answer.message)
            self._say(answer.message, Tone.CONFLICT)
        else:
            self._hold(order, answer)
        if self._undo_next and not self.waiting:
            self._undo_next = False
            self.undo()
        self.recount()
        self._changed()

    def _hold(self, order: Order, taken: Taken) -> None:
        if taken.done:
            self.steps.append(taken)
        self.table = on.marked(self.table, taken.done, Mark.DECIDED, taken.word)
        for media_id, why in taken.refused.items():
            self.table = on.marked(self.table, [media_id], Mark.LOST, why)
        if taken.refused:
            first = next(iter(taken.refused.values()))
            more = f" ({len(taken.refused)} photos of {len(order.exhibits)})" if len(order.exhibits) > 1 else ""
            self._say(f"not {order.word}: {first}{more}", Tone.CONFLICT)

    def undo(self) -> None:
        """The last step, whole."""
        if self.waiting and self.away:
            self._say("the last decision waits for the database; when it is back, u takes it back")
        elif self.waiting:
            self._undo_next = True
        elif not self.steps:
            self._say("there is nothing to take back in this session: `lomi review undo` goes further back")
        else:
            taken = self.steps.pop()
            self._run(lambda: self._work.undo(taken), lambda answer: self._undone(taken, answer), order=True)
        self._changed()

    def _undone(self, taken: Taken, answer: Back | LomiError) -> None:
        if isinstance(answer, LomiError):
            if isinstance(answer, DatabaseUnavailable):
                self.steps.append(taken)
            self._failed(answer)
        else:
            self.table = on.returned(self.table, answer.exhibits)
            tone = Tone.CONFLICT if answer.refused else Tone.PLAIN
            self._say("; ".join([answer.words, *answer.refused.values()]), tone)
            self.recount()
        self._changed()

    def skip(self) -> None:
        item = self.table.current
        if item is None or not item.open:
            self.table = on.put_away(self.table)
            self._go_on()
            return
        exhibit = item.exhibit
        self.table = on.marked(self.table, [item.media_id], Mark.SKIPPED, "skipped")
        self._run(lambda: self._work.skip(exhibit), self._quietly, order=True)
        self._say("skipped: somebody else may look at it")
        self._go_on()

    def reveal(self) -> None:
        """The chosen photos, else the one that is looked at; what is visible is veiled again. On record before it is
        seen: without the record nothing is shown."""
        items = [item for item in self._looked_at() if not item.revealed]
        if not items:
            self.table = on.revealed(self.table, [item.media_id for item in self._looked_at()], yes=False)
            self._changed()
            return
        exhibits = [item.exhibit for item in items]
        ids = [item.media_id for item in items]
        self._run(lambda: self._work.reveal(exhibits), lambda answer: self._revealed(ids, answer), order=True)

    def _revealed(self, ids: list[UUID], answer: str | LomiError) -> None:
        if not self._failed(answer):
            self.table = on.revealed(self.table, ids)
            if answer:
                self._say(str(answer))
        self._changed()

    def _looked_at(self) -> tuple[Item, ...]:
        chosen = tuple(item for item in self.table.items if item.chosen)
        return chosen or ((self.table.current,) if self.table.current else ())

    def note(self, text: str) -> None:
        item = self.table.current
        if item is None or not text.strip():
            return
        exhibit = item.exhibit
        self._run(lambda: self._work.note(exhibit, text), lambda answer: self._noted(exhibit, answer), order=True)

    def _noted(self, exhibit: Exhibit, answer: object) -> None:
        if not self._failed(answer):
            self._say("noted")
            self._ask_about(exhibit)
        self._changed()

    # Other photos.

    def change(self, pile: Pile) -> None:
        """To another pile; what was claimed of this one is given back."""
        self.pile = pile
        self._clear()
        self.recount()
        self.refill()
        self._changed()

    def narrow(self, text: str) -> None:
        """Only photos that a filter admits."""
        try:
            self._work.narrow(text)
        except LomiError as failure:
            self._say(f"{failure.message}; {failure.hint}" if failure.hint else failure.message, Tone.CONFLICT)
            return
        self.filter_text = text
        self.change(self.pile)

    def grid(self) -> None:
        """The batch of the photo that is looked at; from there back to one photo after the other."""
        if self.table.grid:
            self.change(self.pile)
            return
        if self.table.current is not None:
            self._spread(self.table.current.exhibit)

    def next_batch(self) -> None:
        """Gives this batch back and lays out the next one of the pile."""
        self._clear()
        self._dealing = True
        pile, asked = self.pile, self._round
        self._run(lambda: self._work.deal(pile, 1), lambda answer: self._next(answer, asked), order=True)
        self._changed()

    def _next(self, answer: tuple[Exhibit, ...] | LomiError, asked: int) -> None:
        self._dealing = False
        if isinstance(answer, LomiError):
            self._failed(answer)
        elif not answer:
            self.table = replace(self.table, exhausted=True)
        elif asked == self._round:
            self._spread(answer[0])
        self._changed()

    def similar(self) -> None:
        """Photos that look the same as the one that is looked at."""
        if self.table.current is not None:
            self._spread(self.table.current.exhibit, similar=True)

    def _spread(self, around: Exhibit, *, similar: bool = False) -> None:
        self._dealing = True
        self._round += 1
        asked = self._round
        others = [item.exhibit for item in self.table.open_items if item.media_id != around.media_id]
        self._give_back(others)
        deal = self._work.deal_similar if similar else self._work.deal_batch
        self._run(lambda: deal(around), lambda answer: self._spread_out(around, answer, asked), order=True)

    def _spread_out(self, around: Exhibit, answer: Any, asked: int) -> None:
        self._dealing = False
        if isinstance(answer, LomiError):
            self._failed(answer)
        elif asked == self._round:
            exhibits, held = answer
            self.table = on.dealt(self.table, exhibits, grid=True, first=around.media_id)
            for media_id, why in held.items():
                self.table = on.marked(self.table, [media_id], Mark.LOST, why)
            self._look()
        self._changed()

    def _clear(self) -> None:
        self._round += 1
        self._give_back([item.exhibit for item in self.table.open_items])
        self.table = Table(boxes=self.table.boxes)

    def _give_back(self, exhibits: Any) -> None:
        if exhibits:
            self._run(lambda: self._work.put_back(exhibits), self._quietly, order=True)

    def move(self, by: int) -> None:
        self.table = on.moved(self.table, by)
        self._look()
        self._changed()

    def change_table(self, table: Table) -> None:
        """What only concerns how it looks: choice, frame, boxes."""
        self.table = table
        self._changed()

    def _go_on(self) -> None:
        self._look()
        self.refill()
        if self.table.grid and not self.table.open_items and not self.away:
            self.next_batch()
        self._changed()

    # Time, and trouble.

    def beat(self) -> None:
        """Holds on to what lies on the table, and sends again what has not arrived. Called every few seconds."""
        exhibits = [item.exhibit for item in self.table.open_items]
        self._run(lambda: self._work.beat(exhibits), lambda answer: self._beaten(exhibits, answer), order=True)

    def _beaten(self, exhibits: list[Exhibit], answer: Mapping[UUID, datetime] | LomiError) -> None:
        if isinstance(answer, LomiError):
            self._failed(answer)
        else:
            if self.away:
                self._back_again()
            self.table = on.renewed(self.table, dict(answer))
            asked = {exhibit.media_id for exhibit in exhibits}
            lost = [i.media_id for i in self.table.open_items if i.media_id in asked and i.media_id not in answer]
            self._lose(lost)
        self._changed()

    def publish(self) -> None:
        """Tells the app what is due, where this session decided something lately."""
        if self.steps and not self.away:
            self._run(self._work.publish, self._published)

    def _published(self, answer: object) -> None:
        if isinstance(answer, Transient) and not isinstance(answer, DatabaseUnavailable):
            if self._mute:
                return
            self._mute = True
            self._say(f"{answer.message}: decided all the same; the app is told when it is back")
        else:
            self._mute = False
            self._failed(answer)

    @property
    def left(self) -> bool:
        """Whether what was on its way when somebody wanted to leave has arrived."""
        return self._leave_next and not self.waiting

    def may_leave(self) -> bool:
        """False while a decision is on its way, and once where leaving loses what the database has not heard."""
        if not self.waiting or self._leaving:
            return True
        if not self.away:
            self._leave_next = True
            return False
        self._leaving = True
        lost = sum(len(order.exhibits) for order in self.waiting)
        self._say(f"{_these(lost)} decided, but not in the database yet: leaving now loses that; once more to leave",
                  Tone.CONFLICT)  # fmt: skip
        return False

    def leave(self) -> None:
        """Gives back what is on the table."""
        if not self.away:
            self._give_back([item.exhibit for item in self.table.open_items])

    def tick(self) -> None:
        """Once a second: claims whose time is over are no longer ours, whatever the database would say."""
        self._lose(list(on.expired(self.table, self._clock())))

    def _lose(self, ids: list[UUID]) -> None:
        if ids:
            self.table = on.marked(self.table, ids, Mark.LOST, "your claim is over; somebody else may have it")
            self._say(f"{_these(len(ids))} no longer yours: the claim is over", Tone.CONFLICT)
            self.refill()
            self._changed()

    def _back_again(self) -> None:
        self.away, self._leaving = "", False
        waiting = len(self.waiting)
        self._say(f"the database is back; {_these(waiting)} decided meanwhile" if waiting else "the database is back")
        for order in list(self.waiting):
            self._send(order)
        self.recount()
        self.refill()

    def _failed(self, answer: object) -> bool:
        """Whether this is no answer; says so."""
        if isinstance(answer, DatabaseUnavailable):
            self.away = answer.message
        elif isinstance(answer, LomiError):
            self._say(answer.message, Tone.CONFLICT)
        else:
            return False
        self._changed()
        return True

    def _quietly(self, answer: object) -> None:
        self._failed(answer)

    def _say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        self.notice = Notice(text, tone)
        self._changed()


def _these(number: int) -> str:
    return "1 photo" if number == 1 else f"{number} photos"
