"""What is seen: veiled until a key, on record where it must be, and never interpreted."""

from __future__ import annotations

import numpy as np
import psycopg
import pytest

from lomi_ops.domain.pile import Pile
from lomi_ops.domain.verdict import FailureCode
from lomi_ops.tui.review.terminal import Images
from lomi_ops.tui.review.widgets import Cell
from tests.integration.tui.conftest import Drive, Session
from tests.review_room import BUCKET, Room, evidence

BLURRED = evidence(sharpness=12)


def grey(session: Session) -> bool:
    triplets = {
        style.color.get_truecolor()
        for strip in session.picture.drawn.strips
        for _, style, _ in strip
        if style and style.color
    }
    return all(each.red == each.green == each.blue for each in triplets)


def test_a_photo_is_grey_until_a_key_reveals_it_and_the_reveal_is_on_record(room: Room, drive: Drive) -> None:
    (photo,) = room.batch([BLURRED])

    async def steps(session: Session) -> None:
        await session.shown()
        assert grey(session)
        assert room.count("lomi.reveals") == 0
        await session.press("r")
        await session.until(lambda: session.picture.drawn.strips and not grey(session), "colours")
        assert room.count("lomi.reveals", f"media_id = '{photo}' AND actor = 'Hana'") == 1
        await session.press("r")
        await session.until(lambda: session.picture.drawn.strips and grey(session), "the veil")

    drive(steps)

    assert room.count("lomi.audit") == 0, "the reveal of a suspected minor alone is an entry of the audit"


def test_each_look_at_a_suspected_minor_and_each_reveal_is_in_the_audit(room: Room, drive: Drive) -> None:
    (photo,) = room.batch([evidence(age=(15, 20))])
    room.batch([BLURRED])

    async def steps(session: Session) -> None:
        await session.shown()
        assert session.current == photo
        assert room.count("lomi.audit", "action = 'review.view'") == 1
        await session.press("r")
        await session.until(lambda: session.app.reviewing.table.items[0].revealed, "the reveal")

    drive(steps, pile=Pile.MINORS)

    assert room.count("lomi.audit", f"action = 'review.reveal' AND subject = 'media:{photo}' AND actor = 'Hana'") == 1
    assert room.count("lomi.reveals") == 1


def test_a_break_is_proposed_on_the_screen_until_it_is_put_away(room: Room, drive: Drive) -> None:
    room.batch([BLURRED] * 3)

    async def steps(session: Session) -> None:
        for _ in range(2):
            await session.shown()
            await session.press("r", "s")
        await session.until(lambda: "2 pictures revealed in this shift: time for a break" in session.text, "the words")
        await session.press("a")
        await session.settled()
        assert "time for a break" in session.text, "what happens meanwhile does not cover it"
        await session.press("escape")
        await session.until(lambda: "time for a break" not in session.text, "its end")

    drive(steps, break_after_reveals=2)


def test_nothing_is_revealed_that_could_not_be_put_on_record(room: Room, drive: Drive) -> None:
    room.batch([evidence(age=(15, 20))])

    async def steps(session: Session) -> None:
        await session.shown()
        room.plain.execute("ALTER TABLE lomi.reveals RENAME TO away")
        await session.press("r")
        await session.until(lambda: session.notice, "why not")
        assert not session.app.reviewing.table.items[0].revealed
        assert grey(session)
        room.plain.execute("ALTER TABLE lomi.away RENAME TO reveals")

    drive(steps, pile=Pile.MINORS)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"<html>no photo</html>", "this is no photo"),
        (b"\xff\xd8\xff\xe0 broken", "cannot be shown"),
    ],
)
def test_a_photo_that_cannot_be_decoded_is_a_card_that_says_why(
    room: Room, drive: Drive, data: bytes, words: str
) -> None:
    room.batch([FailureCode.UNREADABLE], data=data)

    async def steps(session: Session) -> None:
        await session.until(lambda: words in session.text, words)
        await session.press("r", "x", "z")
        await session.until(lambda: session.app.reviewing.table.items[0].revealed, "the reveal")
        await session.until(lambda: words in session.text, words)

    drive(steps, pile=Pile.FAILED)


def test_a_photo_that_is_gone_and_one_that_is_huge_can_be_rejected_and_not_approved_by_a_key(
    room: Room, drive: Drive
) -> None:
    import io

    from PIL import Image

    huge = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(huge, "PNG")
    (gone,) = room.batch([BLURRED])
    (large,) = room.batch([BLURRED], data=huge.getvalue())
    room.store.delete(BUCKET, room.row(gone)["url"])

    async def steps(session: Session) -> None:
        await session.until(lambda: "too_large" in session.text, "the reason")
        await session.press("2")
        await session.settled()
        await session.until(lambda: "the photo is gone" in session.text, "the reason")
        await session.press("a")
        await session.until(lambda: "not approved, the photo is gone" in session.text, "the refusal")
        assert session.current == gone, "it lies there still"
        await session.press("2")
        await session.settled()

    drive(steps)

    assert room.row(large)["moderation_reason"] == "no_face"
    assert room.row(gone)["moderation_reason"] == "no_face"
    assert room.count("lomi.decisions", "actor = 'Hana'") == 2


def test_a_suspected_minor_is_approved_by_nobody_who_has_no_pictures(room: Room, drive: Drive) -> None:
    (photo,) = room.batch([evidence(age=(15, 20))])

    async def steps(session: Session) -> None:
        await session.until(lambda: session.current in session.app.reviewing.looking.stories, "the look on record")
        await session.press("a")
        await session.until(lambda: "a suspected minor and not on the screen" in session.text, "the refusal")

    drive(steps, pile=Pile.MINORS, images=Images.NONE)

    assert room.row(photo)["moderation_status"] != "approved"
    assert room.count("lomi.decisions", "actor = 'Hana'") == 0


def test_a_photo_that_no_engine_could_judge_is_approved_by_who_has_seen_it_and_by_nobody_else(
    room: Room, drive: Drive
) -> None:
    (seen,) = room.batch([FailureCode.TRUNCATED])

    async def without_pictures(session: Session) -> None:
        await session.until(lambda: session.current == seen, "the photo")
        await session.press("a")
        await session.until(lambda: "could not be judged and is not on the screen" in session.text, "the refusal")

    drive(without_pictures, pile=Pile.FAILED, images=Images.NONE)
    assert room.row(seen)["moderation_status"] == "failed"

    async def with_pictures(session: Session) -> None:
        await session.shown()
        await session.press("a")
        await session.settled()

    drive(with_pictures, pile=Pile.FAILED)
    assert room.row(seen)["moderation_status"] == "approved"


def test_names_and_notes_are_text_whatever_stands_in_them(room: Room, drive: Drive) -> None:
    owner = room.user("[bold red]Se\x1b[31mlam[/] [@click=app.exit]x[/]\u202egnp")
    (photo,) = room.batch([BLURRED], user=owner)
    room.desk("Ab[b]el").note("see [link=x]this[/link]\r\n\x07 [/]", media_id=photo)

    async def steps(session: Session) -> None:
        await session.shown()
        await session.until(lambda: "notes:" in session.text, "the note")
        assert r"[bold red]Se\x1b[31mlam[/]" in session.text
        assert "Ab[b]el notes: see" in " ".join(session.text.split())
        assert "[link=x]this[/link]" in session.text
        assert "\x1b" not in session.text
        assert "\u202e" not in session.text

    drive(steps, size=(200, 60))


def test_a_note_is_kept_and_shown(room: Room, drive: Drive) -> None:
    room.batch([BLURRED])

    async def steps(session: Session) -> None:
        await session.shown()
        await session.press("n", *"a q", "enter")
        await session.until(lambda: "Hana notes: a q" in session.text, "the note")
        await session.press("n", "x", "escape")

    drive(steps)

    assert room.count("lomi.notes", "text = 'a q'") == 1
    assert room.count("lomi.notes") == 1


def test_old_workers_photos_show_what_they_wrote(room: Room, drive: Drive) -> None:
    (photo,) = room.batch([BLURRED])
    scores = '{"blur_variance": 41.5, "face_count": 1, "nsfw_scores": {"porn": 0.2}}'
    room.plain.execute("UPDATE media SET moderation_scores = %s WHERE id = %s", [scores, photo])
    with psycopg.connect(room.url, autocommit=True) as admin:
        admin.execute("SET lomi.erasing = 'yes'; SET session_replication_role = replica; DELETE FROM lomi.decisions")

    async def steps(session: Session) -> None:
        await session.shown()
        assert "sharpness" in session.text
        assert "42" in session.text or "41" in session.text

    drive(steps)


def test_what_a_photo_of_old_workers_looks_like_is_remembered_when_somebody_looks_at_it(
    room: Room, drive: Drive
) -> None:
    first, second = room.batch([BLURRED])[0], room.batch([BLURRED])[0]

    async def steps(session: Session) -> None:
        await session.shown()
        assert session.current == second
        await session.until(lambda: room.count("lomi.photo_hashes", f"media_id = '{second}'") == 1, "its hash")
        await session.press("s")
        await session.until(lambda: session.current == first, "the other")
        await session.until(lambda: "the same picture of 1 other user" in session.text, "what looks the same")

    drive(steps)

    assert room.count("lomi.photo_hashes") == 2


def test_a_filter_narrows_and_a_wrong_one_says_what_there_is(room: Room, drive: Drive) -> None:
    (nude,), _ = room.batch([evidence(porn=0.9)]), room.batch([BLURRED])

    async def steps(session: Session) -> None:
        await session.shown()
        await session.press("slash", *"reason:nsfw", "enter")
        await session.until(lambda: session.current == nude, "the one")
        await session.press("slash", *["backspace"] * 11, *"reazon:x", "enter")
        await session.until(lambda: "did you mean reason" in session.text, "the hint")
        assert session.current == nude, "a filter that cannot be read changes nothing"

    drive(steps)


def test_a_batch_is_drawn_as_soon_as_its_cells_have_a_size(room: Room, drive: Drive) -> None:
    room.batch([BLURRED, BLURRED])

    async def steps(session: Session) -> None:
        await session.shown()
        await session.until(lambda: len(session.app.reviewing.looking.stories) == 2, "both histories")
        for _ in range(2):
            await session.press("g")
            await session.until(
                lambda: sum(bool(cell.picture.drawn.strips) for cell in session.app.query(Cell)) == 2, "both photos"
            )
            await session.until(lambda: "sharpness 12 is" in session.text, "why")
            await session.press("g")
            await session.shown()

    drive(steps, size=(80, 24))


def test_a_filter_with_a_name_is_a_pile(room: Room, drive: Drive) -> None:
    (nude,) = room.batch([evidence(porn=0.9)])
    (blurred,) = room.batch([BLURRED])

    async def steps(session: Session) -> None:
        await session.shown()
        await session.press("f")
        await session.until(lambda: "no filter to name" in session.text, "nothing to name")
        await session.press("slash", *"porn>0.8 pile:rejected", "enter")
        await session.until(lambda: session.current == nude, "the one")
        await session.press("f", *"Not One", "enter")
        await session.until(lambda: "is no name for a filter" in session.text, "the hint")
        await session.press("f", *"nudes", "enter")
        await session.until(lambda: "kept as nudes" in session.text, "the name")
        await session.until(lambda: "only nudes" in session.text, "the heading")
        await session.press("p")
        await session.until(lambda: "nudes (here)" in session.text, "the piles")
        await session.press("2")
        await session.until(lambda: session.current == blurred, "the pile without a filter")
        await session.press("p", "5")
        await session.until(lambda: session.current == nude, "the named one")
        await session.press("slash", *["backspace"] * 30, "enter")
        await session.until(lambda: session.current == blurred, "everything")
        await session.press("slash", *"nudes", "enter")
        await session.until(lambda: session.current == nude, "by its name")

    drive(steps)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (40, 14)])
def test_every_key_that_there_is_is_on_the_screen_or_on_the_page_that_it_names(
    room: Room, drive: Drive, size: tuple[int, int]
) -> None:
    room.batch([BLURRED] * 3)

    async def steps(session: Session) -> None:
        await session.shown()
        assert "approve" in session.text
        assert "help" in session.text
        await session.press("g")
        await session.until(lambda: session.app.reviewing.table.grid, "the batch")
        await session.press("question_mark")
        await session.until(lambda: "approves: the chosen" in session.text, "help")
        await session.press("x")
        await session.until(lambda: "rejected" in session.text, "the photos")

    drive(steps, size=size)


def test_a_terminal_that_is_too_small_says_what_it_needs(room: Room, drive: Drive) -> None:
    room.batch([BLURRED])

    async def steps(session: Session) -> None:
        await session.until(lambda: "needs 40" in session.text, "the need")

    drive(steps, size=(39, 20))


def test_without_pictures_the_evidence_is_still_there(room: Room, drive: Drive) -> None:
    room.batch([BLURRED])

    async def steps(session: Session) -> None:
        await session.until(lambda: "pictures are off" in session.text, "the card")
        await session.until(lambda: "sharpness 12 is below 25" in session.text, "the evidence")

    drive(steps, images=Images.NONE)


def test_the_veil_is_all_that_a_terminal_is_ever_sent_before_the_key(room: Room, drive: Drive) -> None:
    """Photos that differ in every detail, and are the same at eight pixels, leave the same bytes."""
    import io

    from PIL import Image

    def png(pixels: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        return buffer.getvalue()

    checks = np.where((np.indices((256, 256)).sum(axis=0) % 2)[:, :, None] == 0, 0, 254).astype(np.uint8)
    for pixels in (np.repeat(checks, 3, axis=2), np.full((256, 256, 3), 127, np.uint8)):
        room.batch([BLURRED], data=png(np.ascontiguousarray(pixels)))
    seen: list[list[str]] = []

    async def steps(session: Session) -> None:
        for _ in range(2):
            await session.shown()
            seen.append([repr(list(strip)) for strip in session.picture.drawn.strips])
            await session.press("s")

    drive(steps)

    assert seen[0] == seen[1]
