"""What all parts of a session share: the table, the pile, what is said to the reviewer, and whether the database is
there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from lomi_ops.domain.macro import Macro
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.saved_filter import SavedFilter
from lomi_ops.domain.so_far import SoFar
from lomi_ops.errors import DatabaseUnavailable, LomiError
from lomi_ops.tui.review.table import Table

Answer = TypeVar("Answer")


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


class State:
    """`changed` is called after each change, so that the screen looks again."""

    def __init__(self, pile: Pile, filter_text: str = "", saved: tuple[SavedFilter, ...] = ()) -> None:
        self.pile, self.filter_text, self.saved = pile, filter_text, saved
        self.table = Table()
        self.counts: Mapping[Pile, int] = {}
        self.approvals: dict[Pile, Macro] = {}
        """By pile, the reason that the key for approving stands for since somebody chose it."""
        self.so_far: SoFar | None = None
        """How far the pile has been looked through while photos are looked for; None where nobody needs to know."""
        self.stopped = False
        """Whether the reviewer wants no more of that."""
        self.found_some = False
        """Whether this pile has brought photos already."""
        self.notice = Notice()
        self.rest = ""
        """That a break is due, until it is put away."""
        self.away = ""
        """Why the database cannot be asked."""
        self.changed: Callable[[], None] = lambda: None

    @property
    def approval(self) -> Macro | None:
        return self.approvals.get(self.pile)

    @property
    def filter_name(self) -> str:
        """Of what is asked for now, where it has one."""
        return next((each.name for each in self.saved if each.text == self.filter_text), "")

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        self.notice = Notice(text, tone)
        self.changed()

    def failed(self, answer: object) -> bool:
        """Whether this is no answer; says so."""
        if isinstance(answer, DatabaseUnavailable):
            self.away = answer.message
        elif isinstance(answer, LomiError):
            self.say(answer.message, Tone.CONFLICT)
        else:
            return False
        self.changed()
        return True

    def quietly(self, answer: object) -> None:
        """For answers that only matter where they are none."""
        self.failed(answer)


def these(number: int) -> str:
    """`1 photo`, `3 photos`."""
    return "1 photo" if number == 1 else f"{number} photos"
