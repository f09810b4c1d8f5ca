"""Samples in a reviewer's hands: nobody can tell them, nothing comes of them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from lomi_ops.config.sections.operating import ReviewSection
from lomi_ops.db import samples
from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.sampling import Kind
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.domain.window import Window
from lomi_ops.errors import Conflict, NotFound
from lomi_ops.ops.quality import blind, covering, sampling, similar
from lomi_ops.ops.reviews import piles
from lomi_ops.ops.reviews.desk import Choice, Desk
from lomi_ops.tui.review import words
from lomi_ops.tui.review.desk_work import DeskWork
from tests.integration.reviews.conftest import APPROVE, Room

ALWAYS = ReviewSection(sample_share=1.0)
REJECT = Choice(MediaStatus.REJECTED, Reason.NSFW, note="nude")


def desk_of(room: Room, actor: str = "hana", section: ReviewSection = ALWAYS) -> Desk:
    return Desk(room.db, room.queue, actor, section, clock=room.clock, chance=lambda: 0.0)


def prepared(room: Room, **properties: Any) -> UUID:
    """A decision of a worker that is a sample, and photos that wait beside it."""
    photo = room.batch(1, **(properties or {"sharpness": 300.0}))[0]
    room.batch(3, porn=0.4)
    room.clock.pass_(60)
    window = Window(room.clock() - timedelta(hours=1), room.clock())
    sampling.draw(room.db, {Kind.APPROVED: 1.0, Kind.REJECTED: 1.0}, window, actor="cron", at=room.clock())
    return photo


def row(room: Room, photo: UUID) -> dict[str, Any]:
    return room.rows("SELECT * FROM media WHERE id = %s", photo)[0]


def said(room: Room) -> list[tuple[Any, ...]]:
    found = room.rows("SELECT * FROM lomi.samples WHERE judged_at IS NOT NULL")
    return [(each["kind"], each["judged_by"], each["judged_status"], each["judged_reason"]) for each in found]


@pytest.mark.parametrize("properties", [{"sharpness": 300.0}, {"porn": 0.9}])
def test_a_sample_is_dealt_like_a_photo_that_waits(room: Room, properties: dict[str, Any]) -> None:
    photo = prepared(room, **properties)
    desk = desk_of(room)
    held = desk.claim_next(1, Pile.WAITING)
    assert [each.photo.media_id for each in held.photos] == [photo]
    found = desk.photo(photo)
    assert (found.photo.status, found.photo.reason, found.pile) == ("pending", "needs_review", Pile.WAITING)
    assert found.story == ()
    shown = repr((found.photo, found.judged, found.mates, desk.user(found.photo.user_id).photos))
    assert "'reject'" not in shown
    assert "'approved'" not in shown
    assert "'rejected'" not in shown


def unnumbered(*parts: object) -> str:
    return re.sub(r"[0-9a-f-]{8,}|[\d.]+|[█░]+|  +", "#", "\n".join(map(str, parts)))


@pytest.mark.parametrize("properties", [{"porn": 0.01}, {"porn": 0.9}, {"sharpness": 3.0, "porn": 0.01}])
def test_but_for_its_numbers_a_sample_is_shown_as_every_other_photo_is(room: Room, properties: dict[str, Any]) -> None:
    photo = prepared(room, **properties)
    chance = iter([0.0, 1.0, 1.0, 0.0])
    desk = Desk(
        room.db, room.queue, "hana", ReviewSection(sample_share=0.5), clock=room.clock, chance=lambda: next(chance)
    )
    dealt = {each.media_id: each for each in DeskWork(desk).deal(Pile.WAITING, 3)}
    sample, other = dealt.pop(photo), next(iter(dealt.values()))

    said = [unnumbered(words.facts(each, 60, boxes=True), words.origin(each)) for each in (sample, other)]
    assert said[0] == said[1]
    assert "why it waits is not shown" in said[0]
    assert "?" not in said[0], "no value is marked as beyond its threshold"
    assert (sample.why, sample.policy, sample.row.created_at) == (other.why, other.policy, other.row.created_at)
    assert {each.zone for each in (*sample.dossier.measures, *other.dossier.measures)} == {""}
    assert set(sample.row.scores or ()) == set(other.row.scores or ())
    assert sample.dossier.pile is other.dossier.pile is Pile.WAITING


def test_commands_tell_no_more_of_a_sample_on_the_table_and_everything_to_others(room: Room) -> None:
    photo = prepared(room, porn=0.9)
    held = desk_of(room).claim_next(1, Pile.WAITING)
    assert [each.media_id for each in held.seen] == [photo]

    def listed(actor: str, pile: Pile) -> list[tuple[UUID, str | None]]:
        found = piles.listed(room.db, pile, now=room.clock(), limit=50)
        shown = covering.listed(room.db, found, pile, actor=actor, at=room.clock(), share=0.05)
        return [(each.photo.media_id, each.photo.status) for each in shown]

    again = desk_of(room)
    again.recognise(photo)
    assert (again.photo(photo).photo.status, again.photo(photo).covered) == ("pending", True)
    assert (photo, "pending") in listed("hana", Pile.WAITING)
    assert photo not in dict(listed("hana", Pile.REJECTED))
    assert [status for photo_id, status in listed("hana", Pile.ALL) if photo_id == photo] == ["pending"]

    other = desk_of(room, "abel")
    other.recognise(photo)
    assert (other.photo(photo).photo.status, other.photo(photo).covered) == ("rejected", False)
    assert (photo, "rejected") in listed("abel", Pile.REJECTED)


def test_a_sample_waits_also_beside_a_photo_that_looks_the_same(room: Room) -> None:
    photo = prepared(room, porn=0.9)
    other = room.batch(1, porn=0.4)[0]
    looks = [(each, row(room, each)["user_id"], Fingerprint(bytes(32))) for each in (photo, other)]
    similar.remember(room.db, looks, at=room.clock())
    desk = desk_of(room)
    desk.claim_next(1, Pile.WAITING)
    assert [(each.media_id, each.status) for each in desk.similar(other).near] == [(photo, "pending")]


def test_what_may_be_a_minor_stays_guarded_when_its_grounds_are_not_shown(room: Room) -> None:
    photo = room.batch(1, porn=0.4)[0]
    young = '{"grounds": [{"reason": "underage", "text": "15 to 20 years"}]}'
    room.backend.connection.execute(
        "UPDATE media SET moderation_scores = moderation_scores || %s::jsonb WHERE id = %s", [young, photo]
    )
    prepared(room)
    desk = desk_of(room)
    (lying,) = [each for each in desk.claim_next(9, Pile.MINORS).photos if each.photo.media_id == photo]
    found = desk.photo(lying.photo.media_id)
    assert (found.covered, found.minor, found.pile) == (True, True, Pile.MINORS)


def test_where_nobody_drew_a_sample_everything_is_shown(room: Room) -> None:
    room.batch(1, porn=0.4)
    work = DeskWork(desk_of(room))
    (dealt,) = work.deal(Pile.WAITING, 1)
    assert dealt.why
    assert "review" in {each.zone for each in dealt.dossier.measures}
    assert "not shown" not in str(words.facts(dealt, 60))


@pytest.mark.parametrize("choice", [APPROVE, REJECT])
def test_judging_a_sample_is_recorded_and_changes_and_publishes_nothing(room: Room, choice: Choice) -> None:
    photo = prepared(room)
    before = row(room, photo)
    desk = desk_of(room)
    held = desk.claim_next(1, Pile.WAITING)
    step = desk.decide(held.seen, choice)
    assert [each.media_id for each in step.done] == [photo]
    assert step.waits_until is not None, "like any other decision"
    room.clock.pass_(120)
    desk.publish_due()
    assert (row(room, photo), room.heard()) == (before, [])
    assert room.rows("SELECT * FROM lomi.outbox") == []
    assert len(room.rows("SELECT * FROM lomi.decisions WHERE media_id = %s", photo)) == 1
    assert said(room) == [("approved", "hana", choice.status, choice.reason)]
    entries = room.rows("SELECT action, subject FROM lomi.audit WHERE action = 'review.judge'")
    assert entries == [{"action": "review.judge", "subject": f"media:{photo}"}]
    assert desk.held([photo]) == (), "the claim is over"


def test_what_is_judged_otherwise_is_offered_for_an_override(room: Room) -> None:
    photo = prepared(room)
    desk = desk_of(room)
    desk.decide(desk.claim_next(1, Pile.WAITING).seen, REJECT)
    assert [each.media_id for each in samples.disputed(room.db, limit=10)] == [photo]
    other = desk_of(room, "abel")
    seen, _ = other.standing([photo])
    assert other.decide(seen, REJECT).done[0].message is not None, "through the one write path"
    assert row(room, photo)["moderation_status"] == "rejected"
    assert samples.disputed(room.db, limit=10) == ()


def test_a_golden_photo_is_only_recorded(room: Room) -> None:
    photo = room.batch(1, sharpness=300.0)[0]
    room.batch(2, porn=0.4)
    sampling.golden(room.db, photo, MediaStatus.REJECTED, Reason.NSFW, actor="abel", at=room.clock())
    desk = desk_of(room)
    desk.decide(desk.claim_next(1, Pile.WAITING).seen, REJECT)
    assert said(room) == [("golden", "hana", "rejected", "nsfw")]
    assert samples.disputed(room.db, limit=10) == ()
    assert row(room, photo)["moderation_status"] == "approved"


def test_a_judgement_is_taken_back_like_a_decision(room: Room) -> None:
    photo = prepared(room)
    desk = desk_of(room)
    step = desk.decide(desk.claim_next(1, Pile.WAITING).seen, REJECT)
    assert said(room) != []
    back = desk.undo_last()
    assert [each.media_id for each in back.undone] == [photo]
    assert said(room) == []
    with pytest.raises(NotFound):
        desk.undo_step(step.step)
    assert [each.photo.media_id for each in desk.claim([photo]).photos] == [photo]
    assert desk.photo(photo).photo.in_review, "in the same hands it still looks like one that waits"


@pytest.mark.parametrize("how", ["from its pile", "by its id"])
def test_a_judged_sample_is_shown_and_overridden_as_what_it_is_in_the_same_session(room: Room, how: str) -> None:
    photo = prepared(room, porn=0.9)
    desk = desk_of(room)
    desk.decide(desk.claim_next(1, Pile.WAITING).seen, APPROVE)
    assert row(room, photo)["moderation_status"] == "rejected"

    held = desk.claim([photo]) if how == "by its id" else desk.claim_next(1, Pile.REJECTED)

    assert [each.media_id for each in held.seen] == [photo]
    assert (desk.photo(photo).photo.status, desk.photo(photo).story[-1].status) == ("rejected", "rejected")
    assert [each.message is not None for each in desk.decide(held.seen, APPROVE).done] == [True]
    assert row(room, photo)["moderation_status"] == "approved"


def test_a_step_of_samples_and_others_is_taken_back_as_a_whole(room: Room) -> None:
    photo = prepared(room)
    given = iter([0.0, 1.0, 0.0])
    desk = Desk(
        room.db, room.queue, "hana", ReviewSection(sample_share=0.5), clock=room.clock, chance=lambda: next(given)
    )
    held = desk.claim_next(2, Pile.WAITING)
    assert len(held.photos) == 2
    step = desk.decide(held.seen, REJECT)
    assert len(step.done) == 2
    assert len(desk.undo_step(step.step).undone) == 2
    assert said(room) == []
    assert photo in {each.media_id for each in held.seen}


def test_samples_of_suspected_minors_that_nobody_comes_to_keep_none_from_the_others(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blind, "SAMPLES", 3)
    for _ in range(9):
        room.batch(1)
    room.rows("UPDATE media SET moderation_status = 'rejected', moderation_reason = 'underage' RETURNING id")
    room.rows(
        "INSERT INTO lomi.samples (media_id, kind, drawn_at, probability, status, reason)"
        " SELECT id, 'golden', now(), 1, 'rejected', 'underage' FROM media RETURNING id"
    )
    photo = prepared(room)
    assert [each.media_id for each in desk_of(room).claim_next(1, Pile.WAITING).seen] == [photo]


def test_two_desks_never_judge_the_same_sample(room: Room) -> None:
    photo = prepared(room)
    one, other = desk_of(room), desk_of(room, "abel")
    held = one.claim_next(1, Pile.WAITING)
    assert photo not in {each.media_id for each in other.claim_next(1, Pile.WAITING).seen}
    room.clock.pass_(600)
    again = other.claim_next(1, Pile.WAITING)
    assert [each.media_id for each in again.seen] == [photo]
    late = one.decide(held.seen, APPROVE)
    assert isinstance(late.refused[0].failure, Conflict)
    assert len(other.decide(again.seen, APPROVE).done) == 1
    assert said(room) == [("approved", "abel", "approved", None)]


def test_a_photo_that_was_decided_meanwhile_is_no_sample_any_more(room: Room) -> None:
    photo = prepared(room)
    desk = desk_of(room)
    held = desk.claim_next(1, Pile.WAITING)
    other = desk_of(room, "abel")
    seen, _ = other.standing([photo])
    other.decide(seen, REJECT, over_claims=True)
    assert isinstance(desk.decide(held.seen, APPROVE).refused[0].failure, Conflict)
    assert said(room) == []
    assert samples.waiting(room.db, at=room.clock(), limit=9) == ()


def test_samples_come_at_their_share_and_never_to_a_filter_or_another_pile(room: Room) -> None:
    prepared(room)
    never = desk_of(room, section=ReviewSection(sample_share=0.0))
    assert all(each.photo.in_review for each in never.claim_next(9, Pile.WAITING).photos)
    assert desk_of(room).claim_next(1, Pile.REJECTED).photos == ()
    assert desk_of(room).claim_next(1, Pile.MINORS).photos == ()


def test_without_a_place_for_samples_the_queue_works_as_ever(room: Room) -> None:
    prepared(room)
    room.backend.connection.execute("DROP TABLE lomi.samples")
    assert len(desk_of(room).claim_next(3, Pile.WAITING).photos) == 3


def test_a_break_is_proposed_to_the_one_who_revealed_so_much(room: Room) -> None:
    photo = prepared(room)
    section = ReviewSection(break_after_reveals=3, break_after_minutes=0)
    desk, other = desk_of(room, section=section), desk_of(room, "abel", section=section)
    assert desk.reminder() == ""
    for _ in range(3):
        desk.reveal(photo)
        room.clock.pass_(30)
    assert desk.reminder() == "3 pictures revealed in this shift: time for a break"
    assert other.reminder() == ""
    room.clock.pass_(31 * 60)
    assert desk.reminder() == "", "that was the break"


def test_work_without_a_pause_is_noticed_from_decisions_too(room: Room) -> None:
    photos = room.batch(4, porn=0.4)
    desk = desk_of(room, section=ReviewSection(break_after_reveals=0, break_after_minutes=60, sample_share=0.0))
    for photo in photos[:3]:
        seen, _ = desk.standing([photo])
        assert desk.decide(seen, APPROVE).done
        room.clock.pass_(20 * 60)
    assert desk.reminder() == "60 minutes without a pause: time for a break"


def test_the_app_tells_of_the_same_picture_elsewhere(room: Room) -> None:
    mine, other = room.batch(2, porn=0.4), room.batch(1, porn=0.9)
    owners = {photo: row(room, photo)["user_id"] for photo in (*mine, *other)}
    looks = [(photo, owner, Fingerprint(bytes(32))) for photo, owner in owners.items()]
    similar.remember(room.db, looks, at=room.clock())
    work = DeskWork(desk_of(room, section=ReviewSection(sample_share=0.0)))
    (dealt,) = work.deal(Pile.WAITING, 1)
    lines = work.look(dealt)
    assert "the same picture of this user: 1 waiting" in lines
    assert "the same picture of 1 other user: 1 rejected" in lines
    room.backend.connection.execute("DELETE FROM lomi.photo_hashes")
    assert not [line for line in work.look(dealt) if "same picture" in line]


def test_a_sample_that_is_taken_from_the_pile_where_it_lies_stands_as_it_does_everywhere(room: Room) -> None:
    photo = prepared(room, porn=0.9)
    held = desk_of(room).claim_next(1, Pile.REJECTED)
    assert [each.photo.media_id for each in held.photos] == [photo]

    other = desk_of(room)
    other.recognise(photo)
    assert other.photo(photo).photo.status == "rejected"
    found = piles.listed(room.db, Pile.REJECTED, now=room.clock(), limit=9)
    share = ALWAYS.sample_share
    (listed,) = covering.listed(room.db, found, Pile.REJECTED, actor="hana", at=room.clock(), share=share)
    assert (listed.photo.status, listed.photo.reason) == ("rejected", "nsfw")


def test_a_sample_is_held_on_to_and_given_back_with_the_photos_that_it_came_with(room: Room) -> None:
    prepared(room)
    chance = iter([0.0, 1.0, 1.0, 0.0])
    section = ReviewSection(sample_share=0.5)
    desk = Desk(room.db, room.queue, "hana", section, clock=room.clock, chance=lambda: next(chance))
    held = desk.claim_next(3, Pile.WAITING)
    assert (len(held.photos), len(held.samples)) == (3, 1)
    assert {each.media_id for each in desk.beat(held.token)} == {each.photo.media_id for each in held.photos}
    assert desk.release(held.token) == 3
