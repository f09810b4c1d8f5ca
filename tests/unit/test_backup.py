from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from lomi_ops.domain.backup import (
    Area,
    Compared,
    DatabasePart,
    Manifest,
    Part,
    QueuePart,
    Table,
    Verdict,
    Verification,
    backup_name,
    compare_tables,
    is_name,
    manifest_text,
    parse_manifest,
    s3_place,
    time_of,
    too_many,
    verified_at,
    verified_text,
)
from lomi_ops.errors import ExitCode, MissingExtra
from lomi_ops.ops.backup import programs
from lomi_ops.ops.backup.programs import fitting
from lomi_ops.ops.local.binaries import Program, Source

AT = datetime(2026, 11, 26, 3, 15, 7, tzinfo=UTC)
MANIFEST = Manifest(
    name="20261126-031507-0420",
    started_at=AT,
    finished_at=AT + timedelta(seconds=3),
    lomi="0.1.0",
    host="box",
    actor="ada",
    database=DatabasePart(
        "15.18", "pg_dump 15.18", "lomi", (Table("public.media", 4, "12"),), ("uuid-ossp",), ("app",)
    ),
    queue=QueuePart("redis 7.0.15", "photo_moderation_queue", 9, {"ready": 3}),
    parts=(Part("postgres.dump", 100, "aa"), Part("queue.jsonl.gz", 20, "bb")),
)


def test_names_sort_by_time_and_are_told_from_others() -> None:
    east = timezone(timedelta(hours=3))

    assert backup_name(AT.astimezone(east)) == "20261126-031507-0000"
    assert backup_name(AT) < backup_name(AT + timedelta(milliseconds=1)) < backup_name(AT + timedelta(seconds=1))
    assert is_name(backup_name(AT))
    for other in (
        "20261126",
        "20261126-031507-9c4f",
        ".partial-20261126-031507-0420",
        "../etc",
        "٢0261126-031507-0420",
    ):
        assert not is_name(other)


def test_the_latest_are_kept() -> None:
    names = ["c", "a", "d", "b"]

    assert too_many(names, 2) == ("a", "b")
    assert too_many(names, 4) == too_many(names, 9) == too_many([], 1) == ()


def test_a_manifest_comes_back_as_it_was() -> None:
    assert parse_manifest(manifest_text(MANIFEST)) == MANIFEST
    assert json.loads(manifest_text(MANIFEST))["schema"] == "lomi.backup/v1"
    assert MANIFEST.bytes == 120
    assert MANIFEST.database.major == 15


@pytest.mark.parametrize("key", ["name", "started_at", "database", "queue", "parts"])
def test_a_manifest_that_lacks_something_is_none(key: str) -> None:
    body = json.loads(manifest_text(MANIFEST))
    del body[key]

    with pytest.raises(ValueError, match="KeyError in the manifest"):
        parse_manifest(json.dumps(body))


@pytest.mark.parametrize("text", ["", "[]", "null", '{"schema": "lomi.backup/v2"}', "{" * 100_000])
def test_what_is_no_manifest_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"not JSON|not lomi\.backup/v1"):
        parse_manifest(text)


def test_the_note_of_a_trial_comes_back() -> None:
    assert verified_at(verified_text(AT, "box", "0.1.0")) == AT
    with pytest.raises(ValueError):
        verified_at(manifest_text(MANIFEST))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s3://lomi-backups", ("lomi-backups", "")),
        ("s3://lomi-backups/a/b/", ("lomi-backups", "a/b")),
        ("s3://lomi-backups//a", None),
        ("s3://lomi-backups/a/../b", None),
        ("s3://x", None),
        ("s3:///a", None),
        ("https://lomi-backups/a", None),
        ("/var/backups", None),
    ],
)
def test_a_place_in_a_bucket_is_told_from_others(text: str, place: tuple[str, str] | None) -> None:
    assert s3_place(text) == place


@pytest.mark.parametrize(
    "text",
    ["2026-11-26T03:15:07Z", "2026-11-26T06:15:07+03:00", "2026-11-26 03:15:07", "1795662907", " 1795662907.0\n"],
)
def test_a_moment_may_be_said_in_several_ways(text: str) -> None:
    assert time_of(text) == AT


@pytest.mark.parametrize("text", ["", "yesterday", "17956629070000", "-1", "26.11.2026"])
def test_what_is_no_moment_is_told_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="neither an ISO time nor seconds since 1970"):
        time_of(text)


def test_tables_are_compared_by_rows_and_content() -> None:
    same, fewer, other, gone = (Table(name, 4, "12") for name in "abcd")
    found = [same, replace(fewer, rows=3), replace(other, checksum="13"), Table("e", 1, "1")]

    compared = compare_tables([same, fewer, other, gone], found)

    assert [(each.part, each.verdict.value, each.detail) for each in compared] == [
        ("a", "same", "4 rows"),
        ("b", "differs", "3 rows, 4 expected"),
        ("c", "differs", "4 rows, with other content"),
        ("d", "differs", "4 rows expected, and there is no such table"),
        ("e", "differs", "not in the manifest"),
    ]


def test_differs_beats_unknown_beats_same() -> None:
    def verification(*verdicts: Verdict) -> Verification:
        return Verification("x", AT, tuple(Compared(Area.QUEUE, "p", verdict, "") for verdict in verdicts))

    assert verification(Verdict.SAME, Verdict.SAME).exit_code is ExitCode.OK
    assert verification(Verdict.SAME, Verdict.UNKNOWN).exit_code is ExitCode.UNKNOWN
    assert verification(Verdict.UNKNOWN, Verdict.DIFFERS, Verdict.SAME).exit_code is ExitCode.BAD


def _programs(*majors: int) -> list[Program]:
    return [
        Program(Path(f"/usr/lib/postgresql/{major}/bin/pg_dump"), (major, 2), Source.SYSTEM, Path("/"))
        for major in majors
    ]


def test_the_oldest_program_that_is_not_older_than_the_server_is_taken() -> None:
    assert fitting(_programs(18, 16, 15, 13), "pg_dump", "15.18").major == 15
    assert fitting(_programs(18, 16, 13), "pg_dump", "15.18").major == 16
    with pytest.raises(MissingExtra, match=r"pg_dump 19 or later, for Postgres 19\.1; the newest here is 18\.2"):
        fitting(_programs(13, 18), "pg_dump", "19.1")


@pytest.mark.parametrize(
    ("server", "dumped_by", "chosen"),
    [("15.1", "15.18", 15), ("15.1", "16.2", 16), ("16.1", "15.3", 16), ("17.0", "15.3", 18), ("18.1", "18.4", 18)],
)
def test_pg_restore_fits_the_server_and_the_file(
    server: str, dumped_by: str, chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "client_programs", lambda name, source: tuple(_programs(13, 15, 16, 18)))

    assert programs.pg_restore(server, dumped_by, Source.AUTO).major == chosen


def test_an_older_server_is_not_given_to_a_program_that_sets_what_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """pg_restore 17 and later begin with SET transaction_timeout."""
    monkeypatch.setattr(programs, "client_programs", lambda name, source: tuple(_programs(18)))

    with pytest.raises(MissingExtra, match="no pg_restore found that fits Postgres 15"):
        programs.pg_restore("15.1", "15.18", Source.AUTO)
    with pytest.raises(MissingExtra) as refused:
        programs.pg_restore("15.1", "18.4", Source.AUTO)
    assert refused.value.hint == "restore into Postgres 17 or later"
