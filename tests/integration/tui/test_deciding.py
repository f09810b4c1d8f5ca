"""Keys become decisions: once, undone as a whole, and never on what changed meanwhile."""

from __future__ import annotations

from lomi_ops.domain.pile import Pile
from lomi_ops.tui.review.table import Mark
from tests.integration.tui.conftest import Drive, Session
from tests.review_room import Room, evidence

BLURRED = evidence(sharpness=12)


def test_one_key_approves_and_the_next_photo_is_there(room: Room, drive: Drive) -> None:
    first, second = room.batch([BLURRED]), room.batch([BLURRED])

    async def steps(session: Session) -> None:
        await session.shown()
        assert session.current == second[0], "what was decided last is looked at first"
        await session.press("a")
        await session.settled()
        await session.shown()
        assert session.current == first[0]
        assert "told in 0:5" in session.text

    drive(steps)

    assert room.row(second[0])["moderation_status"] == "approved"
    assert room.row(first[0])["moderation_status"] == "rejected"
    assert room.count("lomi.outbox") == 1, "it is told when the window is over"
    assert room.count("lomi.decisions", "actor = 'Hana'") == 1
    assert room.count("lomi.audit", "action = 'review.approve'") == 1
    assert room.count("lomi.claims") == 0, "who leaves gives everything back"


def test_a_number_rejects_with_its_reason(room: Room, drive: Drive) -> None:
    (photo,) = room.batch([evidence(sharpness=40)])

    async def steps(session: Session) -> None:
        await session.shown()
        await session.press("3")
        await session.settled()

    drive(steps, pile=Pile.WAITING)

    row = room.row(photo)
    assert (row["moderation_status"], row["moderation_reason"]) == ("rejected", "group_photo")


def test_undo_inside_the_window_leaves_nothing_to_tell_and_the_photo_on_the_table(room: Room, drive: Drive) -> None:
    (photo,) = room.batch([BLURRED])

    async def steps(session: Session) -> None:
        await session.shown()
        await session.press("a")
        await session.settled()
        await session.press("u")
        await session.until(lambda: "taken back" in session.notice, "taken back")
        assert session.notice == "taken back; nobody had been told"
        await session.shown()
        assert session.current == photo
        await session.press("1")
        await session.until(lambda: "already" in session.notice)

    drive(steps)

    assert room.row(photo)["moderation_status"] == "rejected"
    assert room.count("lomi.outbox") == 0


def test_an_approval_asks_why_once_a_pile_and_shows_the_reason_beside_its_key(room: Room, drive: Drive) -> None:
    photos = [*room.batch([BLURRED]), *room.batch([BLURRED]), *room.batch([BLURRED])]

    async def steps(session: Session) -> None:
        await session.shown()
        await session.press("a")
        await session.until(lambda: "why do you approve?" in session.text, "the question")
        assert "blurry" not in session.text, "nothing that rejects"
        await session.press("escape")
        await session.until(lambda: "sharpness 12" in session.text, "the photo")
        assert session.current == photos[2], "who does not say why decides nothing"
        await session.press("a", "2")
        await session.settled()
        await session.until(lambda: "approve: misjudged" in session.text, "the reason")
        await session.press("a")
        await session.settled()
        await session.press("m", "6")
        await session.settled()
        await session.until(lambda: "approve: fine" in session.text, "the other reason")

    drive(steps, because="")

    told = room.plain.execute(
        "SELECT detail, a.after ->> 'macro' AS macro FROM lomi.decisions AS d"
        " JOIN lomi.audit AS a ON a.subject = 'media:' || d.media_id WHERE d.actor = 'Hana' ORDER BY d.id"
    ).fetchall()
    assert [each["macro"] for each in told] == ["misjudged", "misjudged", "fine"]
    assert told[0]["detail"] == "what was found in it is not there"


def test_any_template_is_two_keys_away_and_ones_own_words_are_typed(room: Room, drive: Drive) -> None:
    (second,), (first,) = room.batch([BLURRED]), room.batch([BLURRED])

    async def steps(session: Session) -> None:
        await session.shown()
        await session.press("m")
        await session.until(lambda: "Show us your face!" in session.text, "templates and what users are told")
        await session.press("2")
        await session.settled()
        await session.shown()
        await session.press("m", "w")
        await session.until(lambda: session.app.query("#line"), "the line")
        await session.press(*"arms")
        await session.press("enter")
        await session.settled()

    drive(steps, because="")

    assert (room.row(first)["moderation_status"], room.row(first)["moderation_reason"]) == ("rejected", "no_face")
    assert room.row(second)["moderation_status"] == "approved"
    assert room.count("lomi.decisions", "actor = 'Hana' AND detail = 'arms'") == 1


def test_a_reason_is_for_the_photo_that_lay_there_when_it_was_asked_for(room: Room, drive: Drive) -> None:
    room.batch([BLURRED])
    room.batch([BLURRED])

    async def steps(session: Session) -> None:
        await session.shown()
        await session.press("a")
        await session.until(lambda: "why do you approve?" in session.text, "the question")
        session.app.reviewing.skip()
        await session.press("1")
        await session.until(lambda: "nothing was decided" in session.text, "the conflict")

    drive(steps, because="")

    assert room.count("lomi.decisions", "actor = 'Hana'") == 0


def test_a_reason_is_for_the_photo_as_it_stood_when_it_was_asked_for(room: Room, drive: Drive) -> None:
    (photo,) = room.batch([BLURRED])

    async def steps(session: Session) -> None:
        reviewing = session.app.reviewing
        await session.shown()
        await session.press("a")
        await session.until(lambda: "why do you approve?" in session.text, "the question")
        room.plain.execute("UPDATE media SET moderation_reason = 'nsfw' WHERE id = %s", [photo])
        reviewing.change(Pile.REJECTED)
        await session.until(
            lambda: reviewing.table.current and reviewing.table.current.exhibit.row.reason == "nsfw", "the change"
        )
        await session.press("1")
        await session.until(lambda: "nothing was decided" in session.text, "the conflict")

    drive(steps, because="")

    assert room.row(photo)["moderation_status"] == "rejected"
    assert room.count("lomi.decisions", "actor = 'Hana'") == 0


def test_a_batch_of_nine_takes_three_keys_and_one_takes_all_of_it_back(room: Room, drive: Drive) -> None:
    photos = room.batch([BLURRED] * 9)

    async def steps(session: Session) -> None:
        await session.shown()
        await session.press("g")
        await session.until(lambda: len(session.app.reviewing.table.open_items) == 9, "the batch")
        await session.press("asterisk", "a")
        await session.settled()
        assert room.count("media", "moderation_status = 'approved'") == 9
        assert room.count("(SELECT DISTINCT step FROM lomi.decisions WHERE actor = 'Hana') AS s") == 1
        assert room.count("lomi.outbox") == 9
        await session.press("u")
        await session.until(lambda: "taken back" in session.notice, "taken back")

    drive(steps)

    assert {room.row(photo)["moderation_status"] for photo in photos} == {"rejected"}
    assert room.count("lomi.outbox") == 0


def test_in_a_grid_the_chosen_photos_are_decided_and_the_others_stay(room: Room, drive: Drive) -> None:
    photos = room.batch([BLURRED] * 4)

    async def steps(session: Session) -> None:
        await session.shown()
        await session.press("g")
        reviewing = session.app.reviewing
        await session.until(lambda: reviewing.table.grid and len(reviewing.table.open_items) == 4, "the batch")
        session.app.reviewing.move(-9)
        await session.press("space", "right", "right", "space", "a")
        await session.settled()
        marks = [item.mark for item in session.app.reviewing.table.items]
        assert marks == [Mark.DECIDED, Mark.OPEN, Mark.DECIDED, Mark.OPEN]

    drive(steps)

    standing = [room.row(photo)["moderation_status"] for photo in photos]
    assert standing == ["approved", "rejected", "approved", "rejected"]


def test_a_photo_that_changed_meanwhile_is_a_conflict_that_is_shown(room: Room, drive: Drive) -> None:
    (photo,) = room.batch([BLURRED])

    async def steps(session: Session) -> None:
        await session.shown()
        room.plain.execute("UPDATE media SET moderation_reason = 'nsfw' WHERE id = %s", [photo])
        await session.press("a")
        await session.settled()
        await session.until(lambda: "not approved" in session.text, "the conflict")

    drive(steps)

    assert room.row(photo)["moderation_status"] == "rejected"
    assert room.count("lomi.decisions", "actor = 'Hana'") == 0


def test_a_late_answer_is_a_conflict_and_the_claim_is_known_to_be_over(room: Room, drive: Drive) -> None:
    (photo,) = room.batch([BLURRED])

    async def steps(session: Session) -> None:
        await session.shown()
        room.plain.execute("UPDATE lomi.claims SET expires_at = now() - interval '1 s', token = gen_random_uuid()")
        await session.press("a")
        await session.settled()
        await session.until(lambda: "not approved" in session.text, "the conflict")

    drive(steps)

    assert room.row(photo)["moderation_status"] == "rejected"
    assert room.count("lomi.outbox") == 0


def test_a_beat_holds_on_and_a_lost_claim_is_shown_before_anything_is_decided(room: Room, drive: Drive) -> None:
    room.batch([BLURRED])

    async def steps(session: Session) -> None:
        await session.shown()
        session.app.reviewing.beat()
        before = session.app.reviewing.table.items[0].exhibit.until
        await session.until(lambda: session.app.reviewing.table.items[0].exhibit.until > before, "a beat")
        room.plain.execute("DELETE FROM lomi.claims")
        session.app.reviewing.beat()
        await session.until(lambda: "the claim is over" in session.text, "the loss")
        assert session.app.reviewing.table.targets == ()

    drive(steps)


def test_two_reviewers_are_never_dealt_the_same_photo(room: Room, drive: Drive) -> None:
    for _ in range(3):
        room.batch([BLURRED])
    (theirs,) = room.work("Abel").deal(Pile.REJECTED, 1)

    async def steps(session: Session) -> None:
        await session.until(lambda: session.app.reviewing.table.exhausted, "the rest")
        mine = {item.media_id for item in session.app.reviewing.table.items}
        assert len(mine) == 2
        assert theirs.media_id not in mine

    drive(steps)


def test_skipped_photos_are_for_somebody_else_and_do_not_come_back(room: Room, drive: Drive) -> None:
    photos = room.batch([BLURRED] * 2)

    async def steps(session: Session) -> None:
        await session.shown()
        await session.press("s")
        await session.shown()
        await session.press("s")
        await session.until(lambda: "nothing more to look at" in session.text, "the end")

    drive(steps)

    assert {room.row(photo)["moderation_status"] for photo in photos} == {"rejected"}
    assert room.count("lomi.claims") == 0


def test_a_rejection_tells_the_user_in_the_words_of_its_macro(room: Room, drive: Drive) -> None:
    (photo,) = room.batch([evidence(sharpness=40)])

    async def steps(session: Session) -> None:
        await session.shown()
        await session.press("1", "q")

    drive(steps, pile=Pile.WAITING)

    assert room.row(photo)["moderation_reason"] == "blurry", "who leaves waits for what is on its way"
    assert room.count("lomi.decisions", "detail = 'the photo is blurred'") == 1
    assert room.count("lomi.outbox", "payload::text LIKE '%The photo is blurry!%'") == 1


def test_photos_that_look_the_same_are_counted_and_laid_out_to_be_decided_together(room: Room, drive: Drive) -> None:
    from lomi_ops.imaging.decode import decode
    from lomi_ops.imaging.fingerprint import fingerprint
    from lomi_ops.ops.quality.similar import remember
    from tests.review_room import picture

    photos = [room.batch([BLURRED])[0] for _ in range(3)]
    looks = fingerprint(decode(picture(), room.limits).pixels)
    remember(room.db, [(each, room.row(each)["user_id"], looks) for each in photos], at=room.at)

    async def steps(session: Session) -> None:
        await session.shown()
        await session.until(lambda: "the same picture of 2 other users" in session.text, "the duplicates")
        await session.press("d")
        reviewing = session.app.reviewing
        await session.until(lambda: reviewing.table.grid and len(reviewing.table.open_items) == 3, "the grid")
        await session.press("asterisk", "a")
        await session.settled()

    drive(steps)

    assert {room.row(each)["moderation_status"] for each in photos} == {"approved"}
