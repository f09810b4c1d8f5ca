"""Which photos nobody can have seen, and which are asked for again."""

from __future__ import annotations

from typing import Any, cast

import pytest

from lomi_ops.tui.review.gallery import Gallery
from lomi_ops.tui.review.plate import BROKEN, WHOLE, Plate, Unseen, Wish
from lomi_ops.tui.review.terminal import Images, Screen
from lomi_ops.tui.review.widgets import Picture
from tests.unit.tui.exhibits import exhibit

WEATHER = Unseen("the object store does not answer", "", passing=True)


class Place:
    """Where a picture hangs."""

    size = (2, 1)

    def __init__(self) -> None:
        self.seen: list[str] = []

    def say(self, *words: str) -> None:
        self.seen.append(words[0])

    def show(self, drawn: object) -> None:
        self.seen.append("the photo")


class Photos:
    """One answer after the other."""

    def __init__(self, *answers: Plate | Unseen) -> None:
        self.answers = list(answers)

    def plate(self, wish: Wish) -> Plate | Unseen:
        return self.answers.pop(0)


def gallery(*answers: Plate | Unseen) -> tuple[Gallery, list[str]]:
    """On paper: what is asked for is answered at once."""
    painted: list[str] = []
    found = Gallery(
        cast("Any", Photos(*answers)), Screen(Images.BLOCKS, (10, 20)), lambda task, then: then(task()),
        lambda: painted.append("again"),
    )  # fmt: skip
    return found, painted


@pytest.mark.parametrize(
    ("status", "reason", "why"),
    [
        ("failed", "truncated", "it could not be judged"),
        ("rejected", "underage", "it is a suspected minor"),
        ("pending", "needs_review", "nothing was measured of it"),
    ],
)
def test_what_only_a_look_can_speak_for_is_unseen_until_it_is_drawn(status: str, reason: str, why: str) -> None:
    found, _ = gallery(Plate(Images.BLOCKS, 2, (((2, b"abcdef"),),)))
    photo = exhibit(status=status, reason=reason)
    assert found.unseen(photo).startswith(why)

    found.hang(cast("Picture", Place()), photo, revealed=False, boxes=False, frame=WHOLE)

    assert found.unseen(photo) == ""


def test_a_photo_that_could_not_be_had_is_asked_for_again_and_a_broken_one_is_not() -> None:
    found, painted = gallery(WEATHER, BROKEN)
    photo, place = exhibit(status="failed"), Place()
    for _ in range(2):
        found.hang(cast("Picture", place), photo, revealed=False, boxes=False, frame=WHOLE)
    assert place.seen == ["…", WEATHER.title], "not with every paint"
    painted.clear()

    found.ask_again()
    assert painted == ["again"]
    for _ in range(2):
        found.hang(cast("Picture", place), photo, revealed=False, boxes=False, frame=WHOLE)
    painted.clear()
    found.ask_again()

    assert place.seen[2:] == ["…", BROKEN.title]
    assert painted == []
