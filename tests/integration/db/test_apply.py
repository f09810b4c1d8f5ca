"""`migrate.apply_all` beside an app that goes on, interrupted at its worst moments, and on databases that refuse it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from lomi_ops.db import media, migrate
from lomi_ops.db.bootstrap import prepare
from lomi_ops.db.migrate import Conduct, Differences, Moment, Ran
from lomi_ops.db.migration import run as running
from lomi_ops.db.migration.run import FEWEST_ROWS, MOST_ROWS, next_size
from lomi_ops.db.pool import Database
from lomi_ops.db.queries import script
from lomi_ops.domain.drift import Problem
from lomi_ops.errors import DatabaseUnavailable, LockHeld, NotFound, Refused
from lomi_ops.ops.local import owner
from lomi_ops.ops.local.binaries import postgres_programs, wanted_source
from lomi_ops.ops.local.postgres import hand_over, initialise
from tests.integration.db.conftest import AT, role_of_its_own
from tests.integration.db.old_media import statuses
from tests.integration.db.test_migrate import structure
from tests.services import free_port, open_folder

Plain = psycopg.Connection[dict[str, Any]]

PLAINLY = Conduct()


def apply_all(db: Database, conduct: Conduct = PLAINLY) -> tuple[Ran, Differences]:
    return migrate.apply_all(db, conduct, actor="ada", now=lambda: AT)


@contextmanager
def connected(url: str) -> Iterator[Plain]:
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


def many(url: str, rows: int) -> None:
    """Photos from before moderation: every other one approved."""
    with connected(url) as app:
        app.execute(
            "INSERT INTO media (user_id, media_type, url, is_approved) SELECT id, 'photo', 'm' || n, n %% 2 = 0"
            " FROM users, generate_series(1, %s) AS n",
            (rows,),
        )


def wait_for(connection: Plain, query: str) -> Any:
    """The first row that the query finds. What is waited for is another process's."""
    deadline = time.monotonic() + 30
    while (row := connection.execute(query.encode()).fetchone()) is None:
        assert time.monotonic() < deadline, query
        time.sleep(0.01)
    return row


# --- beside an app ----------------------------------------------------------------------------------------------------


def test_nobody_queues_behind_us_while_a_transaction_holds_the_table(old: str) -> None:
    """Between two of our tries the table is free for everybody, although we have not got it yet."""
    pauses: list[float] = []
    told: list[Moment] = []
    with connected(old) as app, psycopg.connect(old, application_name="backend") as slow, Database(old) as db:
        app.execute("SET lock_timeout = '1ms'")
        slow.execute("SELECT count(*) FROM media")

        def between_tries(pause: float) -> None:
            pauses.append(pause)
            app.execute("SELECT count(*) FROM media").fetchone()
            app.execute("UPDATE media SET display_order = display_order + 1")
            if len(pauses) == 4:
                slow.rollback()

        _, left = apply_all(db, Conduct(told.append, between_tries, jitter=lambda: 1.0))

    assert left.complete
    assert pauses[:4] == [0.25, 0.5, 1.0, 2.0], "and longer each time"
    waits = [moment.waits for moment in told if moment.waits]
    assert len(waits) == 4
    assert all(re.fullmatch(r"pid \d+ \(backend\), idle in transaction for \d+ s", words) for words in waits)


def test_a_lock_that_is_not_to_be_had_is_given_up_and_its_holder_named(old: str) -> None:
    before = structure(old)["columns"]
    now = iter(range(0, 1000, 20))
    with psycopg.connect(old, application_name="report") as slow, Database(old) as db:
        slow.execute("SELECT count(*) FROM media")
        conduct = Conduct(sleep=lambda _: None, clock=lambda: next(now), patience_s=50)
        with pytest.raises(
            DatabaseUnavailable, match=r"columns of media: no lock within 50 s; held by pid \d+ \(report\)"
        ) as caught:
            apply_all(db, conduct)
        assert "lomi migrate apply" in caught.value.hint
        assert [row for row in structure(old)["columns"] if row[0] == "public"] == [
            row for row in before if row[0] == "public"
        ]
        slow.rollback()
        assert apply_all(db)[1].complete


def test_the_limits_of_the_session_are_afterwards_as_they_were(old: str) -> None:
    with Database(old) as db:
        apply_all(db)
        with db.session() as session:
            assert session.all(dict, "session_limits_now") == [{"statement_timeout": "30s", "lock_timeout": "5s"}]


@pytest.mark.slow
def test_an_autovacuum_that_is_in_the_way_is_cancelled(postgres_server: str, old: str) -> None:
    many(old, 3000)
    with connected(postgres_server) as admin, connected(old) as app:
        admin.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
        try:
            admin.execute("SELECT pg_reload_conf()")
            app.execute(
                "ALTER TABLE media SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,"
                " autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)"
            )
            app.execute("UPDATE media SET display_order = 2")
            wait_for(app, "SELECT FROM pg_stat_progress_vacuum WHERE relid = 'media'::regclass")
            told: list[Moment] = []
            with Database(old) as db:
                _, left = apply_all(db, Conduct(told.append))
        finally:
            admin.execute("ALTER SYSTEM RESET autovacuum_naptime")
            admin.execute("SELECT pg_reload_conf()")
    assert left.complete
    assert [moment.step for moment in told if moment.waits.endswith("a vacuum")] == ["columns of media"]


def test_a_row_that_somebody_holds_makes_its_chunk_wait_and_no_other_row(old: str) -> None:
    many(old, 500)
    with connected(old) as app, Database(old) as db, psycopg.connect(old) as holder:
        prepare_columns(db)
        last = holder.execute("SELECT id FROM media WHERE is_approved ORDER BY id DESC LIMIT 1").fetchone()
        assert last is not None
        holder.execute("UPDATE media SET display_order = 9 WHERE id = %s", last)

        def between_tries(_: float) -> None:
            free = app.execute(
                "SELECT count(*) AS n FROM (SELECT id FROM media FOR UPDATE SKIP LOCKED) AS free"
            ).fetchone()
            assert free == {"n": 504}, "all rows but the one that the app has itself"
            holder.commit()

        ran, left = apply_all(db, Conduct(sleep=between_tries))
    assert left.complete
    assert ran.rows == 253


def prepare_columns(db: Database) -> None:
    """As far as a run gets before the rows."""
    migrate.apply(db)
    with db.session() as session:
        session.script(script("contract/media_columns.sql"))


# --- rows -------------------------------------------------------------------------------------------------------------


def test_each_row_is_looked_at_once_however_many_chunks_there_are(old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "next_size", lambda size, took: 7)
    monkeypatch.setattr(running, "FIRST_ROWS", 7)
    many(old, 100)
    with Database(old) as db, connected(old) as app:
        ran, left = apply_all(db)
        place = app.execute("SELECT seen, changed, finished_at IS NOT NULL AS over FROM lomi.backfills").fetchone()
    assert left.complete
    assert place == {"seen": 105, "changed": 53, "over": True}
    assert ran.rows == 53
    assert statuses(old) == [("approved", 53), ("pending", 52)]


def test_rows_without_a_status_get_the_one_that_their_flag_means(prepared_url: str, db: Database) -> None:
    with connected(prepared_url) as app:
        app.execute("INSERT INTO users (telegram_id) VALUES (1)")
        app.execute(
            "INSERT INTO media (user_id, media_type, url, moderation_status, is_approved, moderated_at, batch_id)"
            " SELECT u.id, 'photo', 'k', v.status, v.approved, v.at, v.batch FROM users AS u, (VALUES"
            " (NULL, true, NULL::timestamptz, NULL::uuid), (NULL, false, NULL, NULL), (NULL, NULL, NULL, NULL),"
            " ('pending', true, NULL, NULL), ('pending', false, NULL, NULL), ('pending', true, now(), NULL),"
            " ('pending', true, NULL, gen_random_uuid()), ('rejected', true, NULL, NULL))"
            " AS v (status, approved, at, batch)"
        )
        ran, left = apply_all(db)
        assert left.complete
        assert ran.rows == 4
    assert statuses(prepared_url) == [("approved", 2), ("pending", 5), ("rejected", 1)]


def test_the_next_chunk_is_as_long_as_takes_a_tenth_of_a_second() -> None:
    assert next_size(1000, 0.1) == 1000
    assert next_size(1000, 0.2) == 500
    assert next_size(1000, 5.0) == 500, "not less than half"
    assert next_size(1000, 0.01) == 2000, "not more than twice"
    assert next_size(FEWEST_ROWS, 9.0) == FEWEST_ROWS
    assert next_size(MOST_ROWS, 0.0) == MOST_ROWS


def test_a_finished_backfill_begins_anew_for_rows_that_came_later(old: str) -> None:
    with Database(old) as db, connected(old) as app:
        apply_all(db)
        app.execute("UPDATE media SET moderation_status = NULL WHERE url = 'k4'")
        ran, left = apply_all(db)
        assert (ran.steps, ran.rows, left.complete) == (("rows of media",), 1, True)


# --- killed -----------------------------------------------------------------------------------------------------------

KILLED = """
import sys
from datetime import UTC, datetime
from lomi_ops.db import migrate
from lomi_ops.db.migration import run
from lomi_ops.db.pool import Database

run.FIRST_ROWS = 10
run.next_size = lambda size, took: 10
def told(moment):
    if moment.step == "rows of media" and moment.done >= 30:
        print("in the middle", flush=True)
        sys.stdin.read()
with Database(sys.argv[1]) as db:
    migrate.apply_all(db, migrate.Conduct(told), actor="ada", now=lambda: datetime.now(UTC))
"""


def test_after_kill_9_the_rows_go_on_where_they_were(old: str) -> None:
    many(old, 95)
    with subprocess.Popen([sys.executable, "-c", KILLED, old], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"in the middle\n"
        first.send_signal(signal.SIGKILL)
    with Database(old) as db, connected(old) as app:
        place = app.execute("SELECT seen, finished_at FROM lomi.backfills").fetchone()
        assert place == {"seen": 30, "finished_at": None}
        assert [difference.problem for difference in migrate.differences(db).found].count(Problem.UNMIGRATED) == 1
        told: list[Moment] = []
        ran, left = apply_all(db, Conduct(told.append))
        after = app.execute("SELECT seen FROM lomi.backfills").fetchone()
    assert left.complete
    assert after == {"seen": 100}, "each row once in both runs together"
    assert 0 < ran.rows < 50
    assert statuses(old) == [("approved", 50), ("pending", 50)]


BUILDING = """
import sys
from datetime import UTC, datetime
from lomi_ops.db import migrate
from lomi_ops.db.pool import Database

migrate._CLIENT_GONE = "200ms"
with Database(sys.argv[1]) as db:
    migrate.apply_all(db, actor="ada", now=lambda: datetime.now(UTC))
"""


def test_an_index_that_kill_9_left_half_built_is_built_again(old: str) -> None:
    with connected(old) as app, psycopg.connect(old) as slow, Database(old, size=2) as db:
        prepare_columns(db)
        slow.execute("UPDATE media SET display_order = 2 WHERE url = 'k5'")
        with subprocess.Popen([sys.executable, "-c", BUILDING, old]) as first:
            wait_for(app, "SELECT FROM pg_index WHERE indrelid = 'media'::regclass AND NOT indisvalid")
            first.send_signal(signal.SIGKILL)
        # The server notices that its client is gone, although it waits for the slow transaction.
        wait_for(app, "SELECT WHERE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')")
        assert migrate.state(db).media.invalid_indexes == ("idx_media_moderation_status",)
        slow.rollback()
        ran, left = apply_all(db)
    assert left.complete
    assert ran.steps[:2] == ("idx_media_moderation_status", "idx_media_batch_id")


def test_an_index_that_somebody_builds_right_now_is_not_dropped(old: str) -> None:
    with connected(old) as app, psycopg.connect(old) as slow, Database(old) as db:
        prepare_columns(db)
        slow.execute("UPDATE media SET display_order = 2 WHERE url = 'k5'")

        def build() -> None:
            with connected(old) as other:
                other.execute("CREATE INDEX CONCURRENTLY idx_media_batch_id ON media (batch_id)")

        builder = threading.Thread(target=build)
        builder.start()
        wait_for(app, "SELECT FROM pg_index WHERE indrelid = 'media'::regclass AND NOT indisvalid")
        oid = app.execute("SELECT 'idx_media_batch_id'::regclass::oid AS oid").fetchone()
        waits: list[str] = []

        def told(moment: Moment) -> None:
            waits.append(moment.waits)

        def between_looks(_: float) -> None:
            slow.rollback()
            builder.join(30)

        with migrate.exclusive(db) as session:
            steps = tuple(step for step in migrate.planned(session) if step.name == "idx_media_batch_id")
            running.run(session, steps, Conduct(told, between_looks))
        assert app.execute("SELECT 'idx_media_batch_id'::regclass::oid AS oid").fetchone() == oid, "the same index"
        assert any(re.fullmatch(r"pid \d+, which builds or drops an index of media", words) for words in waits)
        assert migrate.state(db).media.missing_indexes == ("idx_media_moderation_status",)


def test_a_build_that_does_not_end_is_waited_for_only_so_long(old: str) -> None:
    now = iter(range(0, 1000, 20))
    with connected(old) as app, psycopg.connect(old) as slow, Database(old) as db:
        prepare_columns(db)
        slow.execute("UPDATE media SET display_order = 2 WHERE url = 'k5'")

        def build() -> None:
            with connected(old) as other:
                other.execute("CREATE INDEX CONCURRENTLY idx_media_batch_id ON media (batch_id)")

        builder = threading.Thread(target=build)
        builder.start()
        wait_for(app, "SELECT FROM pg_index WHERE indrelid = 'media'::regclass AND NOT indisvalid")
        with migrate.exclusive(db) as session:
            steps = tuple(step for step in migrate.planned(session) if step.name == "idx_media_batch_id")
            with pytest.raises(LockHeld, match=r"idx_media_batch_id is being built or dropped by pid \d+"):
                running.run(session, steps, Conduct(sleep=lambda _: None, clock=lambda: next(now), patience_s=50))
        slow.rollback()
        builder.join(30)


def test_a_build_tells_how_far_it_is_and_whom_it_waits_for(old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LOOK_S", 0.01)
    seen = threading.Event()
    with psycopg.connect(old) as slow, Database(old) as db, Database(old) as beside:
        prepare_columns(db)
        slow.execute("UPDATE media SET display_order = 2 WHERE url = 'k5'")
        pid = slow.info.backend_pid

        def told(moment: Moment) -> None:
            if moment.waits == f"pid {pid}, whose transaction is older":
                seen.set()

        ended: list[bool] = []
        runner = threading.Thread(target=lambda: ended.append(apply_all(db, Conduct(told, watch=beside))[1].complete))
        runner.start()
        assert seen.wait(30)
        slow.rollback()
        runner.join(30)
        assert ended == [True]


def next_transaction(url: str) -> Any:
    """The number of the next transaction that writes, on the whole server."""
    with connected(url) as app:
        return app.execute("SELECT txid_snapshot_xmax(txid_current_snapshot()) AS xid").fetchone()


# --- a dry run --------------------------------------------------------------------------------------------------------


def test_a_dry_run_changes_nothing_and_prints_the_sql_that_does_what_apply_does(old: str, postgres_server: str) -> None:
    psql = postgres_programs(wanted_source())[0].path.with_name("psql")
    if not psql.exists():
        pytest.skip("these binaries of Postgres come without psql")
    many(old, 300)
    before, twin = structure(old), f"{old}_twin"
    with Database(old) as db:
        xid = next_transaction(old)
        shown = migrate.dry_run(db)
    assert next_transaction(old) == xid, "no statement changed anything"
    assert structure(old) == before
    original, name = old.rpartition("/")[2], twin.rpartition("/")[2]
    with connected(postgres_server) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{original}"')
        try:
            with Database(old) as db:
                assert tuple(step.name for step in shown.steps) == apply_all(db)[0].steps
            text = "\n".join(step.sql for step in shown.steps)
            subprocess.run(
                [psql, twin, "-q", "-v", "ON_ERROR_STOP=1"], input=text, text=True, check=True, capture_output=True
            )
            assert structure(twin) == structure(old)
            assert statuses(twin) == statuses(old)
            with Database(twin) as db:
                assert migrate.differences(db).complete
                assert migrate.dry_run(db).steps == ()
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


# --- databases that refuse --------------------------------------------------------------------------------------------


def test_a_database_that_takes_no_changes_is_named_before_anything_is_tried(prepared_url: str) -> None:
    with connected(prepared_url) as admin:
        admin.execute("DROP INDEX idx_media_batch_id")
        admin.execute(f'ALTER DATABASE "{admin.info.dbname}" SET default_transaction_read_only = on')
    with Database(prepared_url) as db:
        with pytest.raises(Refused, match="takes no changes: default_transaction_read_only is on") as caught:
            apply_all(db)
        assert caught.value.hint.startswith("set it off for the role lomi")
        assert migrate.apply(db) == (), "a worker has nothing to change there"
        assert migrate.differences(db).command == "lomi migrate apply"


@contextmanager
def standby() -> Iterator[str]:
    """A server of its own that replays what its primary writes; here from nobody."""
    user, port = owner.choose(), free_port()
    with open_folder("lomi-standby-") as folder:
        program = owner.runnable(postgres_programs(wanted_source()), user, folder)
        data = folder / "postgres" / "data"
        hand_over(data.parent, user)
        initialise(program, data, "p", user, durable=False)
        url = f"postgresql://lomi:p@127.0.0.1:{port}/postgres"
        with server(program, data, port, url):
            prepare(url)
            with connected(url) as admin:
                admin.execute("DROP INDEX idx_media_batch_id")
        (data / "standby.signal").touch()
        if user is not None:
            os.chown(data / "standby.signal", user.uid, user.gid)
        with server(program, data, port, url):
            yield url


@contextmanager
def server(program: Path, data: Path, port: int, url: str) -> Iterator[None]:
    process = subprocess.Popen(
        [program, "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", "", "-c", "fsync=off"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **owner.spawn_options(owner.choose()),
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(url, connect_timeout=2).close()
                break
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@pytest.mark.slow
def test_a_standby_can_be_verified_and_is_not_changed() -> None:
    with standby() as url, Database(url) as db:
        assert [difference.what for difference in migrate.differences(db).found] == ["media.idx_media_batch_id"]
        assert migrate.state(db).current
        assert migrate.apply(db) == ()
        for step in (lambda: apply_all(db), lambda: migrate.dry_run(db)):
            with pytest.raises(Refused, match="the database postgres is a standby: it takes no changes") as caught:
                step()
            assert caught.value.hint == "name the primary (database.host): lomi config show --origin"


@pytest.fixture
def weak(old: str) -> Iterator[tuple[str, str]]:
    """A role that may look at the backend's tables, and its URL."""
    pinned = 'ALTER ROLE lomi IN DATABASE "{database}" SET search_path = public'
    with role_of_its_own(old, "GRANT SELECT ON media TO {role}", pinned) as found:
        yield found


def test_a_role_without_the_rights_is_told_all_of_them_at_once_and_changes_nothing(
    old: str, weak: tuple[str, str]
) -> None:
    role, url = weak
    name = old.rpartition("/")[2]
    with Database(url) as db:
        with pytest.raises(Refused) as caught:
            apply_all(db)
        assert caught.value.message == (
            "this role may not create a schema, nor alter the table media: nothing was changed"
        )
        assert caught.value.hint == (
            f"GRANT CREATE ON DATABASE {name} TO {role}; GRANT lomi TO {role};"
            " Or hand over what lomi migrate apply --dry-run prints."
        )
        assert caught.value.exit_code == 5
        shown = migrate.dry_run(db)
        assert len(shown.lacking) == 2
        assert len(shown.steps) > 5, "what the owner would have to run"
        assert not media.has_lomi_schema(db)


def test_a_role_that_may_create_the_schema_makes_it_where_media_is_complete(old: str, weak: tuple[str, str]) -> None:
    role, url = weak
    with connected(old) as admin, Database(old) as db:
        apply_all(db)
        admin.execute("DROP SCHEMA lomi CASCADE")
        admin.execute(f'GRANT CREATE ON DATABASE "{admin.info.dbname}" TO {role}')
        with Database(url) as weak_db:
            ran, left = apply_all(weak_db)
            assert left.complete
            assert "columns of media" not in ran.steps


def test_a_worker_whose_role_cannot_migrate_says_what_is_missing(old: str, weak: tuple[str, str]) -> None:
    with Database(weak[1]) as db, pytest.raises(Refused, match="may not create a schema"):
        migrate.apply(db)


def test_the_backends_tables_must_be_there(database_url: str) -> None:
    with Database(database_url) as db:
        with pytest.raises(NotFound):
            migrate.dry_run(db)
        assert migrate.apply(db) != (), "the schema of ours stands alone"
