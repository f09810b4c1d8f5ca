"""The app on a real database and real objects, driven by keys."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from lomi_ops.domain.pile import Pile
from lomi_ops.tui.review.app import ReviewApp
from lomi_ops.tui.review.terminal import Images
from lomi_ops.tui.review.widgets import Picture
from tests.review_room import Room


@pytest.fixture
def room(prepared_url: str, tmp_path: Path) -> Iterator[Room]:
    found = Room(prepared_url, tmp_path / "objects")
    yield found
    found.close()


class Session:
    """One reviewer's app, and what can be seen of it."""

    def __init__(self, room: Room, pilot: Pilot[None], app: ReviewApp) -> None:
        self.room, self.pilot, self.app = room, pilot, app

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        deadline = time.monotonic() + 90
        while not condition():
            assert time.monotonic() < deadline, f"never: {what}\n{self.text}"
            await self.pilot.pause(0.01)

    async def shown(self) -> None:
        """A photo lies on the table and is drawn, and its history is read."""
        await self.until(
            lambda: self.current in self.app.reviewing.looking.stories and self.picture.drawn.strips, "a photo"
        )

    @property
    def picture(self) -> Picture:
        return self.app.query_one("#photo", Picture)

    @property
    def current(self) -> object:
        item = self.app.reviewing.table.current
        return item.media_id if item else None

    @property
    def text(self) -> str:
        """Everything on the screen."""
        return "\n".join(
            "".join(segment.text for segment in strip) for strip in self.app.screen._compositor.render_strips()
        )

    @property
    def notice(self) -> str:
        return self.app.reviewing.state.notice.text

    async def settled(self) -> None:
        """Nothing is on its way to the database."""
        await self.until(lambda: not self.app.reviewing.deciding.waiting, "an answer")


Steps = Callable[[Session], Awaitable[None]]
Drive = Callable[..., None]


@pytest.fixture
def drive(room: Room) -> Drive:
    """Runs the app and what is done to it; then it is left."""

    def run(
        steps: Steps, *, pile: Pile = Pile.REJECTED, size: tuple[int, int] = (120, 40), actor: str = "Hana",
        ahead_s: float = 0.0, images: Images = Images.BLOCKS, wanted: str = "", because: str = "fine",
        **section: float,
    ) -> None:  # fmt: skip
        async def session() -> None:
            ahead = timedelta(seconds=ahead_s)
            app = room.app(actor, pile, images, wanted=wanted, ahead=ahead, because=because, **section)
            async with app.run_test(size=size) as pilot:
                await steps(Session(room, pilot, app))

        asyncio.run(session())

    return run
