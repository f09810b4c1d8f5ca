"""Indexes that `migrate.apply_all` builds although nothing needs them: it never refuses because of one."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from lomi_ops.db import migrate
from lomi_ops.db.migration import step
from lomi_ops.db.migration.proposed import UNASKED, Built
from lomi_ops.db.migration.unasked import Absent
from lomi_ops.db.pool import Database
from tests.integration.db.conftest import onlooker
from tests.integration.db.test_apply import BUILDING, apply_all, connected, wait_for

NAMES = tuple(each.name for each in UNASKED)


@pytest.fixture
def before(prepared_url: str) -> str:
    """A database that an older version has migrated."""
    drop(prepared_url, *NAMES)
    return prepared_url


@pytest.fixture
def weak(before: str) -> Iterator[tuple[str, str]]:
    with onlooker(before) as found:
        yield found


def drop(url: str, *names: str) -> None:
    with connected(url) as admin:
        for name in names:
            admin.execute(f"DROP INDEX {name}".encode())


def valid(url: str) -> dict[str, bool]:
    """Those of the indexes that are at `media`."""
    with connected(url) as app:
        rows = app.execute(
            "SELECT relname AS name, indisvalid AS valid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE indrelid = 'media'::regclass AND relname = ANY(%s)",
            (list(NAMES),),
        ).fetchall()
    return {row["name"]: row["valid"] for row in rows}


def absent(db: Database) -> tuple[Absent, ...]:
    return migrate.state(db).media.absent


def test_they_are_built_and_only_once(before: str) -> None:
    with Database(before) as db:
        assert [(each.names, each.built, each.why, each.command) for each in absent(db)] == [
            (NAMES, Built.MISSING, "", "lomi migrate apply")
        ]
        assert apply_all(db)[0].steps == NAMES
        assert apply_all(db)[0].steps == ()
        assert absent(db) == ()
    assert valid(before) == dict.fromkeys(NAMES, True)


def test_that_they_are_not_there_is_no_difference_and_no_work_for_a_worker(before: str) -> None:
    with Database(before) as db:
        assert migrate.differences(db).complete
        assert migrate.apply(db) == ()
    assert valid(before) == {}


def test_what_an_interrupted_build_has_left_is_dropped_and_built_anew(prepared_url: str) -> None:
    with connected(prepared_url) as admin, Database(prepared_url) as db:
        admin.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'media_piles'::regclass")
        assert [(each.names, each.built) for each in absent(db)] == [(("media_piles",), Built.INVALID)]
        assert "DROP INDEX CONCURRENTLY IF EXISTS media_piles;" in migrate.dry_run(db).steps[0].sql
        assert apply_all(db)[0].steps == ("media_piles",)
    assert valid(prepared_url) == dict.fromkeys(NAMES, True)


def test_one_that_kill_9_left_half_built_is_built_again(before: str) -> None:
    with connected(before) as app, psycopg.connect(before) as slow, Database(before) as db:
        app.execute("INSERT INTO users (telegram_id) VALUES (1)")
        slow.execute("INSERT INTO media (user_id, media_type, url) SELECT id, 'photo', 'k' FROM users")
        with subprocess.Popen([sys.executable, "-c", BUILDING, before]) as first:
            wait_for(app, "SELECT FROM pg_index WHERE indrelid = 'media'::regclass AND NOT indisvalid")
            first.send_signal(signal.SIGKILL)
        wait_for(app, "SELECT WHERE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')")
        assert valid(before) == {"media_piles": False}
        slow.rollback()
        assert apply_all(db)[0].steps == NAMES
    assert valid(before) == dict.fromkeys(NAMES, True)


def test_a_role_that_does_not_own_the_table_goes_on_without_them_and_is_told_who_can(
    before: str, weak: tuple[str, str]
) -> None:
    role, url = weak
    with Database(url) as db:
        ran, left = apply_all(db)
        shown = migrate.dry_run(db)
    assert (ran.steps, ran.failed, left.complete) == ((), (), True)
    (said,) = left.state.media.absent
    assert said.line == (
        "missing: media_piles, media_minors, which make lomi review quick;"
        f" the role {role} does not own media: lomi migrate apply --dry-run prints what lomi runs"
    )
    assert shown.left_out == (said,)
    assert shown.lacking == (), "nothing is refused"
    assert [step.name for step in shown.steps] == list(NAMES), "for whoever owns it"
    assert valid(before) == {}


@pytest.mark.parametrize("thing", ["INDEX media_piles ON users (telegram_id)", "TABLE media_piles ()"])
def test_a_name_that_something_else_has_is_left_to_it_and_the_other_is_built(before: str, thing: str) -> None:
    with connected(before) as admin, Database(before) as db:
        admin.execute(f"CREATE {thing}".encode())
        ran, left = apply_all(db)
        assert (ran.steps, left.complete) == (("media_minors",), True)
        (said,) = left.state.media.absent
    assert said.line == (
        "missing: media_piles, which makes lomi review quick; something else in this schema has that name:"
        " rename it: \\d media_piles in psql"
    )


def test_on_a_column_of_another_type_nothing_is_built(before: str) -> None:
    with connected(before) as admin, Database(before) as db:
        admin.execute("ALTER TABLE media ALTER COLUMN moderation_scores TYPE json")
        ran, left = apply_all(db)
    assert ran.steps == ("media_piles",)
    (said,) = left.state.media.absent
    assert (said.names, said.why) == (("media_minors",), "another type has media.moderation_scores")
    assert said.command == left.command == "lomi migrate verify"


def test_a_database_that_takes_no_changes_is_not_refused_for_them(before: str) -> None:
    with connected(before) as admin:
        name = admin.info.dbname
        admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    with Database(before) as db:
        ran, left = apply_all(db)
        assert (ran.steps, left.complete) == ((), True)
        assert [each.why for each in left.state.media.absent] == [f"the database {name} takes no changes"]
        assert migrate.dry_run(db).steps == ()


def test_a_transaction_that_stays_open_costs_the_index_and_not_the_run(
    before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "OPTIONAL_WAIT", "100ms")
    with psycopg.connect(before) as slow, connected(before) as app, Database(before) as db:
        app.execute("INSERT INTO users (telegram_id) VALUES (1)")
        slow.execute("INSERT INTO media (user_id, media_type, url) SELECT id, 'photo', 'k' FROM users")
        ran, left = apply_all(db)
        assert (ran.steps, left.complete) == ((), True)
        assert [(each.step, "lock timeout" in each.why) for each in ran.failed] == [(name, True) for name in NAMES]
        assert [each.built for each in left.state.media.absent] == [Built.INVALID]
        assert migrate.dry_run(db).steps[0].name == "media_piles"
        slow.rollback()
        assert apply_all(db)[0].steps == NAMES
    assert valid(before) == dict.fromkeys(NAMES, True)
