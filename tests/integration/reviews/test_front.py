"""The front of a pile is looked up behind the work, and stays the same pile."""

from __future__ import annotations

import random
from datetime import datetime
from uuid import UUID

import pytest

from lomi_ops.db import reviewing
from lomi_ops.db.pool import Database
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review import Seen
from lomi_ops.errors import DatabaseUnavailable
from lomi_ops.ops.reviews import front
from lomi_ops.ops.reviews.desk import Desk
from lomi_ops.ops.reviews.piles import EVERYTHING
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


def test_a_look_that_was_begun_before_somebody_asked_is_the_first_one(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, asked = waiting(room, 3), []
    ahead = reviewing.ahead

    def counted(database: Database, part: Pile, *, at: datetime, limit: int) -> tuple[Seen, ...]:
        asked.append(part)
        return ahead(database, part, at=at, limit=limit)

    monkeypatch.setattr(reviewing, "ahead", counted)
    begun = front.Front(room.db, random.random)
    begun.expect(Pile.WAITING, EVERYTHING, room.clock)
    desk = Desk(room.db, None, "hana", room.section, clock=room.clock, front=begun)
    held = desk.claim_next(2, Pile.WAITING)
    assert [each.media_id for each in held.seen] == photos[:2]
    assert len(asked) == 1


def test_a_look_that_failed_before_somebody_asked_is_made_again(room: Room) -> None:
    def away() -> datetime:
        raise DatabaseUnavailable("it is away")

    photos = waiting(room, 2)
    begun = front.Front(room.db, random.random)
    begun.expect(Pile.WAITING, EVERYTHING, away)
    desk = Desk(room.db, None, "hana", room.section, clock=room.clock, front=begun)
    assert [each.media_id for each in desk.claim_next(2, Pile.WAITING).seen] == photos


def test_another_pile_than_the_expected_one_is_looked_at_anew(room: Room) -> None:
    waiting(room, 2)
    rejected = room.batch(1, porn=0.99)
    begun = front.Front(room.db, random.random)
    begun.expect(Pile.WAITING, EVERYTHING, room.clock)
    desk = Desk(room.db, None, "hana", room.section, clock=room.clock, front=begun)
    assert [each.media_id for each in desk.claim_next(2, Pile.REJECTED).seen] == list(rejected)
