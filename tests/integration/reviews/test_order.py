"""What the app hears last of a photo is what holds, whoever was killed over an earlier message."""

from __future__ import annotations

import uuid
from typing import Any
from uuid import UUID

import pytest

from lomi_ops.db import outbox
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.ops.reviews.desk import Choice
from lomi_ops.queue.keys import RESULTS_CHANNEL
from tests.integration.reviews.conftest import APPROVE, Room

REJECT = Choice(MediaStatus.REJECTED, Reason.NSFW, "not for our app")
MINUTE = 60


def approved_by_somebody_killed(room: Room, photo: UUID) -> None:
    """An approval whose message was claimed, and of which nobody knows whether it went out."""
    desk = room.desk()
    desk.decide(desk.standing([photo])[0], APPROVE)
    room.clock.pass_(MINUTE)
    assert len(outbox.outbox_due(room.db, at=room.clock())) == 1


def heard_at_last(room: Room) -> list[str]:
    """Everything that is told from now on, in its order, until there is nothing more."""
    told = []
    for _ in range(5):
        room.desk().publish_due()
        told += [message["results"][0]["status"] for message in room.heard()]
        room.clock.pass_(MINUTE)
    assert room.rows("SELECT 1 FROM lomi.outbox WHERE published_at IS NULL") == []
    return told


def test_an_undo_is_not_followed_by_the_decision_that_it_took_back(room: Room) -> None:
    (photo,) = room.batch(1)
    approved_by_somebody_killed(room, photo)

    (undone,) = room.desk().undo([photo]).undone

    assert (undone.how.value, undone.status) == ("published", "rejected")
    assert heard_at_last(room) == ["rejected"]


def test_what_takes_back_an_approval_waits_for_whoever_may_still_be_telling_it(room: Room) -> None:
    (photo,) = room.batch(1)
    approved_by_somebody_killed(room, photo)
    room.desk().undo([photo])
    room.clock.pass_(MINUTE - 1)
    assert room.desk().publish_due() == 0
    room.clock.pass_(1)
    assert room.desk().publish_due() == 1


def test_a_correction_is_told_after_what_it_corrects_even_at_once(room: Room) -> None:
    (photo,) = room.batch(1)
    approved_by_somebody_killed(room, photo)
    desk = room.desk("abel")

    (done,) = desk.decide(desk.standing([photo])[0], REJECT, grace_s=0).done

    assert done.due_at is not None
    assert (done.due_at - room.clock()).total_seconds() == MINUTE
    assert heard_at_last(room) == ["rejected"]


def test_a_photo_that_waits_again_is_not_approved_by_a_message_of_before(room: Room) -> None:
    (photo,) = room.batch(1, porn=0.4)
    approved_by_somebody_killed(room, photo)

    (undone,) = room.desk().undo([photo]).undone

    assert undone.how.value == "not_told"
    assert heard_at_last(room) == []


def test_what_only_agreed_takes_no_message_along_when_it_is_taken_back(room: Room) -> None:
    (photo,) = room.batch(1)
    hana, abel = room.desk("hana"), room.desk("abel")
    hana.decide(hana.standing([photo])[0], APPROVE)
    abel.decide(abel.standing([photo])[0], Choice(None))
    assert [each.how.value for each in abel.undo([photo]).undone] == ["silent"]
    assert heard_at_last(room) == ["approved"]


def test_a_decision_takes_the_place_of_one_that_others_only_agreed_with(room: Room) -> None:
    (photo,) = room.batch(1)
    hana, abel = room.desk("hana"), room.desk("abel")
    hana.decide(hana.standing([photo])[0], APPROVE)
    abel.decide(abel.standing([photo])[0], Choice(None))
    abel.decide(abel.standing([photo])[0], REJECT, grace_s=0)
    assert heard_at_last(room) == ["rejected"]


def test_what_was_never_told_is_told_when_it_holds_again_though_somebody_agreed_in_between(room: Room) -> None:
    (photo,) = room.batch(1)
    hana, abel = room.desk("hana"), room.desk("abel")
    hana.decide(hana.standing([photo])[0], APPROVE)
    abel.decide(abel.standing([photo])[0], Choice(None))
    abel.decide(abel.standing([photo])[0], REJECT)
    assert [each.how.value for each in abel.undo([photo]).undone] == ["published"]
    assert heard_at_last(room) == ["approved"]


def test_what_nobody_heard_of_is_told_before_the_decision_that_overturned_it(room: Room) -> None:
    """Where no worker runs, whoever decides sends both."""
    (photo,) = room.batch(1)
    room.ear.unsubscribe()
    while room.ear.get_message(timeout=10)["type"] != "unsubscribe":
        pass
    room.queue.announce(str(uuid.uuid4()), b'{"results": [{"status": "rejected by the worker"}]}')
    room.ear.subscribe(RESULTS_CHANNEL)
    assert room.ear.get_message(timeout=10)
    desk = room.desk()

    desk.decide(desk.standing([photo])[0], APPROVE, grace_s=0)

    assert heard_at_last(room) == ["rejected by the worker", "approved"]


def test_a_sender_that_stood_still_for_longer_than_its_claim_tells_nothing_any_more(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photo,) = room.batch(1)
    desk, told = room.desk(), []
    desk.decide(desk.standing([photo])[0], APPROVE)
    room.clock.pass_(MINUTE)
    announce = room.queue.announce

    def frozen(job_id: str, payload: bytes, *, until_ms: int) -> Any:
        monkeypatch.undo()
        room.clock.pass_(MINUTE + 1)
        assert [each.how.value for each in room.desk("abel").undo([photo]).undone] == ["published"]
        told.extend(heard_at_last(room))
        return announce(job_id, payload, until_ms=until_ms - 1000 * (MINUTE + 1))

    monkeypatch.setattr(room.queue, "announce", frozen)
    assert desk.publish_due() == 0

    assert told == ["rejected"]
    assert heard_at_last(room) == []


def test_what_somebody_was_interrupted_over_is_taken_over_by_one_alone(room: Room) -> None:
    """Who takes it over may be interrupted in turn: a decision of that time waits for them as well."""
    (photo,) = room.batch(1)
    approved_by_somebody_killed(room, photo)
    room.clock.pass_(MINUTE + 1)
    assert outbox.take_next(room.db, at=room.clock()) is not None
    assert room.desk().publish_due() == 0
    desk = room.desk("abel")

    (done,) = desk.decide(desk.standing([photo])[0], REJECT, grace_s=0).done

    assert done.due_at is not None
    assert (done.due_at - room.clock()).total_seconds() == MINUTE
    assert heard_at_last(room) == ["rejected"]
