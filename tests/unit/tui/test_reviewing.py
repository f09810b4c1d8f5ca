"""A reviewer at work, without a screen and without a database."""

from __future__ import annotations

from datetime import timedelta

from lomi_ops.domain.macro import Macro
from lomi_ops.domain.pile import COUNTED, Pile
from lomi_ops.domain.so_far import SoFar
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.errors import Conflict, DatabaseUnavailable, RedisUnavailable, UsageError
from lomi_ops.tui.review import tally
from lomi_ops.tui.review.state import Tone
from lomi_ops.tui.review.table import PREFETCH, Mark
from lomi_ops.tui.review.work import Back, Taken
from tests.unit.tui.exhibits import NOW, Desk, exhibit

FINE = Macro("fine", None, "it is fine")
BLURRY = Macro("blurry", Reason.BLURRY, "it is blurred")
FAR = SoFar(Pile.FAILED, 120_000, NOW)
AWAY = DatabaseUnavailable("it is away")


def test_a_key_goes_on_to_the_next_photo_before_the_database_has_heard_of_it() -> None:
    photos = [exhibit() for _ in range(3)]
    desk = Desk(*photos)

    desk.session.decide(FINE)

    assert desk.session.table.current is not None
    assert desk.session.table.current.media_id == photos[1].media_id
    assert desk.said("decide") == []
    desk.later.go()
    assert len(desk.said("decide")) == 1
    assert not desk.session.deciding.waiting


def test_a_refusal_is_shown_when_it_comes_and_nothing_can_be_taken_back() -> None:
    photo = exhibit()
    desk = Desk(photo, exhibit())
    desk.paper.will("decide", Taken((), (), "approved", NOW, {photo.media_id: "it changed"}))

    desk.session.decide(FINE)
    desk.later.go()

    assert desk.session.state.notice.text == "not approved: it changed"
    assert desk.session.state.notice.tone is Tone.CONFLICT
    assert not desk.session.deciding.steps


def test_an_error_of_an_order_loses_its_photos_only() -> None:
    desk = Desk(exhibit())
    desk.paper.will("decide", Conflict("the claim is lost"))

    desk.session.decide(FINE)
    desk.later.go()

    assert desk.session.state.notice.text == "the claim is lost"
    assert not desk.session.deciding.waiting


def test_what_stands_already_is_given_back_and_not_decided_again() -> None:
    photo = exhibit()
    desk = Desk(photo, exhibit())

    desk.session.decide(BLURRY)
    desk.later.go()

    assert desk.said("decide") == []
    assert desk.said("put_back") == [[photo.media_id]]
    assert desk.session.state.notice.text == "rejected: blurry already: nothing changes"


def test_orders_wait_while_the_database_is_away_and_are_sent_once_it_is_back() -> None:
    desk = Desk(*[exhibit() for _ in range(4)])
    desk.paper.will("decide", AWAY)
    desk.session.decide(FINE)
    desk.later.go()
    desk.session.decide(FINE)
    desk.later.go()
    assert desk.session.state.away == "it is away"
    assert len(desk.session.deciding.waiting) == 2
    assert not desk.session.may_leave()
    assert "leaving now loses that" in desk.session.state.notice.text
    assert desk.session.may_leave(), "who insists may"

    desk.session.beat()
    desk.later.go()

    assert not desk.session.state.away
    assert not desk.session.deciding.waiting
    assert len(desk.session.deciding.steps) == 2


def test_undo_of_what_is_on_its_way_waits_until_it_is_there() -> None:
    photo = exhibit()
    desk = Desk(photo)
    desk.paper.will("undo", Back((photo,), "taken back"))

    desk.session.decide(FINE)
    desk.session.undo()
    assert desk.said("undo") == []
    desk.later.go()

    assert len(desk.said("undo")) == 1
    assert desk.session.table.current is not None
    assert desk.session.table.current.media_id == photo.media_id


def test_an_undo_that_could_not_be_asked_for_can_be_asked_for_again() -> None:
    desk = Desk(exhibit())
    desk.session.decide(FINE)
    desk.later.go()
    desk.paper.will("undo", AWAY)

    desk.session.undo()
    desk.later.go()

    assert len(desk.session.deciding.steps) == 1
    desk.session.deciding.steps.clear()
    desk.session.state.away = ""
    desk.session.undo()
    assert "nothing to take back in this session" in desk.session.state.notice.text


def test_who_leaves_waits_for_what_is_on_its_way() -> None:
    desk = Desk(exhibit())
    desk.session.decide(FINE)

    assert not desk.session.may_leave()
    before = desk.session.left
    desk.later.go()
    assert (before, desk.session.left) == (False, True)

    desk.session.leave()
    desk.later.go()
    assert desk.said("leave") == [[]]


def test_photos_of_another_pile_that_come_too_late_are_given_back() -> None:
    late = exhibit()
    desk = Desk()
    desk.paper.pile.append(late)
    desk.session.change(Pile.REJECTED)

    desk.session.change(Pile.FAILED)
    desk.later.go()

    assert desk.said("put_back") == [[late.media_id]]
    assert desk.said("deal")[-1][0] is Pile.FAILED


def test_the_photo_that_somebody_waits_for_is_claimed_alone_and_the_others_behind_it() -> None:
    desk = Desk(*[exhibit() for _ in range(PREFETCH + 2)])
    assert desk.said("deal") == [(Pile.REJECTED, 1), (Pile.REJECTED, PREFETCH)]
    assert len(desk.session.table.open_items) == PREFETCH + 1


def test_a_batch_is_laid_out_when_the_photos_that_are_on_their_way_have_come() -> None:
    photos = [exhibit() for _ in range(6)]
    desk = Desk(*photos)
    desk.session.decide(FINE)
    assert desk.session.dealing.busy, "the next one is on its way"

    desk.session.grid()
    desk.later.go()

    assert desk.said("deal_batch") == [photos[1]]
    names = [name for name, _ in desk.paper.done]
    assert names.index("deal_batch") > len(names) - 1 - names[::-1].index("deal")
    assert desk.said("put_back") == [[each.media_id for each in photos[2:5]]]
    assert desk.session.table.grid


def test_a_filter_that_cannot_be_read_changes_nothing() -> None:
    desk = Desk(exhibit())
    desk.paper.will("narrow", UsageError("no such word", hint="did you mean reason?"))

    desk.session.narrow("reazon:x")

    assert desk.session.state.notice.text == "no such word; did you mean reason?"
    assert desk.session.state.filter_text == ""
    assert len(desk.session.table.open_items) == 1


def test_claims_that_are_over_are_lost_by_our_own_clock_and_by_a_beat_that_does_not_name_them() -> None:
    over, lost = exhibit(until=NOW), exhibit()
    desk = Desk(over, lost)

    desk.tick()
    assert {item.media_id for item in desk.session.table.open_items} == {lost.media_id}
    assert "the claim is over" in desk.session.state.notice.text

    desk.paper.will("beat", {})
    desk.session.beat()
    desk.later.go()
    assert desk.session.table.open_items == ()


def test_a_beat_holds_on() -> None:
    desk = Desk(exhibit())
    desk.session.beat()
    desk.later.go()
    assert desk.session.table.open_items[0].exhibit.until == NOW + timedelta(minutes=5)


def test_a_conflict_is_put_away_by_skip_and_an_open_photo_is_skipped() -> None:
    desk = Desk(exhibit())
    desk.paper.will("beat", {})
    desk.session.beat()
    desk.later.go()
    assert desk.session.table.items[0].mark is Mark.LOST
    desk.session.skip()
    assert desk.said("skip") == []
    assert desk.session.table.current is None


def test_a_suspected_minor_is_not_visible_before_the_look_is_on_record() -> None:
    photo = exhibit(reason="underage")
    desk = Desk(photo, pile=Pile.MINORS)
    item = desk.session.table.items[0]
    assert desk.session.looking.visible(item)
    desk.session.looking.stories.clear()
    assert not desk.session.looking.visible(item)


def test_a_suspected_minor_is_not_approved_before_the_look_is_on_record_and_rejected_all_the_same() -> None:
    desk = Desk(exhibit(reason="underage"), exhibit(reason="underage"), pile=Pile.MINORS)
    desk.session.decide(FINE)
    assert desk.session.deciding.waiting, "the first one has been looked at"

    desk.session.decide(FINE)

    assert len(desk.session.deciding.waiting) == 1
    assert "the look is not on record yet" in desk.session.state.notice.text
    desk.session.decide(BLURRY)
    assert len(desk.session.deciding.waiting) == 2


def test_the_next_photos_history_is_read_ahead_but_for_a_suspected_minors() -> None:
    current, following, later = exhibit(), exhibit(), exhibit()
    assert Desk(current, following, later).said("look") == [current.media_id, following.media_id]
    guarded = exhibit(reason="underage")
    assert Desk(current, guarded).said("look") == [current.media_id]


def test_nothing_is_revealed_without_a_record_and_the_reminder_stays_until_it_is_put_away() -> None:
    desk = Desk(exhibit(), exhibit())
    desk.paper.will("reveal", Conflict("no record"), "100 pictures: time for a break")
    desk.session.looking.reveal()
    desk.later.go()
    assert not desk.session.table.items[0].revealed

    desk.session.looking.reveal()
    desk.later.go()
    desk.session.decide(FINE)
    desk.session.looking.reveal()
    desk.later.go()
    assert desk.session.state.rest == "100 pictures: time for a break"

    desk.session.rested()
    assert desk.session.state.rest == ""


def test_a_redis_that_is_away_is_told_once() -> None:
    desk = Desk(exhibit(), exhibit())
    desk.session.deciding.publish()
    desk.session.decide(FINE)
    desk.later.go()
    desk.paper.will("publish", RedisUnavailable("no Redis"), RedisUnavailable("no Redis"))
    desk.session.deciding.publish()
    desk.later.go()
    assert "the app is told when it is back" in desk.session.state.notice.text
    desk.session.state.say("")
    desk.session.deciding.publish()
    desk.later.go()
    assert desk.session.state.notice.text == ""
    assert len(desk.said("publish")) == 2, "nothing to tell before the first decision"


def test_piles_are_counted_once_and_then_by_arithmetic() -> None:
    desk = Desk(*[exhibit() for _ in range(6)])
    assert desk.said("counts") == [], "the first photo comes first"
    desk.tick()
    assert desk.session.state.counts[Pile.REJECTED] == 10

    desk.session.decide(FINE)
    desk.later.go()
    assert desk.session.state.counts[Pile.REJECTED] == 9
    desk.tick(tally.FRESH_TICKS - 1)
    assert len(desk.said("counts")) == 1
    desk.tick()
    assert len(desk.said("counts")) == 2
    desk.tick(3 * tally.FRESH_TICKS)
    assert len(desk.said("counts")) == 2, "nothing changed"


def test_a_decision_moves_photos_between_the_piles_that_are_known() -> None:
    waits = exhibit(status="pending", reason="needs_review")
    counts = {Pile.WAITING: 1, Pile.REJECTED: 4}
    assert tally.after(counts, [waits], MediaStatus.APPROVED, None) == {Pile.WAITING: 0, Pile.REJECTED: 4}
    assert tally.after(counts, [waits], MediaStatus.REJECTED, Reason.NSFW) == {Pile.WAITING: 0, Pile.REJECTED: 5}
    assert tally.after(counts, [waits], MediaStatus.REJECTED, Reason.UNDERAGE) == {Pile.WAITING: 0, Pile.REJECTED: 4}
    assert tally.after({}, [waits], MediaStatus.APPROVED, None) == {}
    many = {Pile.WAITING: COUNTED, Pile.REJECTED: COUNTED - 1}
    assert tally.after(many, [waits], MediaStatus.REJECTED, Reason.NSFW) == dict.fromkeys(many, COUNTED)


def test_suspected_minors_are_approved_one_by_one_and_rejected_together() -> None:
    desk = Desk(exhibit(reason="underage"), exhibit(reason="underage"))
    items, deciding = desk.session.table.items, desk.session.deciding
    assert len(items) == 2

    deciding.decide(items, FINE)
    assert desk.session.state.notice.text == "suspected minors are approved one by one: look at each"
    assert not deciding.waiting

    deciding.decide(items[:1], FINE)
    deciding.decide(items, BLURRY)
    assert [len(order.exhibits) for order in deciding.waiting] == [1, 2]


def test_a_rare_filter_is_looked_for_on_and_on_until_a_photo_is_found() -> None:
    desk, found = Desk(), exhibit()
    desk.paper.will("deal", (), (), (found,))
    desk.paper.will("so_far", FAR, FAR)
    desk.session.change(Pile.FAILED)
    desk.later.go()
    assert [item.media_id for item in desk.session.table.items] == [found.media_id]


def test_escape_stops_looking_for_photos_and_asking_again_goes_on() -> None:
    desk = Desk()
    desk.paper.will("deal", (), (), ())
    desk.paper.will("so_far", FAR, FAR)
    desk.session.change(Pile.FAILED)
    desk.later.one()
    desk.session.rested()
    asked = len(desk.said("deal"))
    desk.later.go()
    assert len(desk.said("deal")) <= asked + 1
    assert (desk.session.state.stopped, desk.session.table.exhausted) == (True, False)

    desk.session.change(Pile.FAILED)
    desk.later.go()
    assert (desk.session.state.stopped, desk.session.table.exhausted) == (False, True)
