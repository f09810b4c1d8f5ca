"""What is written in a file is what its reader sees, whatever it is made of."""

from __future__ import annotations

import shlex

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain import quoting

PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.sampled_from(" "), max_size=40)


@given(PRINTABLE)
def test_yaml_reads_back_the_same_text(value: str) -> None:
    assert yaml.safe_load(f"key: {quoting.yaml(value)}") == {"key": value}


@pytest.mark.parametrize("value", ["no", "012", "1:20", "null", "- a", "a: b", "#", "'", '"', "{{ x }}", "${HOME}", ""])
def test_words_that_yaml_takes_for_something_else_stay_words(value: str) -> None:
    assert yaml.safe_load(quoting.yaml(value)) == value


@given(PRINTABLE)
def test_a_shell_reads_back_the_same_word(value: str) -> None:
    assert shlex.split(quoting.shell(value)) == [value]


@given(PRINTABLE)
def test_compose_finds_no_variable_in_what_is_quoted_for_it(value: str) -> None:
    read = yaml.safe_load(quoting.compose(value))

    assert read.replace("$$", "") == value.replace("$", "")
    assert read.replace("$$", "$") == value


def test_cron_and_systemd_get_their_percent_signs_doubled_in_their_own_ways() -> None:
    assert quoting.cron("date +%F") == r"date +\%F"
    assert quoting.specifier("a%b") == "a%%b"
    assert quoting.argument("a%b") == "a%%b"


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("yesterday", "yesterday"),
        ("a b", '"a b"'),
        ('say "x"', '"say \\"x\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("$HOME", "$$HOME"),
        ("a;b", '"a;b"'),
        ("", '""'),
    ],
)
def test_a_word_of_a_unit_is_one_word(word: str, written: str) -> None:
    assert quoting.argument(word) == written


@pytest.mark.parametrize("sign", ["\n", "\r", "\0", "\x1b", "\u2028", "\x85"])
def test_no_sign_that_could_begin_a_line_gets_through(sign: str) -> None:
    writers = (quoting.yaml, quoting.compose, quoting.shell, quoting.cron, quoting.specifier, quoting.argument)
    for write in writers:
        with pytest.raises(ValueError, match="cannot be printed"):
            write(f"a{sign}b")


def test_a_default_of_a_variable_cannot_leave_its_braces() -> None:
    assert quoting.variable("DB_HOST", "postgres") == "${DB_HOST:-postgres}"
    for sign in "${}\"' \n\\":
        with pytest.raises(ValueError, match="cannot be the default"):
            quoting.variable("DB_HOST", f"a{sign}b")


@pytest.mark.parametrize("path", ["lomi", "/usr/bin/my lomi", "/bin/lomi;rm", "/bin/$X", "", "-/bin/lomi", "/bin/%n"])
def test_a_program_that_systemd_would_read_differently_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="no path of a program"):
        quoting.executable(path)


def test_a_program_is_named_as_it_is() -> None:
    assert quoting.executable("/opt/lomi-1.2/bin/lomi") == "/opt/lomi-1.2/bin/lomi"
