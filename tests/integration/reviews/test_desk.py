"""A reviewer's desk: piles, claims, decisions with a grace window, and taking them back."""

from __future__ import annotations

import itertools
import threading
import uuid
from typing import Any

import pytest

from lomi_ops.db import media, reviewing
from lomi_ops.db.notes import NoteFilter
from lomi_ops.domain import review_filter
from lomi_ops.domain.pile import Pile, pile_of
from lomi_ops.domain.review import Seen
from lomi_ops.domain.review_filter import Bounds
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.errors import Conflict, DatabaseUnavailable, NotFound, Refused, UsageError
from lomi_ops.ops.reviews import front, piles
from lomi_ops.ops.reviews.desk import Choice
from lomi_ops.ops.reviews.front import BEHIND
from tests.integration.reviews.conftest import APPROVE, Room

STANDINGS = (
    ("pending", "needs_review"), ("pending", None), ("rejected", "nsfw"), ("rejected", "underage"),
    ("failed", "truncated"), ("approved", None), ("verified", "nsfw"), (None, None),
)  # fmt: skip
SCORES = (
    None, "{}", "[]", '{"estimated_age": 17.5}', '{"estimated_age": 18}', '{"estimated_age": "15"}',
    '{"estimated_age": null}', '{"grounds": [{"reason": "nsfw"}, {"reason": "underage"}]}', '{"grounds": "underage"}',
    '{"estimated_age": true, "grounds": {"reason": "underage"}}',
)  # fmt: skip
REJECT = Choice(MediaStatus.REJECTED, Reason.NSFW, "not for our app")


def test_the_next_photos_are_ones_own_and_nobody_elses(room: Room) -> None:
    room.batch(5)
    hana, abel = room.desk("hana"), room.desk("abel")

    first, second, third = (
        hana.claim_next(2, Pile.REJECTED),
        abel.claim_next(9, Pile.REJECTED),
        hana.claim_next(1, Pile.REJECTED),
    )

    assert (len(first.photos), len(second.photos), len(third.photos)) == (2, 3, 0)
    assert {each.photo.media_id for each in first.photos}.isdisjoint(each.photo.media_id for each in second.photos)
    assert (first.expires_at - room.clock()).total_seconds() == room.section.claim_s


def test_a_pile_that_is_longer_than_what_is_looked_up_at_once_is_dealt_to_its_end(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "FIRST", 2)
    monkeypatch.setattr(front, "AHEAD", 3)
    photos = {*room.batch(9), *room.batch(2)}
    desk = room.desk()

    dealt = [held.photos[0].photo.media_id for _ in range(11) if (held := desk.claim_next(1, Pile.REJECTED)).photos]

    assert (len(dealt), set(dealt)) == (11, photos)
    assert desk.claim_next(1, Pile.REJECTED).photos == ()


@pytest.mark.parametrize("away", [False, True])
def test_the_next_photos_are_looked_up_behind_the_work_and_once_more_where_that_failed(
    room: Room, monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    monkeypatch.setattr(front, "FIRST", 2)
    photos = {*room.batch(9)}
    looked: list[str] = []
    ahead = reviewing.ahead

    def look(*words: Any, **named: Any) -> tuple[Seen, ...]:
        looked.append(threading.current_thread().name)
        if away and looked[-1] == BEHIND:
            raise DatabaseUnavailable("away")
        return ahead(*words, **named)

    monkeypatch.setattr(reviewing, "ahead", look)
    desk = room.desk()

    dealt = [each.photo.media_id for _ in range(5) for each in desk.claim_next(2, Pile.REJECTED).photos]

    assert (len(dealt), set(dealt)) == (9, photos)
    assert looked[:2] == [threading.current_thread().name, BEHIND]
    if not away:
        assert looked.count(BEHIND) == 1, "that one saw the end of the pile"


def test_a_decision_is_told_once_when_the_window_is_over(room: Room) -> None:
    room.batch(2)
    desk = room.desk()
    held = desk.claim_next(2, Pile.REJECTED)

    step = desk.decide(held.seen, APPROVE)

    assert (len(step.done), step.refused, step.published) == (2, (), 0)
    assert room.heard() == []
    room.clock.pass_(59)
    assert desk.publish_due() == 0
    room.clock.pass_(1)
    assert desk.publish_due() == 2
    assert desk.publish_due() == 0
    messages = room.heard()
    assert {message["results"][0]["status"] for message in messages} == {"approved"}
    assert {row["step"] for row in room.rows("SELECT step FROM lomi.decisions WHERE actor = 'hana'")} == {step.step}
    assert desk.held() == ()


def test_an_undo_inside_the_window_publishes_nothing_and_puts_everything_back(room: Room) -> None:
    ids = room.batch(3)
    before = room.rows("SELECT * FROM media ORDER BY id")
    desk = room.desk()
    desk.decide(desk.claim_next(9, Pile.REJECTED).seen, APPROVE)

    undone = desk.undo_last("wrong key")

    assert {each.media_id for each in undone.undone} == set(ids)
    assert {each.how.value for each in undone.undone} == {"silent"}
    after = room.rows("SELECT * FROM media ORDER BY id")
    assert [row | {"updated_at": 0} for row in after] == [row | {"updated_at": 0} for row in before]
    room.clock.pass_(3600)
    assert desk.publish_due() == 0
    assert room.heard() == []
    assert room.rows("SELECT * FROM lomi.outbox") == []
    assert len(desk.claim_next(9, Pile.REJECTED).photos) == 3, "they are to be looked at again"
    with pytest.raises(NotFound):
        desk.undo_last()
    actions = [row["action"] for row in room.rows("SELECT action FROM lomi.audit ORDER BY id")]
    assert actions == ["review.approve"] * 3 + ["review.undo"] * 3


def test_an_undo_after_the_window_tells_the_earlier_decision(room: Room) -> None:
    (photo,) = room.batch(1)
    desk = room.desk()
    desk.decide(desk.claim_next(1, Pile.REJECTED).seen, APPROVE, grace_s=0)
    assert [message["results"][0]["status"] for message in room.heard()] == ["approved"]

    (undone,) = desk.undo([photo]).undone

    assert (undone.how.value, undone.status, undone.reason) == ("published", "rejected", "blurry")
    (message,) = room.heard()
    assert (message["results"][0]["status"], message["results"][0]["reason"]) == ("rejected", "blurry")
    assert message["job_id"] == undone.job_id
    with pytest.raises(Refused):
        raise desk.undo([photo]).refused[0].failure


def test_a_photo_that_waited_waits_again_and_the_answer_says_that_the_app_does_not_know(room: Room) -> None:
    (photo,) = room.batch(1, porn=0.4)
    desk = room.desk()
    desk.decide(desk.claim_next(1, Pile.WAITING).seen, APPROVE, grace_s=0)
    room.heard()

    (undone,) = desk.undo([photo]).undone

    assert undone.how.value == "not_told"
    row = media.photos_of(room.db, [photo])[photo]
    assert (row.status, row.reason, row.moderated_at) == ("pending", "needs_review", None)
    assert room.heard() == []


def test_a_lost_claim_is_a_conflict_and_nothing_is_written(room: Room) -> None:
    room.batch(1)
    hana, abel = room.desk("hana"), room.desk("abel")
    old = hana.claim_next(1, Pile.REJECTED)
    room.clock.pass_(room.section.claim_s)
    assert hana.beat(old.token) == ()

    late = hana.decide(old.seen, APPROVE)
    assert "it had expired" in late.refused[0].failure.message
    new = abel.claim_next(1, Pile.REJECTED)
    later = hana.decide(old.seen, APPROVE)

    assert isinstance(later.refused[0].failure, Conflict)
    assert "abel looks at it now" in later.refused[0].failure.message
    assert room.rows("SELECT * FROM lomi.decisions WHERE actor <> 'worker'") == []
    assert len(abel.decide(new.seen, REJECT).done) == 1


def test_a_beat_keeps_a_claim(room: Room) -> None:
    room.batch(2)
    desk = room.desk()
    held = desk.claim_next(2, Pile.REJECTED)
    for _ in range(4):
        room.clock.pass_(desk.beat_s)
        assert len(desk.beat(held.token)) == 2
    assert len(desk.decide(held.seen, APPROVE).done) == 2


def test_what_somebody_looks_at_is_not_decided_by_a_command_unless_it_insists(room: Room) -> None:
    (photo,) = room.batch(1)
    room.desk("hana").claim_next(1, Pile.REJECTED)
    abel = room.desk("abel")
    seen, _ = abel.standing([photo])

    refused = abel.decide(seen, APPROVE).refused
    assert "hana looks at photo" in refused[0].failure.message
    assert len(abel.decide(seen, APPROVE, over_claims=True).done) == 1


def test_a_photo_that_changed_meanwhile_is_a_conflict(room: Room) -> None:
    (photo,) = room.batch(1)
    hana, abel = room.desk("hana"), room.desk("abel")
    (seen,), _ = hana.standing([photo])
    abel.decide([seen], REJECT)

    (refusal,) = hana.decide([seen], APPROVE).refused

    assert isinstance(refusal.failure, Conflict)
    assert "was rejected (blurry) and is rejected (nsfw) now by abel" in refusal.failure.message


def test_only_the_last_of_two_decisions_in_the_window_is_told_and_undoing_it_tells_the_first(room: Room) -> None:
    (photo,) = room.batch(1)
    hana, abel = room.desk("hana"), room.desk("abel")
    hana.decide(hana.standing([photo])[0], APPROVE)
    abel.decide(abel.standing([photo])[0], REJECT)
    assert len(room.rows("SELECT * FROM lomi.outbox")) == 1

    (undone,) = abel.undo([photo]).undone

    assert (undone.how.value, undone.status) == ("published", "approved")
    assert [message["results"][0]["status"] for message in room.heard()] == ["approved"]
    room.clock.pass_(600)
    assert abel.publish_due() == 0


def test_a_step_that_others_have_moved_on_from_is_undone_as_far_as_it_stands(room: Room) -> None:
    one, two = room.batch(2)
    hana, abel = room.desk("hana"), room.desk("abel")
    step = hana.decide(hana.standing([one, two])[0], APPROVE)
    abel.decide(abel.standing([two])[0], REJECT)

    undone = hana.undo_step(step.step)

    assert [each.media_id for each in undone.undone] == [one]
    (refusal,) = undone.refused
    assert (refusal.media_id, type(refusal.failure)) == (two, Conflict)
    assert "abel has decided photo" in refusal.failure.message


def test_what_a_person_keeps_is_told_to_nobody_and_not_looked_at_again(room: Room) -> None:
    (photo,) = room.batch(1)
    desk = room.desk()
    held = desk.claim_next(1, Pile.REJECTED)

    assert len(desk.decide(held.seen, Choice(None)).done) == 1

    assert room.rows("SELECT * FROM lomi.outbox") == []
    assert desk.claim_next(1, Pile.REJECTED).photos == ()
    assert desk.photo(photo).story[-1].actor == "hana"
    assert desk.undo_last().undone[0].how.value == "silent"
    assert len(desk.claim_next(1, Pile.REJECTED).photos) == 1


def test_suspected_minors_lie_apart_and_each_look_at_them_is_on_record(room: Room) -> None:
    (photo,) = room.batch(1)
    (other,) = room.batch(1)
    room.rows("UPDATE media SET moderation_reason = 'nsfw', moderation_scores ="
              " moderation_scores || '{\"estimated_age\": 15}' WHERE id = %s RETURNING id", photo)  # fmt: skip
    desk = room.desk()

    assert [each.photo.media_id for each in desk.queue_of(Pile.ALL)] == [other]
    assert {count.pile: count.photos for count in desk.counts()} == {
        Pile.WAITING: 0, Pile.REJECTED: 1, Pile.FAILED: 0, Pile.MINORS: 1,
    }  # fmt: skip
    found = desk.photo(photo)
    assert found.minor
    desk.view(found)
    desk.reveal(photo)
    desk.view(desk.photo(other))
    desk.reveal(other)

    entries = room.rows("SELECT action, subject FROM lomi.audit ORDER BY id")
    assert [(row["action"], row["subject"]) for row in entries] == [
        ("review.view", f"media:{photo}"), ("review.reveal", f"media:{photo}"),
    ]  # fmt: skip
    assert [row["media_id"] for row in room.rows("SELECT media_id FROM lomi.reveals ORDER BY id")] == [photo, other]


def test_a_filter_narrows_a_pile_to_a_band_of_scores_and_an_age(room: Room) -> None:
    room.batch(2, porn=0.35)
    room.batch(1, porn=0.55)
    desk = room.desk()

    def found(*words: str) -> int:
        wanted = review_filter.parse(words)
        number = len(desk.queue_of(Pile.WAITING, wanted))
        assert desk.counts(Pile.WAITING, wanted)[0].photos == number
        return number

    assert found("porn>0.3", "porn<0.5") == 2
    assert found("porn>=0.55") == 1
    assert found("reason:needs_review", "ground:nsfw", "policy:local") == 3
    assert found("'reaches 0.30'") == 3
    assert found("age<2h") == 3
    room.clock.pass_(7200)
    assert found("age<2h") == 0


def test_a_dossier_has_the_measures_the_boxes_the_batch_and_the_story(room: Room) -> None:
    photo, mate = room.batch(2, sharpness=3.0, porn=0.35)
    desk = room.desk()
    desk.note("looks like a screenshot [bold]", media_id=photo)
    desk.claim_batch(mate)

    found = desk.photo(photo)

    by_label = {each.label: each for each in found.measures}
    assert (by_label["sharpness"].zone, by_label["porn"].zone, by_label["age"].zone) == ("reject", "review", "")
    assert found.evidence is not None
    assert found.judged is not None
    assert found.judged.verdict is not None
    assert found.judged.verdict.policy == "local@1"
    assert {each.media_id for each in found.mates} == {photo, mate}
    assert [note.text for note in found.notes] == ["looks like a screenshot [bold]"]
    assert found.claim is not None
    assert found.claim.actor == "hana"
    history = desk.user(found.photo.user_id)
    assert history.standing == {"rejected": 2}
    assert len(history.notes) == 1


def test_notes_are_found_by_their_words_and_by_whom_they_are_about(room: Room) -> None:
    (photo,) = room.batch(1)
    desk = room.desk()
    user = desk.photo(photo).photo.user_id
    desk.note("100% sure \x00\x1b[31m", media_id=photo)
    desk.note("asks politely", user_id=user)

    assert [note.text for note in desk.notes(NoteFilter(search="100%"))] == ["100% sure \ufffd\x1b[31m"]
    assert [note.text for note in desk.notes(NoteFilter(search="%"))] == ["100% sure \ufffd\x1b[31m"]
    assert len(list(desk.notes(NoteFilter(user_id=user)))) == 2
    assert [note.media_id for note in desk.notes(NoteFilter(search="POLITE"))] == [None]
    with pytest.raises(UsageError):
        desk.note("  ", media_id=photo)
    with pytest.raises(NotFound):
        desk.note("who?", media_id=uuid.uuid4())


def test_a_claim_names_who_looks_at_the_others(room: Room) -> None:
    one, two = room.batch(2)
    room.desk("abel").claim([two])
    held = room.desk("hana").claim([two, one])
    assert [each.photo.media_id for each in held.photos] == [one]
    assert [(each.media_id, each.actor) for each in held.taken] == [(two, "abel")]
    room.desk("hana").free([two], "abel's terminal died")
    assert [row["reason"] for row in room.rows("SELECT reason FROM lomi.audit")] == ["abel's terminal died"]
    assert len(room.desk("hana").claim([two]).photos) == 1


def test_a_decision_without_words_is_misuse(room: Room) -> None:
    with pytest.raises(UsageError):
        room.desk().decide([Seen(uuid.uuid4(), "rejected", None)], Choice(MediaStatus.APPROVED, note=" "))


def test_the_database_and_the_program_agree_where_a_photo_lies(room: Room) -> None:
    user = room.backend.user()
    photos = []
    for (status, reason), scores in itertools.product(STANDINGS, SCORES):
        photos.append(room.backend.photo(user, None))
        room.rows(
            "UPDATE media SET moderation_status = %s, moderation_reason = %s, moderation_scores = %s WHERE id = %s"
            " RETURNING id", status, reason, scores, photos[-1],
        )  # fmt: skip

    piles = [pile for pile in Pile if pile is not Pile.ALL]
    found = {pile: {each.photo.media_id for each in room.desk().queue_of(pile, limit=100)} for pile in piles}

    rows = media.photos_of(room.db, photos)
    for row in rows.values():
        expected = pile_of(row.status, row.reason, row.scores)
        assert [pile for pile in piles if row.media_id in found[pile]] == ([expected] if expected else []), row
    assert {each.pile: each.photos for each in room.desk().counts()} == {pile: len(ids) for pile, ids in found.items()}
    assert len(found[Pile.MINORS]) > 10
    for pile in piles:
        assert {each.photo.media_id for each in room.desk().claim_next(100, pile).photos} == found[pile]


def test_a_long_pile_is_read_in_few_pages_and_each_photo_once(room: Room) -> None:
    photos = [photo for _ in range(5) for photo in room.batch(9)]
    pages = list(reviewing.pages(room.db, Pile.REJECTED, Bounds(), size=2))
    assert [len(page) for page in pages] == [2, 8, 32, 3]
    assert [row.media_id for page in pages for row in page] == [
        each.photo.media_id for each in room.desk().queue_of(Pile.REJECTED, limit=100)
    ]
    assert {row.media_id for page in pages for row in page} == set(photos)


def test_whoever_wants_every_photo_of_a_pile_gets_them_in_its_order_and_may_stop_early(room: Room) -> None:
    for _ in range(3):
        room.batch(9)
        room.batch(2, porn=0.4)
    now = room.clock()
    for pile in Pile:
        wanted = [row.media_id for page in reviewing.pages(room.db, pile, Bounds()) for row in page]
        assert [row.media_id for row in reviewing.every(room.db, pile, Bounds())] == wanted
        for row in reviewing.every(room.db, pile, Bounds()):
            assert row.media_id == wanted[0]
            break
    wanted = [row.media_id for row in piles.photos(room.db, Pile.ALL, review_filter.parse(["reason:blurry"]), now=now)]
    assert [
        row.media_id for row in piles.every(room.db, Pile.ALL, review_filter.parse(["reason:blurry"]), now=now)
    ] == wanted
    assert len(wanted) == 27


def test_who_works_alone_takes_photos_in_their_order_and_a_skipped_one_comes_last(room: Room) -> None:
    photos = []
    for _ in range(6):
        photos += room.batch(1, porn=0.4)
        room.rows("UPDATE media SET created_at = %s WHERE id = %s RETURNING id", room.clock(), photos[-1])
        room.clock.pass_(1)
    desk = room.desk()

    skipped = desk.claim_next(1, Pile.WAITING)
    desk.release(skipped.token)
    taken = [each.photo.media_id for _ in range(6) for each in desk.claim_next(1, Pile.WAITING).photos]

    assert taken == [*photos[1:], photos[0]]
    assert desk.claim_next(1, Pile.WAITING).photos == ()


def test_a_filter_is_kept_to_when_photos_are_claimed(room: Room) -> None:
    low, high = room.batch(2, porn=0.35), room.batch(3, porn=0.55)
    desk = room.desk()
    wanted = review_filter.parse(["porn>0.5"])
    assert {each.photo.media_id for each in desk.claim_next(9, Pile.WAITING, wanted).photos} == set(high)
    assert {each.photo.media_id for each in desk.claim_next(9, Pile.WAITING).photos} == set(low)
