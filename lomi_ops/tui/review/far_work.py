"""The app's work, done by the desk in a process of its own (`forked.py`).

The app imports no driver and no settings, and what the database answers is not read by the process that draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.domain.macro import Macro
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review_filter import typed
from lomi_ops.domain.saved_filter import SavedFilter
from lomi_ops.domain.so_far import SoFar
from lomi_ops.errors import LomiError
from lomi_ops.tui.review.exhibit import Exhibit
from lomi_ops.tui.review.forked import Forked
from lomi_ops.tui.review.plate import Unseen
from lomi_ops.tui.review.work import Back, Order, Taken


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the app needs to know before it begins."""

    actor: str
    beat_s: float
    now: datetime
    """By the server's clock."""
    pile: Pile
    wanted: str
    """A filter; empty for all."""
    saved: tuple[SavedFilter, ...]
    macros: tuple[Macro, ...]
    images: str
    """How photos are shown, as the settings have it."""
    limits: Mapping[str, Any]
    """The settings for images, for whoever decodes."""


class FarWork:
    """As `work.Work`."""

    def __init__(self, far: Forked, first: Callable[[Exhibit], object] | None = None) -> None:
        """`first` hears of the first photo of the session, before there is a screen that could ask for it."""
        self._far, self._first = far, first

    def counts(self) -> Mapping[Pile, int]:
        return self._far.call("counts")  # type: ignore[no-any-return]

    def narrow(self, text: str) -> None:
        """Called on the event loop: what is wrong with a filter is found out here."""
        typed(text)
        self._far.tell("narrow", text)

    def deal(self, pile: Pile, limit: int) -> tuple[Exhibit, ...]:
        dealt: tuple[Exhibit, ...] = self._far.call("deal", pile, limit)
        if dealt and self._first is not None:
            self._first(dealt[0])
            self._first = None
        return dealt

    def so_far(self) -> SoFar | None:
        return self._far.call("so_far")  # type: ignore[no-any-return]

    def deal_batch(self, around: Exhibit) -> tuple[tuple[Exhibit, ...], Mapping[UUID, str]]:
        return self._far.call("deal_batch", around)  # type: ignore[no-any-return]

    def deal_similar(self, around: Exhibit) -> tuple[tuple[Exhibit, ...], Mapping[UUID, str]]:
        return self._far.call("deal_similar", around)  # type: ignore[no-any-return]

    def decide(self, order: Order) -> Taken:
        return self._far.call("decide", order)  # type: ignore[no-any-return]

    def undo(self, taken: Taken) -> Back:
        return self._far.call("undo", taken)  # type: ignore[no-any-return]

    def put_back(self, exhibits: Sequence[Exhibit]) -> None:
        self._far.call("put_back", tuple(exhibits))

    def skip(self, exhibit: Exhibit) -> None:
        self._far.call("skip", exhibit)

    def leave(self, exhibits: Sequence[Exhibit]) -> None:
        self._far.call("leave", tuple(exhibits))

    def beat(self, exhibits: Sequence[Exhibit]) -> Mapping[UUID, datetime]:
        return self._far.call("beat", tuple(exhibits))  # type: ignore[no-any-return]

    def publish(self) -> None:
        self._far.call("publish")

    def look(self, exhibit: Exhibit) -> tuple[str, ...]:
        return self._far.call("look", exhibit)  # type: ignore[no-any-return]

    def unhashed(self, exhibit: Exhibit) -> bool:
        return self._far.call("unhashed", exhibit)  # type: ignore[no-any-return]

    def remember(self, exhibit: Exhibit, seen: Fingerprint) -> tuple[str, ...]:
        return self._far.call("remember", exhibit, seen)  # type: ignore[no-any-return]

    def reveal(self, exhibits: Sequence[Exhibit]) -> str:
        return self._far.call("reveal", tuple(exhibits))  # type: ignore[no-any-return]

    def note(self, exhibit: Exhibit, text: str) -> None:
        self._far.call("note", exhibit, text)

    def photo(self, key: str) -> bytes | Unseen:
        """As `fetching.Fetching.get`."""
        try:
            return self._far.call("photo", key)  # type: ignore[no-any-return]
        except LomiError as failure:
            return Unseen("this cannot be shown", failure.message, passing=True)
