"""Filters that have names: what they mean, what is refused, and where they lie."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lomi_ops.config.saved_filters import FILE, saved_filters
from lomi_ops.config.sections.operating import FilterSection, ReviewSection
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.saved_filter import SavedFilter, check, required
from lomi_ops.errors import ConfigError, NotFound, Refused, Unwritable, UsageError
from lomi_ops.ops.reviews import keeping

SHARP = SavedFilter("sharp", "pile:rejected reason:blurry blur>40")


def test_a_filter_is_worked_through_on_the_pile_that_its_terms_name() -> None:
    assert SHARP.pile is Pile.REJECTED
    assert SavedFilter("x", "pile:minors").pile is Pile.MINORS
    assert {SavedFilter("x", text).pile for text in ("porn>0.4", "not pile:failed", "pile:failed,rejected")} == {
        Pile.ALL
    }


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("Sharp ones", "porn>0.4", "is no name"),
        ("rejected", "porn>0.4", "is a pile already"),
        ("sharp", " ", "says nothing"),
        ("sharp", "reazon:blurry", "no field 'reazon'"),
        ("sharp", "porn>much", "'much' in 'porn>much' is no number"),
    ],
)
def test_what_cannot_be_kept_is_told_by_the_word_that_is_wrong(name: str, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check(name, text)


def test_a_name_stands_for_its_filter_and_a_word_that_is_none_is_not_looked_for() -> None:
    assert required([SHARP], "sharp") is SHARP
    assert required([SHARP], "reason:nsfw porn>0.4").text == "reason:nsfw porn>0.4"
    with pytest.raises(UsageError) as raised:
        required([SHARP], "shrap")
    assert (raised.value.message, raised.value.hint) == (
        "there is no filter 'shrap'", "did you mean sharp? there are: sharp"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "words"),
    [("sharp ones", "no filter 'sharp ones'"), ("-sharp", "no filter '-sharp'"), (" ", "an empty filter admits")],
)
def test_words_that_are_no_terms_and_none_at_all_never_stand_for_a_filter(typed: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        required([SHARP], typed)


def test_what_a_person_keeps_lies_beside_the_configuration_and_never_hides_it(tmp_path: Path) -> None:
    section = ReviewSection(filters={"sharp": FilterSection(terms=SHARP.text)})
    folder = tmp_path / "state"

    known = keeping.keep(folder, saved_filters(section, folder), "mine", "user:ab* “x”")
    known = keeping.keep(folder, known, "mine", "age<2d")

    assert known == saved_filters(section, folder) == (SHARP, SavedFilter("mine", "age<2d", own=True))
    assert (folder / FILE).stat().st_mode & 0o077 == 0
    with pytest.raises(Refused, match="the configuration has a filter sharp"):
        keeping.keep(folder, known, "sharp", "age<2d")
    with pytest.raises(Refused, match="stands in the configuration"):
        keeping.forget(folder, known, "sharp")
    with pytest.raises(NotFound):
        keeping.forget(folder, known, "other")
    keeping.forget(folder, known, "mine")
    assert saved_filters(section, folder) == (SHARP,)


def test_a_file_that_somebody_broke_is_told_by_its_name_and_place(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("sharp: reazon:blurry\nBad name: porn>0.4\nother: 3\n")
    with pytest.raises(ConfigError) as raised:
        saved_filters(ReviewSection(), tmp_path)
    said = "\n".join(map(str, raised.value.problems))
    assert str(tmp_path / FILE) in said
    assert "no field 'reazon'" in said
    assert "is no name" in said


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (b"\xff\xfex", "UTF-16"),
        (b"sharp: \xc3", "not UTF-8"),
        (b"x" * (1024 * 1024 + 1), "larger than"),
        (b"[" * 5000, "no YAML"),
        (b"sharp: [a]", "must be text"),
        (b"- sharp", "no names"),
    ],
    ids=["utf-16", "no utf-8", "too large", "too deep", "a list", "no names"],
)
def test_whatever_stands_in_the_file_is_a_mistake_of_the_file_and_no_crash(
    tmp_path: Path, written: bytes, words: str
) -> None:
    (tmp_path / FILE).write_bytes(written)
    with pytest.raises(ConfigError) as raised:
        saved_filters(ReviewSection(), tmp_path)
    assert words in "\n".join(map(str, raised.value.problems))


def test_what_looks_like_a_day_or_a_truth_is_text_as_it_was_typed(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("on: 2024-13-45\n")
    assert saved_filters(ReviewSection(), tmp_path) == (SavedFilter("on", "2024-13-45", own=True),)


def test_a_filter_that_cannot_be_used_any_more_is_forgotten_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("old: reazon:blurry\non: porn>0.4\n")
    with pytest.raises(ConfigError) as raised:
        saved_filters(ReviewSection(), tmp_path)
    assert "lomi review filters forget" in raised.value.hint

    keeping.keep(tmp_path, (), "mine", "age<2d")
    keeping.forget(tmp_path, (), "old")

    assert [each.name for each in saved_filters(ReviewSection(), tmp_path)] == ["mine", "on"]


def test_of_many_that_keep_a_filter_at_once_none_is_lost(tmp_path: Path) -> None:
    names = [f"mine-{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as many:
        list(many.map(lambda name: keeping.keep(tmp_path, (), name, "age<2d"), names))

    assert {each.name for each in saved_filters(ReviewSection(), tmp_path)} == set(names)


def test_without_a_home_folder_or_a_right_to_write_it_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    with pytest.raises(Unwritable, match="no home folder"):
        keeping.keep(None, (), "mine", "age<2d")
    (tmp_path / "file").write_text("")
    with pytest.raises(Unwritable, match="cannot be written"):
        keeping.keep(tmp_path / "file", (), "mine", "age<2d")
