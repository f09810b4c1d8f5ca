"""Piles in their order, counted no further than anybody asks, and found by the indexes that `migrate apply` builds."""

from __future__ import annotations

from typing import Any

import pytest

from lomi_ops.db import reviewing
from lomi_ops.db.queries import sql
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review_filter import Bounds
from lomi_ops.ops.reviews import piles
from tests.integration.reviews.conftest import Room

FIRST_PAGE = dict.fromkeys(
    ("reasons", "users", "batches", "ids", "start", "end", "after_at", "after_id", "undated")
)  # fmt: skip


def plan(room: Room, block: str, **values: Any) -> str:
    for way in ("seqscan", "bitmapscan"):
        room.backend.connection.execute(f"SET enable_{way} = off".encode())
    rows = room.backend.connection.execute(f"EXPLAIN {sql(block)}".encode(), values).fetchall()
    return "\n".join(row["QUERY PLAN"] for row in rows)


def without(room: Room, other: str) -> None:
    """On a small table another one would do as well."""
    room.backend.connection.execute(f"DROP INDEX {other}".encode())


@pytest.mark.parametrize("pile", [Pile.REJECTED, Pile.FAILED])
def test_the_latest_of_a_pile_come_from_their_index_in_their_order(room: Room, pile: Pile) -> None:
    without(room, "media_minors")
    told = plan(room, "review_photos", **FIRST_PAGE, pile=pile.value, oldest=False, limit=51)
    assert "using media_piles" in told
    assert "Sort" not in told


def test_suspected_minors_come_from_an_index_of_their_own_in_their_order(room: Room) -> None:
    without(room, "media_piles")
    told = plan(room, "review_photos", **FIRST_PAGE, pile="minors", oldest=True, limit=51)
    assert "using media_minors" in told
    assert "Sort" not in told
    assert "media_minors" in plan(room, "review_count", pile="minors", limit=10)


@pytest.mark.parametrize("pile", [Pile.REJECTED, Pile.MINORS])
@pytest.mark.parametrize("size", [1, 2, 5, 9, 10, 500])
def test_photos_without_a_time_of_upload_come_last_and_once_whatever_the_pages(
    room: Room, pile: Pile, size: int
) -> None:
    dated, undated, same = room.batch(5), room.batch(4), room.batch(3)
    room.rows("UPDATE media SET created_at = NULL WHERE id = ANY(%s) RETURNING id", undated)
    room.rows("UPDATE media SET created_at = '2026-11-19 10:00Z' WHERE id = ANY(%s) RETURNING id", same)
    if pile is Pile.MINORS:
        room.rows("UPDATE media SET moderation_reason = 'underage' RETURNING id")

    found = [row for page in reviewing.pages(room.db, pile, Bounds(), size=size) for row in page]

    ids = [row.media_id for row in found]
    times = [row.created_at for row in found if row.created_at]
    assert sorted(ids) == sorted([*dated, *undated, *same])
    assert ids[8:] == sorted(undated)
    assert times == sorted(times, reverse=not pile.oldest_first)
    assert [each for each in ids if each in same] == sorted(same)
    assert [row.media_id for row in reviewing.every(room.db, pile, Bounds())] == ids


def test_a_long_pile_is_counted_up_to_a_limit_and_said_to_hold_more(room: Room) -> None:
    room.batch(5)
    oldest = room.rows("SELECT min(created_at) AS at FROM media")[0]["at"]

    exact = piles.counts(room.db, Pile.REJECTED, now=room.clock(), most=5)[0]
    bounded = piles.counts(room.db, Pile.REJECTED, now=room.clock(), most=4)[0]

    assert (exact.photos, exact.more, exact.oldest) == (5, False, oldest)
    assert (bounded.photos, bounded.more, bounded.oldest) == (4, True, oldest)
    assert piles.counts(room.db, Pile.FAILED, now=room.clock(), most=4)[0].photos == 0


@pytest.mark.parametrize("most", [0, 1, 100])
def test_a_pile_is_counted_as_it_is_listed_as_far_as_it_is_counted(room: Room, most: int) -> None:
    room.batch(3)
    room.batch(2, porn=0.4)
    room.rows(
        "UPDATE media SET moderation_scores = '{\"estimated_age\": 15}' WHERE id = %s RETURNING id", room.batch(1)[0]
    )
    for each in piles.counts(room.db, Pile.ALL, now=room.clock(), most=most):
        listed = list(reviewing.every(room.db, each.pile, Bounds()))
        assert each.photos == min(len(listed), most)
        assert each.more == (len(listed) > most)
        assert each.oldest == min((row.created_at for row in listed if row.created_at), default=None)


def test_the_steps_of_a_person_are_found_by_name_and_not_by_reading_all_that_people_did(room: Room) -> None:
    told = plan(room, "review_steps_of", actor="hana", limit=10)
    assert "using decisions_people" in told
    assert "decisions_notable" not in told
    assert not reviewing.steps_of(room.db, "worker")
