"""A photo's place on the screen."""

from __future__ import annotations

import asyncio

import pytest
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.strip import Strip

from lomi_ops.tui.review.picture import Drawn
from lomi_ops.tui.review.widgets import Picture

RED = Style(color=Color.from_rgb(200, 0, 0), bgcolor=Color.from_rgb(0, 0, 90))
WHOLE = Region(0, 0, 10, 6)
PHOTO = Drawn((Strip([Segment("▀▀▀▀", RED)], 4), Strip([Segment("▄▄▄▄", RED)], 4)), 4)


class Wall(App[None]):
    def compose(self) -> ComposeResult:
        yield Picture("photo")


def hung(*crops: Region, drawn: Drawn | None = None, words: str = "") -> list[list[Strip]]:
    """The lines of parts of a place of 10 columns and 6 rows."""

    async def looked() -> list[list[Strip]]:
        app = Wall()
        async with app.run_test(size=(10, 6)) as pilot:
            picture = app.query_one("#photo", Picture)
            picture.show(drawn) if drawn else picture.say(words)
            await pilot.pause()
            return [picture.render_lines(crop) for crop in crops]

    return asyncio.run(looked())


def test_a_photo_hangs_in_the_middle_and_every_line_is_as_wide_as_its_place() -> None:
    (lines,) = hung(WHOLE, drawn=PHOTO)

    assert [line.text for line in lines] == [" " * 10, " " * 10, "   ▀▀▀▀   ", "   ▄▄▄▄   ", " " * 10, " " * 10]
    assert {line.cell_length for line in lines} == {10}


def test_a_part_of_it_is_that_part_of_the_whole() -> None:
    (part,) = hung(Region(2, 2, 4, 2), drawn=PHOTO)

    assert [line.text for line in part] == [" ▀▀▀", " ▄▄▄"]


def test_words_take_the_place_of_a_photo() -> None:
    (lines,) = hung(WHOLE, words="nothing more to see")

    assert [line.text.strip() for line in lines] == ["", "nothing", "more to", "see", "", ""]


def test_without_colours_a_photo_is_grey(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    (lines,) = hung(WHOLE, drawn=PHOTO)

    (photo,) = [segment for segment in lines[2] if segment.text.startswith("▀")]
    assert photo.style is not None
    assert photo.style.color is not None
    assert photo.style.color.triplet is not None
    assert len(set(photo.style.color.triplet)) == 1
