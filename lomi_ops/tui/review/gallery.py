"""Photos on their way to the screen: loaded, veiled or revealed, drawn for the terminal; kept while they may be needed.

A picture is drawn for one place and one state, off the event loop. What was revealed is kept no longer than it is
looked at.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol, TypeVar

from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.errors import LomiError
from lomi_ops.imaging.framing import Frame
from lomi_ops.tui.review.exhibit import Exhibit
from lomi_ops.tui.review.photos import Photos
from lomi_ops.tui.review.picture import Drawn, drawn
from lomi_ops.tui.review.plate import Unseen, Wish
from lomi_ops.tui.review.terminal import Images, Screen
from lomi_ops.tui.review.widgets import Picture

Answer = TypeVar("Answer")
_KEPT = 40


class Painter(Protocol):
    """Runs a task beside the event loop and hands its answer back on the loop."""

    def __call__(self, task: Callable[[], Answer], then: Callable[[Answer | LomiError], None]) -> None: ...


class Gallery:
    """All methods are called on the event loop."""

    def __init__(
        self,
        photos: Photos,
        screen: Screen,
        paint: Painter,
        ready: Callable[[], None],
    ) -> None:
        self._photos, self._screen, self._paint, self._ready = photos, screen, paint, ready
        self._kept: OrderedDict[Wish, Drawn | Unseen] = OrderedDict()
        self._asked: set[Wish] = set()

    def hang(self, picture: Picture, exhibit: Exhibit, *, revealed: bool, boxes: bool, frame: Frame) -> None:
        """Shows the photo in a widget, as soon as it is drawn."""
        if self._screen.images is Images.NONE:
            picture.say("pictures are off", "--images blocks")
            return
        wish = self._wish(picture, exhibit, revealed=revealed, boxes=boxes, frame=frame)
        match self._kept.get(wish):
            case Drawn() as found:
                picture.show(found)
            case Unseen() as unseen:
                picture.say(unseen.title, "", unseen.why)
            case None:
                # Never the last photo beside the facts of this one.
                picture.say("…")
                self._ask(wish)

    def unseen(self, exhibit: Exhibit) -> str:
        """Why nobody can have seen a photo here. One that engines judged may be on its way; one that they could not, or
        of which they measured nothing, and a suspected minor, is approved on nothing but this look."""
        drawn = [found for wish, found in self._kept.items() if wish.key == exhibit.row.url]
        if drawn and isinstance(drawn[-1], Unseen):
            return drawn[-1].title
        if drawn:
            return ""
        if exhibit.guarded:
            return "it is a suspected minor and not on the screen"
        if exhibit.row.status == MediaStatus.FAILED:
            return "it could not be judged and is not on the screen"
        measured = any(each.observed is not None for each in exhibit.dossier.measures)
        return "" if measured else "nothing was measured of it and it is not on the screen"

    def ask_again(self) -> None:
        """For photos that could not be had when they were asked for. Called every few seconds."""
        passed = [wish for wish, found in self._kept.items() if isinstance(found, Unseen) and found.passing]
        for wish in passed:
            del self._kept[wish]
        if passed:
            self._ready()

    def expect(self, picture: Picture, exhibit: Exhibit, *, boxes: bool) -> None:
        """The photo may be wanted next, veiled."""
        if self._screen.images is not Images.NONE:
            wish = self._wish(picture, exhibit, revealed=False, boxes=boxes, frame=Frame())
            if wish not in self._kept:
                self._ask(wish)

    def forget_revealed(self, keys: set[str]) -> None:
        """Pictures without a veil of photos that are no longer before anybody."""
        for wish in [wish for wish in self._kept if wish.revealed and wish.key not in keys]:
            del self._kept[wish]

    def _wish(self, picture: Picture, exhibit: Exhibit, *, revealed: bool, boxes: bool, frame: Frame) -> Wish:
        columns, rows = picture.size
        found = exhibit.boxes if boxes else ()
        return Wish(exhibit.row.url, self._screen, columns, rows, frame, revealed, found, exhibit.size)

    def _ask(self, wish: Wish) -> None:
        if wish in self._asked or not wish.columns or not wish.rows:
            return
        self._asked.add(wish)
        self._paint(lambda: self._drawn(wish), lambda answer: self._answered(wish, answer))

    def _drawn(self, wish: Wish) -> Drawn | Unseen:
        found = self._photos.plate(wish)
        return found if isinstance(found, Unseen) else drawn(found)

    def _answered(self, wish: Wish, answer: Drawn | Unseen | LomiError) -> None:
        self._asked.discard(wish)
        self._kept[wish] = Unseen("this cannot be shown", answer.message) if isinstance(answer, LomiError) else answer
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        self._ready()
