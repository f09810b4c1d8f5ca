"""Photos are decoded beside the app, and whatever happens there, the app goes on."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lomi_ops.config.sections.judging import ImagesSection
from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.imaging.golden import portrait
from lomi_ops.tui.review import drawing
from lomi_ops.tui.review.darkroom import Darkroom
from lomi_ops.tui.review.developing import Developer
from lomi_ops.tui.review.plate import BROKEN, Answer, Plate, Unseen, Wish, packed, unpacked
from lomi_ops.tui.review.terminal import Images, Screen

WISH = Wish("a", Screen(Images.BLOCKS, (10, 20)), 40, 12)


@pytest.fixture
def darkroom() -> Iterator[Darkroom]:
    found = Darkroom(ImagesSection().model_dump())
    yield found
    found.close()


def test_it_answers_what_a_developer_here_would(darkroom: Darkroom) -> None:
    here = Developer(ImagesSection())
    assert darkroom.plate(WISH) is None, "it has not got the photo"
    for each in (darkroom, here):
        each.take("a", portrait())
        each.take("b", b"no photo")

    assert darkroom.known("a") is True
    assert darkroom.plate(WISH) == here.plate(WISH)
    assert isinstance(darkroom.plate(WISH), Plate)
    assert darkroom.looks("a") == here.looks("a")
    assert isinstance(darkroom.plate(Wish("b", WISH.screen, 40, 12)), Unseen)


def test_it_is_told_no_secret_by_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "canary")
    monkeypatch.setenv("LC_ALL", "C")
    with contextlib.closing(Darkroom(ImagesSection().model_dump())) as darkroom:
        darkroom.take("a", portrait())
        assert darkroom.known("a") is True, "it runs by now"
        told = Path(f"/proc/{darkroom._process.pid}/environ").read_text().split("\0")
    assert "LC_ALL=C" in told
    assert not [each for each in told if "canary" in each]


def test_it_begins_no_thread_that_it_has_no_use_for(darkroom: Darkroom) -> None:
    darkroom.take("a", portrait())
    assert darkroom.known("a") is True, "it runs by now"

    assert len([*Path(f"/proc/{darkroom._process.pid}/task").iterdir()]) == 1


def test_a_process_that_was_begun_ahead_is_the_one_that_is_lent_and_ends_with_that() -> None:
    drawing.begin_ahead()
    (begun,) = drawing._ahead

    with drawing.lent() as process:
        assert process is begun
        with drawing.lent() as another:
            assert another is not begun
    assert process.poll() is not None


def test_a_copy_of_who_began_it_does_not_keep_it_alive() -> None:
    drawing.begin_ahead()
    (begun,) = drawing._ahead
    left, right = os.pipe()
    copy = os.fork()
    if not copy:
        drawing.forget()
        os.read(left, 1)
        os._exit(0)
    try:
        drawing.forget()
        assert begun.wait(60) == 0, "what it reads from has ended"
    finally:
        os.write(right, b"x")
        os.waitpid(copy, 0)
        os.close(left)
        os.close(right)


def test_one_that_crashes_over_a_photo_is_followed_by_a_fresh_one(darkroom: Darkroom) -> None:
    darkroom.take("a", portrait())
    os.kill(darkroom._process.pid, signal.SIGSEGV)
    darkroom._process.wait()

    assert darkroom.plate(WISH) is BROKEN
    assert darkroom.plate(WISH) is None
    darkroom.take("a", portrait())
    assert isinstance(darkroom.plate(WISH), Plate)


def test_one_that_hangs_is_given_up(darkroom: Darkroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lomi_ops.tui.review.darkroom.PATIENCE_S", 0.0)
    os.kill(darkroom._process.pid, signal.SIGSTOP)

    assert darkroom.plate(WISH) is BROKEN


def test_it_ends_when_nobody_asks_any_more(darkroom: Darkroom) -> None:
    assert darkroom.known("a") is None
    assert darkroom._process.stdin is not None
    darkroom._process.stdin.close()
    assert darkroom._process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    "answer",
    [
        None, True, Unseen("gone", "why"), Fingerprint(bytes(32)),
        Plate(Images.BLOCKS, 3, (((3, b"123456"),),)), Plate(Images.SIXEL, 3, rows=2, sequence="\x1bP0"),
    ],
)  # fmt: skip
def test_what_is_packed_is_unpacked(answer: Answer) -> None:
    assert unpacked(packed(answer)) == answer


@pytest.mark.parametrize(
    "document", [{}, {"said": "import os"}, {"plate": [1]}, {"plate": ["blocks", 1, [[[1, "00"]]], 0, "", 0]}]
)
def test_what_a_developer_never_says_is_no_answer(document: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        unpacked(document)
