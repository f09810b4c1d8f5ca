"""A filter that hardly a photo matches: keys go on, the screen says how far it looked, and what is found is shown."""

from __future__ import annotations

import math
import threading
from datetime import datetime

import pytest

from lomi_ops.db import browsing
from lomi_ops.domain.review import Seen
from lomi_ops.ops.reviews import front
from lomi_ops.ops.reviews.walk import Walk
from tests.integration.tui.conftest import Drive, Session
from tests.review_room import Room, evidence

RARE = "porn>0.9"
FAR = 30
"""Photos before the one that matches; each step looks at a few."""


class Gate:
    """Lets so many steps pass."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
        self._open = threading.Semaphore(steps)
        step = Walk.step

        def gated(walk: Walk, at: datetime) -> tuple[Seen, ...]:
            self._open.acquire()
            return step(walk, at)

        monkeypatch.setattr(Walk, "step", gated)

    def open(self) -> None:
        self._open.release(10_000)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.setattr(browsing, "FIRST_STEP", 3)
    monkeypatch.setattr(browsing, "LARGEST_STEP", 5)
    monkeypatch.setattr(browsing, "SLOW_S", math.inf)
    monkeypatch.setattr(front, "QUICK_S", 0.0)
    return Gate(monkeypatch, 4)


def pile(room: Room, *, match: bool) -> None:
    if match:
        room.batch([evidence(porn=0.95)])
    for _ in range(FAR // 10):
        room.batch([evidence(porn=0.7)] * 10)


def test_keys_are_not_blocked_while_it_looks_and_the_match_is_shown_when_found(
    room: Room, drive: Drive, gate: Gate
) -> None:
    pile(room, match=True)

    async def steps(session: Session) -> None:
        await session.until(lambda: "looked at the newest" in session.text, "how far it looked")
        assert "none matches yet" in session.text
        await session.press("question_mark")
        await session.until(lambda: "approves" in session.text, "the help, while a look is on its way")
        await session.press("escape")
        gate.open()
        await session.shown()

    drive(steps, wanted=RARE)


def test_a_filter_that_nothing_matches_ends_with_a_clear_line(room: Room, drive: Drive, gate: Gate) -> None:
    pile(room, match=False)

    async def steps(session: Session) -> None:
        gate.open()
        await session.until(lambda: "looked through all of rejected" in session.text, "the end")
        assert RARE in session.text

    drive(steps, wanted=RARE)


def test_escape_stops_looking_and_the_same_filter_goes_on_from_there(room: Room, drive: Drive, gate: Gate) -> None:
    pile(room, match=True)

    async def steps(session: Session) -> None:
        await session.until(lambda: "looked at the newest" in session.text, "how far it looked")
        await session.press("escape")
        gate.open()
        await session.until(lambda: not session.app.reviewing.dealing.busy and "stopped" in session.text, "a stop")
        assert not session.app.reviewing.table.items
        await session.press("slash", "enter")
        await session.shown()

    drive(steps, wanted=RARE)


def test_another_filter_takes_the_place_of_one_that_is_looked_for(room: Room, drive: Drive, gate: Gate) -> None:
    pile(room, match=False)

    async def steps(session: Session) -> None:
        await session.until(lambda: "looked at the newest" in session.text, "how far it looked")
        await session.press("slash", *["backspace"] * len(RARE), *"porn>0.6", "enter")
        gate.open()
        await session.shown()

    drive(steps, wanted=RARE)
