"""The loader of named SQL blocks."""

from __future__ import annotations

import pytest

from lomi_ops.db.queries import blocks, parse, sql
from lomi_ops.errors import LomiError

FILE = """-- Blocks for the tests.

-- name: grown_ups
-- People who have
-- reached an age.
-- in age: int, years
-- in share: text
-- out name, age
SELECT name, age FROM people WHERE age >= %(age)s AND note LIKE '5%%' AND share = %(share)s OR %(age)s IS NULL;

-- name: forget
-- Forgets everybody.
-- out nothing
DELETE FROM people
"""


def test_a_file_yields_its_blocks_with_sentence_parameters_and_columns() -> None:
    grown_ups, forget = parse(FILE)
    assert grown_ups.name == "grown_ups"
    assert grown_ups.purpose == "People who have reached an age."
    assert grown_ups.inputs == {"age": "int, years", "share": "text"}
    assert grown_ups.columns == ("name", "age")
    assert grown_ups.placeholders == {"age", "share"}
    assert forget.columns == ()
    assert forget.text == "DELETE FROM people"


def test_the_numbered_form_is_what_a_server_prepares() -> None:
    grown_ups, _ = parse(FILE)
    assert grown_ups.numbered == (
        "SELECT name, age FROM people WHERE age >= $1 AND note LIKE '5%' AND share = $2 OR $1 IS NULL"
    )


@pytest.mark.parametrize(
    "text",
    [
        "-- name: no_sentence\n-- out nothing\nSELECT 1",
        "-- name: no_columns\n-- Says one.\nSELECT 1",
        "-- name: no_statement\n-- Says nothing.\n-- out nothing\n",
    ],
)
def test_an_incomplete_block_is_refused(text: str) -> None:
    with pytest.raises(LomiError, match="lacks"):
        list(parse(text))


PARTS = """-- part: grown
-- People of an age.
age >= %(age)s
AND NOT dead

-- name: adults
-- Adults.
-- in age: int, years
-- out name
SELECT name FROM people
WHERE
    -- include: grown
"""


def test_a_part_stands_where_a_line_includes_it() -> None:
    (adults,) = parse(PARTS)
    assert adults.text == "SELECT name FROM people\nWHERE\n    age >= %(age)s\n    AND NOT dead"
    assert adults.placeholders == {"age"}


def test_a_part_may_include_one_that_stands_above_it() -> None:
    alive = "-- part: alive\n-- People of now.\nNOT dead\n\n"
    (adults,) = parse(alive + PARTS.replace("AND NOT dead", "AND (\n    -- include: alive\n)"))
    assert adults.text.endswith("WHERE\n    age >= %(age)s\n    AND (\n        NOT dead\n    )")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("-- include: grown", "-- include: small", "do not stand above: small"),
        ("    -- include: grown", "    true", "not included: grown"),
        ("AND NOT dead", "-- include: grown", "do not stand above: grown"),
        ("-- People of an age.\n", "", "part grown lacks"),
        ("age >= %(age)s\nAND NOT dead\n", "", "part grown lacks"),
    ],
)
def test_a_part_that_is_not_whole_or_not_wanted_is_refused(before: str, after: str, said: str) -> None:
    assert before in PARTS
    with pytest.raises(LomiError, match=said):
        list(parse(PARTS.replace(before, after)))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(LomiError, match="no SQL block named nonsense"):
        sql("nonsense")


def test_every_shipped_block_is_found_by_its_name() -> None:
    assert all(sql(name) == block.text for name, block in blocks().items())
