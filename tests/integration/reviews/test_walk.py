"""A rare filter is looked for step by step: no claim takes long, and the end is told from a stop on the way."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import UUID

import pytest

from lomi_ops.db import browsing
from lomi_ops.db.pool import Database
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review_filter import typed
from lomi_ops.ops.reviews.desk import Desk, Held
from lomi_ops.ops.reviews.front import QUICK_S, Front
from tests.integration.reviews.conftest import APPROVE, Room

PHOTOS = 30_000
RARE = typed("porn>0.99")
FILL = """
INSERT INTO media (id, user_id, media_type, url, batch_id, moderation_status, moderation_reason, moderation_scores,
                   created_at, moderated_at)
SELECT gen_random_uuid(), %s, 'photo', 'users/u/photo/' || n || '.jpg', gen_random_uuid(), 'rejected', 'nsfw',
       '{"nsfw_scores": {"porn": 0.7}}', %s - n * interval '1 second', %s
FROM generate_series(1, %s) AS n RETURNING id
"""


@pytest.fixture
def many(room: Room) -> list[UUID]:
    """A long pile of photos that do not match, the latest upload first."""
    user = room.rows("INSERT INTO users (id, telegram_id) VALUES (gen_random_uuid(), 99) RETURNING id")[0]["id"]
    found = room.rows(FILL, user, room.clock(), room.clock(), PHOTOS)
    room.backend.connection.execute("ANALYZE media")
    return [row["id"] for row in found]


def matching(room: Room, *media_ids: UUID) -> None:
    room.rows(
        """UPDATE media SET moderation_scores = '{"nsfw_scores": {"porn": 0.999}}' WHERE id = ANY(%s) RETURNING id""",
        list(media_ids),
    )


def desk(room: Room, actor: str = "hana", *, step: float = QUICK_S) -> Desk:
    """Whose clock goes so far on with each look at it: at most one step a claim."""
    ticks = itertools.count()
    front = Front(room.db, lambda: 0.0, lambda: next(ticks) * step)
    return Desk(room.db, None, actor, room.section, clock=room.clock, front=front)


def claims(at: Desk, *, number: int = 1, pile: Pile = Pile.REJECTED) -> list[Held]:
    """Until one brings a photo, or the pile is through."""
    found: list[Held] = []
    while not found or (found[-1].so_far and not found[-1].photos):
        found.append(at.claim_next(number, pile, RARE))
    return found


def ids(held: Held) -> list[UUID]:
    return [each.media_id for each in held.seen]


def test_a_match_near_the_far_end_is_found_in_many_claims_that_say_how_far_they_looked(
    room: Room, many: list[UUID]
) -> None:
    matching(room, many[-2])
    *before, last = claims(desk(room))
    assert ids(last) == [many[-2]]
    looked_at = [held.so_far.photos for held in before if held.so_far]
    assert len(looked_at) == len(before) > 1
    assert looked_at == sorted(looked_at)
    back_to = [held.so_far.back_to for held in before if held.so_far and held.so_far.back_to]
    assert back_to == sorted(back_to, reverse=True)


def test_a_filter_that_nothing_matches_ends_after_all_has_been_looked_at(room: Room, many: list[UUID]) -> None:
    *before, last = claims(desk(room))
    assert before
    assert last.photos == ()
    assert last.so_far is None


def test_every_statement_reads_a_bounded_number_of_rows(
    room: Room, many: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    matching(room, *many[::3])
    rows: list[int] = []
    plain = Database.all

    def counted(self: Database, *given: Any, **values: Any) -> Any:
        found = plain(self, *given, **values)
        rows.append(len(found))
        return found

    monkeypatch.setattr(Database, "all", counted)
    hana = desk(room)
    for _ in range(20):
        hana.claim_next(9, Pile.REJECTED, RARE)
    assert max(rows) <= 2000


@pytest.mark.parametrize("indexed", [True, False], ids=["with the index", "without"])
def test_with_its_index_a_pile_is_walked_through_and_the_table_never_read(
    room: Room, many: list[UUID], indexed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsing, "LARGEST_STEP", 1000)  # of half a table the planner would rightly read all

    def scans() -> int:
        with room.db._lent() as connection:  # the one that walks: its counts are seen once it tells them
            connection.execute("SELECT pg_stat_force_next_flush()")
        found = room.rows("SELECT seq_scan AS n FROM pg_stat_user_tables WHERE relname = 'media'")
        return int(found[0]["n"])

    if not indexed:
        room.backend.connection.execute("DROP INDEX media_piles")
    before = scans()
    claims(desk(room))
    assert (scans() == before) is indexed


def test_two_people_never_get_the_same_photo_and_both_come_to_the_end(room: Room, many: list[UUID]) -> None:
    wanted = {many[place] for place in range(500, PHOTOS, 3000)}
    matching(room, *wanted)
    people, got = {"hana": desk(room, "hana"), "abel": desk(room, "abel")}, []
    through: set[str] = set()
    while len(through) < 2:
        for name, at in people.items():
            held = at.claim_next(2, Pile.REJECTED, RARE)
            got += ids(held)
            if held.photos:
                at.decide(held.seen, APPROVE)
            elif held.so_far is None:
                through.add(name)
    assert sorted(got) == sorted(wanted)


def test_what_somebody_else_gave_back_behind_us_comes_at_the_end(room: Room, many: list[UUID]) -> None:
    matching(room, many[10], many[-10])
    abel, hana = desk(room, "abel"), desk(room, "hana")
    theirs = claims(abel)[-1]
    first = claims(hana)[-1]
    assert (ids(theirs), ids(first)) == ([many[10]], [many[-10]])
    hana.decide(first.seen, APPROVE)
    abel.release(theirs.token)
    assert ids(claims(hana)[-1]) == [many[10]]


def test_what_is_held_while_nothing_else_is_found_is_tried_again_before_the_pile_is_through(
    room: Room, many: list[UUID]
) -> None:
    matching(room, many[10])
    abel, hana = desk(room, "abel"), desk(room, "hana")
    theirs = claims(abel)[-1]
    assert hana.claim_next(1, Pile.REJECTED, RARE).so_far
    abel.release(theirs.token)
    assert ids(claims(hana)[-1]) == [many[10]]


def test_what_came_in_front_of_a_walk_is_found_before_the_pile_is_through(room: Room, many: list[UUID]) -> None:
    matching(room, many[-2])
    hana = desk(room)
    first = claims(hana)[-1]
    hana.decide(first.seen, APPROVE)
    matching(room, many[0])
    found = claims(hana)[-1]
    assert ids(found) == [many[0]]
    assert found.so_far is None or found.so_far.again


def test_a_photo_that_is_left_out_does_not_keep_the_pile_from_ending(room: Room, many: list[UUID]) -> None:
    matching(room, many[10])
    hana = desk(room)
    held = claims(hana)[-1]
    hana.leave_out(many[10])
    hana.release(held.token)
    last = claims(hana)[-1]
    assert (last.photos, last.so_far) == ((), None)


def test_with_time_to_spare_one_claim_looks_through_all(room: Room, many: list[UUID]) -> None:
    matching(room, many[-2])
    assert ids(desk(room, step=0.0).claim_next(1, Pile.REJECTED, RARE)) == [many[-2]]


def test_a_filter_looks_through_every_part_of_all_piles(room: Room, many: list[UUID]) -> None:
    room.rows("UPDATE media SET moderation_status = 'failed' WHERE id = %s RETURNING id", many[-3])
    matching(room, many[-3])
    assert ids(claims(desk(room), pile=Pile.ALL)[-1]) == [many[-3]]
