"""The front of a pile is looked up behind the work, and stays the same pile."""

from __future__ import annotations

from uuid import UUID

import pytest

from lomi_ops.domain.pile import Pile
from lomi_ops.ops.reviews import front
from tests.integration.reviews.conftest import Room

A_WHILE_S = 30
"""After so long a look is old."""


@pytest.fixture(autouse=True)
def looks_are_small_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "FIRST", 12)
    monkeypatch.setattr(front, "AHEAD", 12)
    monkeypatch.setattr(front, "LOW", 0)
    behind = front._Behind
    monkeypatch.setattr(behind, "done", property(lambda self: behind.awaited(self) is not None))


def waiting(room: Room, number: int) -> list[UUID]:
    """Photos for a person, in their order."""
    found: list[UUID] = []
    for _ in range(number):
        found += room.batch(1, porn=0.4)
        room.rows("UPDATE media SET created_at = %s WHERE id = %s RETURNING id", room.clock(), found[-1])
        room.clock.pass_(1)
    return found


def test_a_skipped_photo_comes_last_however_often_the_front_is_looked_up_anew(room: Room) -> None:
    photos, desk, dealt = waiting(room, 20), room.desk(), []
    for _ in range(11):
        held = desk.claim_next(1, Pile.WAITING)
        dealt += [each.media_id for each in held.seen]
        desk.release(held.token)
        room.clock.pass_(A_WHILE_S)
    assert dealt == photos[:11]
