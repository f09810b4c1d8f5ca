"""What lies before a reviewer, step by step."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from lomi_ops.tui.review import table as on
from lomi_ops.tui.review.table import Mark, Table
from tests.unit.tui.exhibits import NOW, exhibit


def ids(table: Table) -> list[UUID]:
    return [item.media_id for item in table.items]


def test_photos_are_claimed_ahead_and_only_outside_a_grid() -> None:
    assert Table().wants == on.PREFETCH + 1
    some = on.joined(Table(), [exhibit(), exhibit()])
    assert some.wants == on.PREFETCH - 1
    assert on.dealt(some, [exhibit()], grid=True).wants == 0


def test_a_decided_photo_leaves_and_the_next_one_is_looked_at_from_the_front() -> None:
    photos = [exhibit() for _ in range(3)]
    table = on.closer(on.joined(Table(), photos))

    after = on.marked(table, [photos[0].media_id], Mark.SENDING, "approved")

    assert ids(after) == [photos[1].media_id, photos[2].media_id]
    assert after.current is not None
    assert after.current.media_id == photos[1].media_id
    assert after.frame == on.WHOLE, "nobody looks at the corner of a photo that they have not seen"


def test_the_last_photo_stays_until_another_comes_or_there_is_none() -> None:
    photo, other = exhibit(), exhibit()
    table = on.marked(on.joined(Table(), [photo]), [photo.media_id], Mark.SENDING, "approved")
    assert ids(table) == [photo.media_id]

    assert ids(on.joined(table, [other])) == [other.media_id]
    assert ids(on.joined(Table(table.items, exhausted=True), [])) == []


def test_a_conflict_about_the_last_photo_stays_until_it_is_put_away() -> None:
    photo = exhibit()
    table = Table(on.joined(Table(), [photo]).items, exhausted=True)

    lost = on.marked(table, [photo.media_id], Mark.LOST, "Abel has it")

    assert lost.current is not None
    assert lost.current.word == "Abel has it"
    assert lost.targets == ()
    assert on.put_away(lost).current is None


def test_in_a_grid_everything_stays_at_its_place_and_the_look_goes_on() -> None:
    photos = [exhibit() for _ in range(4)]
    table = on.dealt(Table(), photos, grid=True, first=photos[2].media_id)
    assert table.at == 2

    table = on.marked(table, [photos[2].media_id], Mark.DECIDED, "approved")
    assert (len(table.items), table.at) == (4, 3)
    table = on.marked(table, [photos[3].media_id], Mark.DECIDED, "approved")
    assert table.at == 0, "what is open is looked for from the front, too"


def test_a_decision_is_about_the_chosen_photos_that_are_open_else_about_the_one_looked_at() -> None:
    photos = [exhibit() for _ in range(3)]
    table = on.dealt(Table(), photos, grid=True)
    assert [item.media_id for item in table.targets] == [photos[0].media_id]

    table = on.all_chosen(table)
    table = on.marked(table, [photos[1].media_id], Mark.LOST)
    assert [item.media_id for item in table.targets] == [photos[0].media_id, photos[2].media_id]
    assert not any(item.chosen for item in on.all_chosen(table).items), "a second time chooses none"


def test_photos_that_were_taken_back_lie_where_they_were_or_before_the_others() -> None:
    photos = [exhibit() for _ in range(3)]
    grid = on.marked(on.dealt(Table(), photos, grid=True), [photos[1].media_id], Mark.DECIDED, "approved")
    back = on.returned(grid, [photos[1]])
    assert ids(back) == [photo.media_id for photo in photos]
    assert all(item.open for item in back.items)

    single = on.marked(on.joined(Table(), photos), [photos[0].media_id], Mark.SENDING)
    assert ids(on.returned(single, [photos[0]])) == [photo.media_id for photo in photos]


def test_a_claim_whose_time_is_over_is_known_without_asking_and_a_renewed_one_is_not() -> None:
    late, held = exhibit(NOW), exhibit(NOW)
    table = on.renewed(on.joined(Table(), [late, held]), {held.media_id: NOW + timedelta(seconds=1)})

    assert on.expired(table, NOW) == (late.media_id,)
