"""What the reviewer decided: on its way to the database, arrived, refused, taken back, told.

Orders go to the database one after the other, and one that could not be delivered waits and is sent again: the reviewer
goes on meanwhile, and nothing that was said is lost. Whether it still counts, the database says when it is back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from lomi_ops.domain.macro import Macro
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.errors import DatabaseUnavailable, LomiError, Transient
from lomi_ops.tui.review import table as on
from lomi_ops.tui.review import tally
from lomi_ops.tui.review.exhibit import Exhibit
from lomi_ops.tui.review.state import Runner, State, Tone, these
from lomi_ops.tui.review.table import Item, Mark
from lomi_ops.tui.review.work import Back, Order, Taken, Work

_REMEMBERED = 50
"""Steps that the undo key goes back through."""


class Deciding:
    """A part of `Reviewing`; `recount` hears of what changes how many photos lie where, and whether somebody waits for
    the numbers; `visible` is that of `Looking`."""

    def __init__(
        self, state: State, work: Work, run: Runner, recount: Callable[[bool], None], visible: Callable[[Item], bool]
    ) -> None:
        self._state, self._work, self._run, self._recount = state, work, run, recount
        self._visible = visible
        self.waiting: deque[Order] = deque()
        """Orders that the database has not heard yet."""
        self.steps: deque[Taken] = deque(maxlen=_REMEMBERED)
        self._undo_next = False
        """Whether what is on its way is to be taken back when it is there."""
        self._mute = False
        """Whether it has been said that nobody can be told."""
        self.unseen: Callable[[Exhibit], str] = lambda _: ""
        """Why nobody can have seen a photo; empty where it can be seen."""

    def decide(self, targets: tuple[Item, ...], macro: Macro) -> tuple[Item, ...]:
        """What stands so already is not decided again: the answer, to be given back."""
        if macro.status is MediaStatus.APPROVED and (why := self._unfit(targets)):
            self._state.say(why, Tone.CONFLICT)
            return ()
        same = tuple(item for item in targets if item.exhibit.stands_as(macro.status, macro.because))
        others = [item for item in targets if item not in same]
        order = Order(tuple(item.exhibit for item in others), macro)
        word, state = order.word, self._state
        state.table = on.marked(state.table, [item.media_id for item in same], Mark.DECIDED, f"{word}, as it was")
        state.say(f"{these(len(targets))} {word}" if others else f"{word} already: nothing changes")
        if others:
            state.table = on.marked(state.table, [item.media_id for item in others], Mark.SENDING, word)
            self.waiting.append(order)
            state.counts = tally.after(state.counts, order.exhibits, order.status, order.reason)
            if not state.away:
                self._send(order)
        return same

    def _unfit(self, targets: tuple[Item, ...]) -> str:
        """Why these photos are not approved by a key; empty where they can be."""
        if len(targets) > 1 and any(item.exhibit.guarded for item in targets):
            return "suspected minors are approved one by one: look at each"
        if not all(map(self._visible, targets)):
            return "not approved: a suspected minor is looked at first, and the look is not on record yet"
        unseen = [(item, why) for item in targets if (why := self.unseen(item.exhibit))]
        if not unseen:
            return ""
        item, why = unseen[0]
        more = f" ({these(len(unseen))} of {len(targets)})" if len(targets) > 1 else ""
        return f"not approved, {why}{more}: lomi review approve {item.media_id} --unseen does it all the same"

    def send_again(self) -> None:
        """All that has not arrived."""
        for order in list(self.waiting):
            self._send(order)

    def _send(self, order: Order) -> None:
        self._run(lambda: self._work.decide(order), lambda answer: self._decided(order, answer), order=True)

    def _decided(self, order: Order, answer: Taken | LomiError) -> None:
        if isinstance(answer, DatabaseUnavailable):
            self._state.failed(answer)
            return
        self.waiting.remove(order)
        if isinstance(answer, LomiError):
            ids = [exhibit.media_id for exhibit in order.exhibits]
            self._state.table = on.marked(self._state.table, ids, Mark.LOST, answer.message)
            self._state.say(answer.message, Tone.CONFLICT)
        else:
            self._hold(order, answer)
        if self._undo_next and not self.waiting:
            self._undo_next = False
            self.undo()
        self._recount(False)
        self._state.changed()

    def _hold(self, order: Order, taken: Taken) -> None:
        if taken.done:
            self.steps.append(taken)
        table = on.marked(self._state.table, taken.done, Mark.DECIDED, taken.word)
        for media_id, why in taken.refused.items():
            table = on.marked(table, [media_id], Mark.LOST, why)
        self._state.table = table
        if taken.refused:
            first = next(iter(taken.refused.values()))
            more = f" ({len(taken.refused)} photos of {len(order.exhibits)})" if len(order.exhibits) > 1 else ""
            self._state.say(f"not {order.word}: {first}{more}", Tone.CONFLICT)

    def undo(self) -> None:
        """The last step, whole."""
        state = self._state
        if self.waiting and state.away:
            state.say("the last decision waits for the database; when it is back, u takes it back")
        elif self.waiting:
            self._undo_next = True
        elif not self.steps:
            state.say("there is nothing to take back in this session: `lomi review undo` goes further back")
        else:
            taken = self.steps.pop()
            self._run(lambda: self._work.undo(taken), lambda answer: self._undone(taken, answer), order=True)
        state.changed()

    def _undone(self, taken: Taken, answer: Back | LomiError) -> None:
        if isinstance(answer, LomiError):
            if isinstance(answer, DatabaseUnavailable):
                self.steps.append(taken)
            self._state.failed(answer)
        else:
            self._state.table = on.returned(self._state.table, answer.exhibits)
            tone = Tone.CONFLICT if answer.refused else Tone.PLAIN
            self._state.say("; ".join([answer.words, *answer.refused.values()]), tone)
            self._recount(True)
        self._state.changed()

    def publish(self) -> None:
        """Tells the app what is due, where this session decided something lately."""
        if self.steps and not self._state.away:
            self._run(self._work.publish, self._published)

    def _published(self, answer: object) -> None:
        if isinstance(answer, Transient) and not isinstance(answer, DatabaseUnavailable):
            if self._mute:
                return
            self._mute = True
            self._state.say(f"{answer.message}: decided all the same; the app is told when it is back")
        else:
            self._mute = False
            self._state.failed(answer)
