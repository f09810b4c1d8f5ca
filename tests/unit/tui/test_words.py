"""What the screen says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from textual.content import Content

from lomi_ops.domain.pile import COUNTED, Pile
from lomi_ops.domain.review_measure import Measure
from lomi_ops.tui.review import keys, words

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ሰላም 😀 \u200d", "ሰላም 😀 \u200d"),
        ("a\x1b[31mb\x00\x07", r"a\x1b[31mb\x00\x07"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("turned \u202egnp.exe\u2066", r"turned \u202egnp.exe\u2066"),
        ("half \ud800 a sign\x9b", r"half \ud800 a sign\x9b"),
        ("[bold]x[/]", "[bold]x[/]"),
    ],
)
def test_text_of_people_is_shown_and_steers_nothing(text: str, shown: str) -> None:
    assert words.plain(text) == shown


def test_long_text_is_cut_where_it_says_so() -> None:
    assert words.plain("x" * 1000, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("measure", "drawn"),
    [
        (Measure("porn", 0.5, 0.3, 0.6), "###|#-|---"),
        (Measure("porn", 0.0), "----------"),
        (Measure("porn", 7.0, 0.9, 1.0), "#########|"),
        (Measure("sharpness", 20.0, 50.0, 25.0, worse_below=True, scale=100.0), "##|--|----"),
        (Measure("porn", None, 0.3, 0.6), "---|--|---"),
    ],
)
def test_a_bar_has_a_mark_at_each_threshold(measure: Measure, drawn: str) -> None:
    assert words.bar(measure, 10, ascii_only=True).plain == drawn


def test_a_value_says_in_signs_what_its_colour_says() -> None:
    rejected = words.measure_line(Measure("porn", 0.7, 0.3, 0.6), 60).plain
    asked = words.measure_line(Measure("porn", 0.4, 0.3, 0.6), 60).plain
    silent = words.measure_line(Measure("porn", None, 0.3, 0.6), 60).plain

    assert "0.70 !" in rejected
    assert "? ≥0.30  ! ≥0.60" in rejected
    assert "0.40 ?" in asked
    assert "no answer" in silent


@pytest.mark.parametrize("width", [12, 18, 30, 45, 80])
def test_a_line_of_a_measure_keeps_its_value_at_any_width(width: int) -> None:
    assert "0.70 !" in words.measure_line(Measure("porn", 0.7, 0.3, 0.6), width).plain


@pytest.mark.parametrize("width", [36, 60, 78, 118])
@pytest.mark.parametrize("grid", [True, False])
def test_keys_are_folded_between_them_and_each_fits(width: int, grid: bool) -> None:
    lines = words.keys(keys.shown(grid=grid, room=width), width).plain.splitlines()

    assert all(len(line.rstrip()) <= width for line in lines)
    assert any(" ?  help" in line for line in lines)


def test_a_countdown_ends_at_nothing() -> None:
    assert words.left(NOW + timedelta(seconds=103.9), NOW) == "1:43"
    assert words.left(NOW - timedelta(seconds=5), NOW) == "0:00"


def test_a_pile_that_was_not_counted_to_its_end_says_so() -> None:
    counts = {Pile.REJECTED: COUNTED, Pile.WAITING: 9_000, Pile.FAILED: 999}

    def shown(pile: Pile) -> str:
        return words.heading(pile, counts, "Hana", None, NOW, 118).plain

    assert shown(Pile.REJECTED).startswith(" rejected 10,000+  waiting 9,000  failed 999  minors …")
    assert shown(Pile.ALL).startswith(" all 10,000+ ")


def test_no_key_does_two_things() -> None:
    assert len({key.key for key in keys.KEYS}) == len(keys.KEYS)
    assert isinstance(words.keys([], 10), Content)
