"""Reports that ask over two connections: of one moment, the same as over one, and over one where there is no other."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta
from uuid import UUID

import pytest
from psycopg.conninfo import make_conninfo

from lomi_ops.config.load import LoadOptions, load
from lomi_ops.db import reporting
from lomi_ops.db.crew import Crew
from lomi_ops.db.pool import Database
from lomi_ops.db.reporting import Source, Standing
from lomi_ops.db.session import Session
from lomi_ops.domain.window import Window
from lomi_ops.ops.reports import catalogue
from tests.integration.reports.rows import DAY, Photo, Plain, filled, write

WHOLE = Window(DAY, DAY + timedelta(days=1))


def test_both_connections_see_one_moment(db: Database, plain: Plain) -> None:
    filled(plain, 10)
    both = threading.Barrier(2)

    def asked(session: Source) -> tuple[int, list[Standing]]:
        both.wait(30)
        return id(session), reporting.standing(session, WHOLE)

    with reporting.reading(db) as session:
        before = reporting.standing(session, WHOLE)
        plain.execute("UPDATE media SET moderation_status = 'failed', moderation_reason = 'truncated'")
        answers = [reporting.soon(session, asked) for _ in range(2)]
        (first, seen), (second, seen_beside) = (answer() for answer in answers)
    assert first != second
    assert seen == seen_beside == before
    assert reporting.standing(db, WHOLE) != before


@pytest.mark.parametrize("many", [100_000, 10])
def test_a_report_is_the_same_over_one_connection_and_over_two(
    db: Database, plain: Plain, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that is of a sample."""
    monkeypatch.setattr("lomi_ops.ops.reports.asked.MANY", many)
    monkeypatch.setattr("lomi_ops.ops.reports.summary.MANY", many)
    filled(plain, 60)
    policy = load(LoadOptions()).settings.active_policy()
    for days in (1, 3):
        window = Window(DAY - timedelta(days=days - 1, minutes=7), DAY + timedelta(days=1))
        wanted = catalogue.asked(db, window, UTC, "UTC", policy)
        for kind in catalogue.KINDS:
            with reporting.reading(db) as session:
                assert isinstance(session, Crew)
                together = catalogue.made(kind, session, wanted)
            with reporting.reading(db, others=0) as session:
                assert not isinstance(session, Crew)
                assert catalogue.made(kind, session, wanted) == together, kind


@contextmanager
def as_reader(plain: Plain, url: str, options: str = "") -> Iterator[Database]:
    """Somebody else, who may read everything."""
    plain.execute("DROP ROLE IF EXISTS reader")
    plain.execute(f"CREATE ROLE reader LOGIN PASSWORD 'x' {options} IN ROLE pg_read_all_data")
    with Database(make_conninfo(url, user="reader", password="x")) as reader:
        yield reader
    plain.execute("DROP ROLE reader")


def test_who_may_have_one_connection_only_asks_over_that(db: Database, plain: Plain, prepared_url: str) -> None:
    filled(plain, 10)
    with as_reader(plain, prepared_url, "CONNECTION LIMIT 1") as lone, reporting.reading(lone) as session:
        assert not isinstance(session, Crew)
        alone = reporting.soon(session, reporting.standing, WHOLE)()
    assert alone == reporting.standing(db, WHOLE)


def test_who_gives_up_waits_for_no_answer(db: Database) -> None:
    def slow(session: Source) -> None:
        assert isinstance(session, Session)
        session._connection.execute("SELECT pg_sleep(300)")

    def interrupted() -> None:
        with reporting.reading(db) as session:
            for _ in range(3):
                reporting.soon(session, slow)
            time.sleep(0.3)
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - began < 120
    assert db.value("server_version"), "the handle goes on"


@pytest.mark.parametrize("seconds", [-1800, -1, 0, 1, 1800])
def test_a_batch_that_comes_across_the_middle_counts_once(db: Database, plain: Plain, seconds: int) -> None:
    photos = filled(plain, 20)
    user, noon = photos[0].user, DAY + timedelta(hours=12)
    for number in range(9):
        at = noon + timedelta(seconds=seconds + 300 * number - 1200)
        photos.append(Photo(UUID(int=number + 1), user, UUID(int=77), at, "approved", None, 0.1))
        write(plain, photos[-1], logged=False)
    mine = Counter(photo.batch for photo in photos if photo.at in WHOLE)
    found: Counter[int] = Counter()
    minutes: Counter[str] = Counter()
    for half in WHOLE.halves:
        found.update(dict(reporting.batch_sizes(db, half, WHOLE)))
        for logged in (False, True):
            minutes[str(logged)] += sum(reporting.minutes(db, half, WHOLE, logged=logged).came)

    assert found == Counter(mine.values())
    assert minutes == {"False": len(mine), "True": len(mine)}


def test_who_may_not_name_a_moment_asks_over_one_connection(db: Database, plain: Plain, prepared_url: str) -> None:
    filled(plain, 10)
    plain.execute("REVOKE EXECUTE ON FUNCTION pg_export_snapshot() FROM PUBLIC")
    with as_reader(plain, prepared_url) as nameless, reporting.reading(nameless) as session:
        assert not isinstance(session, Crew)
        alone = reporting.standing(session, WHOLE)
        plain.execute("UPDATE media SET moderation_status = 'failed', moderation_reason = 'truncated'")
        assert reporting.standing(session, WHOLE) == alone, "it sees one moment all the same"
    assert reporting.standing(db, WHOLE) != alone
    plain.execute("GRANT EXECUTE ON FUNCTION pg_export_snapshot() TO PUBLIC")


def test_who_gives_up_ends_a_statement_that_begins_just_then(db: Database, plain: Plain) -> None:
    def late(session: Source) -> None:
        assert isinstance(session, Session)
        time.sleep(0.5)
        session._connection.execute("SELECT pg_sleep(300)")

    def interrupted() -> None:
        with reporting.reading(db) as session:
            for _ in range(2):
                reporting.soon(session, late)
            time.sleep(0.1)
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - began < 120
    asked = "SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'"
    assert plain.execute(asked).fetchone() == {"n": 0}
