"""Which photos stand first on a pile, however much of it people have decided already."""

from __future__ import annotations

from uuid import UUID

import pytest

from lomi_ops.db import reviewing
from lomi_ops.domain.pile import Pile
from lomi_ops.ops.reviews.piles import listed
from tests.integration.reviews.conftest import APPROVE, Room
from tests.integration.reviews.test_order import REJECT


def ahead(room: Room, pile: Pile = Pile.REJECTED, limit: int = 3) -> list[UUID]:
    return [each.media_id for each in reviewing.ahead(room.db, pile, at=room.clock(), limit=limit)]


def in_order(room: Room, pile: Pile = Pile.REJECTED) -> list[UUID]:
    return [each.photo.media_id for each in listed(room.db, pile, now=room.clock(), limit=500)]


@pytest.mark.parametrize("further", [(1, 2, 2), (1, 2, 1000), (4, 8, 20_000)])
def test_it_is_looked_further_where_people_decided_what_stands_first(
    room: Room, monkeypatch: pytest.MonkeyPatch, further: tuple[int, int, int]
) -> None:
    for name, value in zip(("THROUGH", "FURTHER", "LARGEST"), further, strict=True):
        monkeypatch.setattr(reviewing, name, value)
    for _ in range(3):
        room.batch(9)
    order = in_order(room)
    desk = room.desk()
    assert ahead(room) == order[:3]

    # What a person has rejected stays on the pile, in its place.
    desk.decide(desk.standing(order[:20])[0], REJECT)

    assert in_order(room) == order
    assert ahead(room) == order[20:23]
    assert ahead(room, limit=500) == order[20:]
    desk.decide(desk.standing(order[20:])[0], APPROVE)
    assert ahead(room) == []


def test_other_media_and_suspected_minors_do_not_stand_there(room: Room) -> None:
    photos = room.batch(6)
    video, minor, young, odd, bare, _ = photos
    for sql, media_id in (
        ("UPDATE media SET media_type = 'video' WHERE id = %s", video),
        ("UPDATE media SET moderation_reason = 'underage' WHERE id = %s", minor),
        ("UPDATE media SET moderation_scores = '{\"estimated_age\": 15}' WHERE id = %s", young),
        ('UPDATE media SET moderation_scores = \'{"estimated_age": "15"}\' WHERE id = %s', odd),
        ("UPDATE media SET moderation_scores = NULL, moderation_reason = NULL WHERE id = %s", bare),
    ):
        room.rows(sql + " RETURNING id", media_id)

    assert ahead(room, limit=9) == in_order(room)
    assert set(ahead(room, limit=9)) == {*photos} - {video, minor, young}
    assert ahead(room, Pile.MINORS, limit=9) == in_order(room, Pile.MINORS)
    assert set(ahead(room, Pile.MINORS, limit=9)) == {minor, young}
