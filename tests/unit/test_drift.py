"""Comparing two catalogues: pure, in words."""

from __future__ import annotations

import pytest

from lomi_ops.domain.catalogue import Column, Kind, Thing, same
from lomi_ops.domain.drift import Difference, Mender, Problem, compare

TABLE = Thing(Kind.TABLE, "", "jobs", "table")
COLUMN = Thing(Kind.COLUMN, "jobs", "host", "text DEFAULT 'a'::text NOT NULL")
INDEX = Thing(Kind.INDEX, "jobs", "jobs_host", "UNIQUE btree (host)")


def told(expected: list[Thing], found: list[Thing]) -> list[str]:
    return [difference.line for difference in compare(expected, found, schema="lomi")]


def test_the_same_catalogue_differs_in_nothing_whatever_its_order() -> None:
    assert told([TABLE, COLUMN, INDEX], [INDEX, TABLE, COLUMN]) == []


def test_of_a_whole_table_nothing_else_is_told() -> None:
    assert told([TABLE, COLUMN, INDEX], []) == ["lomi.jobs: missing, should be table"]
    assert told([], [TABLE, COLUMN, INDEX]) == ["lomi.jobs: a table that no migration made, should be absent"]


def test_a_thing_that_is_invalid_is_not_also_wrong() -> None:
    broken = Thing(Kind.INDEX, "jobs", "jobs_host", "btree (other)", valid=False)
    assert [each.problem for each in compare([TABLE, INDEX], [TABLE, broken])] == [Problem.INVALID]


@pytest.mark.parametrize(
    ("definition", "column"),
    [
        ("text", Column("text", "", "", False)),
        ("varchar(20) DEFAULT 'a b'::text", Column("varchar(20)", "", "'a b'::text", False)),
        ("timestamp with time zone DEFAULT now() NOT NULL", Column("timestamp with time zone", "", "now()", True)),
        ("bigint GENERATED ALWAYS AS IDENTITY NOT NULL", Column("bigint", "GENERATED ALWAYS AS IDENTITY", "", True)),
        ("int GENERATED ALWAYS AS (a + 1)", Column("int", "GENERATED ALWAYS AS (a + 1)", "", False)),
    ],
)  # fmt: skip
def test_a_columns_definition_is_taken_apart(definition: str, column: Column) -> None:
    assert Column.parse(definition) == column


@pytest.mark.parametrize(
    ("ours", "theirs", "alike"),
    [
        ("integer DEFAULT 0", "integer DEFAULT '0'::integer", True),
        ("integer DEFAULT 0", "integer DEFAULT 1", False),
        ("integer DEFAULT 0", "bigint DEFAULT 0", False),
        ("integer DEFAULT 0", "integer DEFAULT 0 NOT NULL", False),
        ("text DEFAULT 'a'::character varying", "text DEFAULT ('a'::text)::character varying(20)", True),
        ("text DEFAULT 'a'::text", "text DEFAULT lower('a'::text)", False),
        ("text DEFAULT 'a'::text", "text DEFAULT a()", False),
        ("uuid", "uuid DEFAULT gen_random_uuid()", False),
    ],
)
def test_defaults_are_compared_by_what_they_mean(ours: str, theirs: str, alike: bool) -> None:
    assert same(Thing(Kind.COLUMN, "t", "c", ours), Thing(Kind.COLUMN, "t", "c", theirs)) is alike


def test_what_apply_makes_needs_no_sql_for_people() -> None:
    (found,) = compare([Thing(Kind.INDEX, "media", "i", "btree (a)")], [], mended_by_apply=True)
    assert found == Difference(Problem.MISSING, "media.i", "missing", "an index on media: btree (a)", Mender.APPLY)


def test_the_sql_for_a_unique_index_says_so() -> None:
    (found,) = compare([TABLE, INDEX], [TABLE], schema="lomi")
    assert found.fix == "CREATE UNIQUE INDEX CONCURRENTLY jobs_host ON lomi.jobs USING btree (host);"
