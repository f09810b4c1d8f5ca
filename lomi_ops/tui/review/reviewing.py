"""A reviewer at work: keys become orders, answers become what the screen shows. Knows nothing of widgets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from lomi_ops.domain.macro import Macro
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.saved_filter import SavedFilter, named
from lomi_ops.errors import LomiError
from lomi_ops.tui.review import table as on
from lomi_ops.tui.review.dealing import Dealing
from lomi_ops.tui.review.deciding import Deciding
from lomi_ops.tui.review.exhibit import Exhibit
from lomi_ops.tui.review.looking import Looking
from lomi_ops.tui.review.state import Runner, State, Tone, these
from lomi_ops.tui.review.table import Mark, Table
from lomi_ops.tui.review.tally import Watch
from lomi_ops.tui.review.work import Work


class Reviewing:
    """One session. All methods are called on the event loop, or before there is one."""

    def __init__(
        self, work: Work, run: Runner, pile: Pile, filter_text: str = "", saved: tuple[SavedFilter, ...] = ()
    ) -> None:
        self._work, self._run = work, run
        self.state = State(pile, filter_text, saved)
        self.looking = Looking(self.state, work, run)
        self.dealing = Dealing(self.state, work, run, self.looking)
        self.deciding = Deciding(self.state, work, run, self._recount, self.looking.visible)
        self._watch = Watch()
        self._leaving = False
        self._leave_next = False

    @property
    def table(self) -> Table:
        return self.state.table

    def start(self) -> None:
        """The first photos are claimed; how many there are is counted when they lie there."""
        self.dealing.refill()

    # What the reviewer does.

    def decide(self, macro: Macro) -> None:
        """The chosen photos, else the one that is looked at. An approval's reason is kept for its key, on this pile."""
        if not (targets := self.table.targets):
            self.state.say("there is nothing to decide here")
            return
        if macro.because is None:
            self.state.approvals[self.state.pile] = macro
        same = self.deciding.decide(targets, macro)
        self.dealing.give_back([item.exhibit for item in same])
        self._go_on()

    def undo(self) -> None:
        """The last step, whole."""
        self.deciding.undo()

    def skip(self) -> None:
        item = self.table.current
        if item is None or not item.open:
            self.state.table = on.put_away(self.table)
            self._go_on()
            return
        exhibit = item.exhibit
        self.state.table = on.marked(self.table, [item.media_id], Mark.SKIPPED, "skipped")
        self._run(lambda: self._work.skip(exhibit), self.state.quietly, order=True)
        self.state.say("skipped: somebody else may look at it")
        self._go_on()

    def rested(self) -> None:
        """The reminder has been read; where there is none, no photo is looked for any longer."""
        if self.state.so_far and not self.state.rest and not self.table.open_items:
            self.dealing.stop()
        self.state.rest = ""
        self.state.changed()

    def change_table(self, table: Table) -> None:
        """What only concerns how it looks: choice, frame, boxes."""
        self.state.table = table
        self.state.changed()

    def move(self, by: int) -> None:
        self.state.table = on.moved(self.table, by)
        self.looking.look()
        self.state.changed()

    def _go_on(self) -> None:
        self.looking.look()
        self.dealing.refill()
        if self.table.grid and not self.table.open_items and not self.state.away:
            self.dealing.next_batch()
        self.state.changed()

    # Other photos.

    def change(self, pile: Pile) -> None:
        """To another pile; what was claimed of this one is given back."""
        self._recount(True)
        self.dealing.change(pile)

    def go(self, chosen: Pile | SavedFilter) -> None:
        """To a pile, with the filter that was typed, or to one that somebody named; from there without its filter."""
        if isinstance(chosen, Pile):
            self._look_for("" if self.state.filter_name else self.state.filter_text, chosen)
        else:
            self._look_for(chosen.text, chosen.pile)

    def narrow(self, text: str) -> None:
        """Only photos that a filter admits, or one that has this name."""
        if found := named(self.state.saved, text):
            self.go(found)
        else:
            self._look_for(text, self.state.pile)

    def _look_for(self, text: str, pile: Pile) -> None:
        try:
            self._work.narrow(text)
        except LomiError as failure:
            hint = f"; {failure.hint}" if failure.hint else ""
            self.state.say(failure.message + hint, Tone.CONFLICT)
            return
        self.state.filter_text = text
        self.change(pile)

    def grid(self) -> None:
        """The batch of the photo that is looked at; from there back to one photo after the other."""
        if self.table.grid:
            self.change(self.state.pile)
        elif self.table.current is not None:
            self.dealing.spread(self.table.current.exhibit)

    def similar(self) -> None:
        """Photos that look the same as the one that is looked at."""
        if self.table.current is not None:
            self.dealing.spread(self.table.current.exhibit, similar=True)

    # Time, and trouble.

    def beat(self) -> None:
        """Holds on to what lies on the table, and sends again what has not arrived. Called every few seconds."""
        exhibits = [item.exhibit for item in self.table.open_items]
        self._run(lambda: self._work.beat(exhibits), lambda answer: self._beaten(exhibits, answer), order=True)

    def _beaten(self, exhibits: list[Exhibit], answer: Mapping[UUID, datetime] | LomiError) -> None:
        if isinstance(answer, LomiError):
            self.state.failed(answer)
        else:
            if self.state.away:
                self._back_again()
            self.dealing.renew(exhibits, answer)
        self.state.changed()

    def _back_again(self) -> None:
        self.state.away, self._leaving = "", False
        waiting = len(self.deciding.waiting)
        meanwhile = f"; {these(waiting)} decided meanwhile" if waiting else ""
        self.state.say(f"the database is back{meanwhile}")
        self.deciding.send_again()
        self._recount(True)
        self.dealing.refill()

    def tick(self, now: datetime) -> None:
        """Once a second."""
        self.dealing.expire(now)
        self._watch = self._watch.tick()
        if self._watch.over and (self.state.so_far or not self.dealing.busy) and not self.state.away:
            self._watch = self._watch.counted()
            self._run(self._work.counts, self._counted)

    def _recount(self, soon: bool) -> None:
        self._watch = self._watch.wanted() if soon else self._watch.touched()

    def _counted(self, answer: Mapping[Pile, int] | LomiError) -> None:
        if not self.state.failed(answer):
            self.state.counts = answer  # type: ignore[assignment]
            self.state.changed()

    # The end.

    @property
    def left(self) -> bool:
        """Whether what was on its way when somebody wanted to leave has arrived."""
        return self._leave_next and not self.deciding.waiting

    def may_leave(self) -> bool:
        """False while a decision is on its way, and once where leaving loses what the database has not heard."""
        waiting = self.deciding.waiting
        if not waiting or self._leaving:
            return True
        if not self.state.away:
            self._leave_next = True
            return False
        self._leaving = True
        lost = sum(len(order.exhibits) for order in waiting)
        self.state.say(
            f"{these(lost)} decided, but not in the database yet: leaving now loses that; once more to leave",
            Tone.CONFLICT,
        )
        return False

    def leave(self) -> None:
        """Gives back what is on the table, and what is on its way there."""
        self.dealing.stop()
        if not self.state.away:
            exhibits = [item.exhibit for item in self.table.open_items]
            self._run(lambda: self._work.leave(exhibits), self.state.quietly, order=True)
