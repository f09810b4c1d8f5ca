"""The first photo of a session is dealt while the app still starts."""

from __future__ import annotations

import random
from datetime import datetime

import pytest

from lomi_ops.domain.pile import Pile
from lomi_ops.errors import DatabaseUnavailable, LomiError
from lomi_ops.ops.reviews.desk import Desk
from lomi_ops.ops.reviews.front import Front
from lomi_ops.ops.reviews.piles import EVERYTHING
from lomi_ops.tui.review.desk_work import DeskWork
from tests.review_room import Room, evidence

BLURRED = evidence(sharpness=12)


def at_once() -> None:
    """There is nothing to wait for."""


def claims(room: Room) -> int:
    return room.count("lomi.claims")


def test_who_asks_for_the_first_photo_gets_the_one_that_was_dealt_already(room: Room) -> None:
    room.batch([BLURRED, BLURRED])
    work = room.work()
    work.expect(Pile.REJECTED, at_once)

    (first,) = work.deal(Pile.REJECTED, 1)
    (second,) = work.deal(Pile.REJECTED, 1)

    assert first.media_id != second.media_id
    assert claims(room) == 2, "nothing else was claimed for it"


@pytest.mark.parametrize(
    ("pile", "terms", "limit"), [(Pile.ALL, "", 1), (Pile.REJECTED, "blur<20", 1), (Pile.REJECTED, "", 2)]
)
def test_who_asks_for_something_else_gets_that_and_the_first_photo_is_free_again(
    room: Room, pile: Pile, terms: str, limit: int
) -> None:
    room.batch([BLURRED, BLURRED])
    work = room.work()
    work.expect(Pile.REJECTED, at_once)

    work.narrow(terms)
    dealt = work.deal(pile, limit)

    assert len(dealt) == limit
    assert claims(room) == limit


def test_who_leaves_before_asking_holds_nothing(room: Room) -> None:
    room.batch([BLURRED])
    work = room.work()
    work.expect(Pile.REJECTED, at_once)

    work.leave(())

    assert claims(room) == 0


@pytest.mark.parametrize("failure", [DatabaseUnavailable("it is away"), LomiError("there is no schema lomi")])
def test_what_went_wrong_is_told_to_who_asks_and_the_next_deal_is_a_fresh_one(room: Room, failure: LomiError) -> None:
    def fail() -> None:
        raise failure

    room.batch([BLURRED])
    work = room.work()
    work.expect(Pile.REJECTED, fail)

    with pytest.raises(type(failure), match=failure.message):
        work.deal(Pile.REJECTED, 1)
    assert len(work.deal(Pile.REJECTED, 1)) == 1


def test_a_session_begins_with_one_connection(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.batch([BLURRED])
    opened = []
    connect = room.db._connect

    def counted() -> object:
        opened.append(1)
        return connect()

    monkeypatch.setattr(room.db, "_connect", counted)
    front = Front(room.db, random.random)
    front.expect(Pile.REJECTED, EVERYTHING, room.db.now)
    desk = Desk(room.db, None, "hana", room.desk().section, front=front)
    work = DeskWork(desk)
    work.expect(Pile.REJECTED, front.looked)
    front.begun()
    desk.now()

    assert len(work.deal(Pile.REJECTED, 1)) == 1
    assert not opened, "the one that the room has is enough"


def test_who_waits_for_a_look_that_fails_is_not_left_waiting(room: Room) -> None:
    def away() -> datetime:
        raise DatabaseUnavailable("it is away")

    front = Front(room.db, random.random)
    front.expect(Pile.REJECTED, EVERYTHING, away)

    front.begun()
    front.looked()
