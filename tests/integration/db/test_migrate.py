"""Migrations: forward only, one at a time, and never a surprise for the backend's tables."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lomi_ops.db import media, migrate
from lomi_ops.db.bootstrap import prepare
from lomi_ops.db.pool import Database
from lomi_ops.db.queries import script
from lomi_ops.errors import DatabaseUnavailable, LockHeld, LomiError, NotFound, Refused

OLD_MEDIA = """
    CREATE TYPE media_type AS ENUM ('photo', 'video');
    CREATE TABLE users (id uuid PRIMARY KEY, telegram_id bigint UNIQUE, name text, is_active boolean);
    CREATE TABLE media (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        media_type media_type NOT NULL, url text NOT NULL, thumbnail_url text, duration_seconds int,
        display_order int NOT NULL DEFAULT 1, is_approved boolean DEFAULT false, moderation_notes text,
        created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
    INSERT INTO users VALUES ('00000000-0000-0000-0000-00000000000a', 1, 'A', true);
    INSERT INTO media (user_id, media_type, url, is_approved)
    SELECT '00000000-0000-0000-0000-00000000000a', 'photo', 'k' || n, n <= 3 FROM generate_series(1, 5) AS n;
"""


def structure(url: str) -> dict[str, Any]:
    """Columns, indexes, constraints and triggers of everything that is not the server's own."""
    wanted = {
        "columns": "SELECT table_schema, table_name, column_name, data_type, column_default, is_nullable"
        " FROM information_schema.columns WHERE table_schema IN ('public', 'lomi') ORDER BY 1, 2, 3",
        "indexes": "SELECT schemaname, indexname, indexdef FROM pg_indexes WHERE schemaname IN ('public', 'lomi')"
        " ORDER BY 1, 2",
        "constraints": "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace"
        " IN ('public'::regnamespace, to_regnamespace('lomi')) ORDER BY 1, 2",
        "triggers": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2",
    }
    with psycopg.connect(url, options="-c search_path=") as connection:
        return {name: connection.execute(text).fetchall() for name, text in wanted.items()}


def at_once(count: int, act: Callable[[], object]) -> list[BaseException]:
    """Runs `act` in several threads that start together; what they raised."""
    barrier, raised = threading.Barrier(count, timeout=30), []

    def run() -> None:
        barrier.wait()
        try:
            act()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


@pytest.fixture
def old(database_url: str) -> str:
    """The backend's database before its moderation migration: three photos approved, two not."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(OLD_MEDIA)
    return database_url


def statuses(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT moderation_status, count(*) FROM media GROUP BY 1 ORDER BY 1").fetchall()


def test_the_local_stacks_database_has_the_contracts_tables_and_a_current_schema(prepared_url: str) -> None:
    with Database(prepared_url) as db:
        found = migrate.state(db)
    assert found.current
    assert found.media.complete
    assert found.version == len(migrate.migrations())
    with psycopg.connect(prepared_url) as connection:
        columns: dict[str, str] = dict(
            connection.execute(
                "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute"
                " WHERE attrelid = 'media'::regclass AND attnum > 0"
            ).fetchall()
        )
        connection.execute("INSERT INTO users (telegram_id) VALUES (9223372036854775807)")
        row = connection.execute(
            "INSERT INTO media (user_id, media_type, url) SELECT id, 'photo', 'k' FROM users"
            " RETURNING moderation_status, retry_count, is_approved, display_order, batch_id, created_at = updated_at"
        ).fetchone()
    assert columns == {
        "id": "uuid", "user_id": "uuid", "media_type": "media_type", "url": "text", "thumbnail_url": "text",
        "duration_seconds": "integer", "display_order": "integer", "is_approved": "boolean",
        "moderation_notes": "text", "created_at": "timestamp with time zone",
        "updated_at": "timestamp with time zone", "moderation_status": "character varying(20)",
        "moderation_reason": "text", "moderated_at": "timestamp with time zone", "moderation_scores": "jsonb",
        "retry_count": "integer", "batch_id": "uuid",
    }  # fmt: skip
    assert row == ("pending", 0, False, 1, None, True)


def test_preparing_twice_changes_nothing(prepared_url: str) -> None:
    before = structure(prepared_url)
    prepare(prepared_url)
    assert structure(prepared_url) == before


def test_preparing_from_several_processes_at_once_works(database_url: str, prepared_url: str) -> None:
    assert at_once(4, lambda: prepare(database_url)) == []
    assert structure(database_url) == structure(prepared_url)


def test_a_uuid_function_is_defined_where_the_extension_is_missing(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        present = connection.execute("SELECT FROM pg_available_extensions WHERE name = 'uuid-ossp'").fetchone()
        prepare(database_url)
        made = connection.execute(
            "SELECT e.extname FROM pg_proc p LEFT JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'"
            " LEFT JOIN pg_extension e ON e.oid = d.refobjid WHERE p.proname = 'uuid_generate_v4'"
        ).fetchall()
        generated = connection.execute("SELECT uuid_generate_v4() <> uuid_generate_v4()").fetchone()
    assert made == [("uuid-ossp" if present is not None else None,)]
    assert generated == (True,)


def test_migrations_leave_the_backends_tables_alone(old: str) -> None:
    before = [row for row in structure(old)["columns"] if row[0] == "public"]
    with Database(old) as db:
        applied = migrate.apply(db)
        found = migrate.state(db)
    assert [migration.version for migration in applied] == [entry.version for entry in found.applied]
    assert [row for row in structure(old)["columns"] if row[0] == "public"] == before
    assert found.media.missing_columns == migrate.MEDIA_COLUMNS
    assert found.media.missing_indexes == migrate.MEDIA_INDEXES


def test_applying_twice_applies_nothing_the_second_time(old: str) -> None:
    with Database(old) as db:
        assert migrate.apply(db) != ()
        assert migrate.apply(db) == ()


def test_several_runs_at_once_apply_each_migration_once(database_url: str) -> None:
    applied: list[migrate.Migration] = []

    def run() -> None:
        with Database(database_url) as db:
            applied.extend(migrate.apply(db))

    assert at_once(4, run) == []
    assert sorted(applied, key=lambda one: one.version) == list(migrate.migrations())


def test_a_state_can_be_read_from_an_empty_database(database_url: str) -> None:
    with Database(database_url) as db:
        found = migrate.state(db)
        assert not media.has_lomi_schema(db)
        assert not media.has_media(db)
    assert (found.version, found.pending, found.applied) == (0, migrate.migrations(), ())
    assert not found.media.exists
    assert not found.current


def test_a_database_that_is_newer_than_the_program_is_refused(db: Database) -> None:
    with db.session() as session:
        session.run("migration_record", version=999, name="from_the_future", checksum="x")
    assert migrate.state(db).newer == ("0999_from_the_future",)
    with pytest.raises(Refused, match="0999_from_the_future") as caught:
        migrate.apply(db)
    assert caught.value.hint == "install the newer lomi"


def test_an_applied_file_that_was_altered_is_refused(db: Database, plain: psycopg.Connection[Any]) -> None:
    plain.execute("UPDATE lomi.schema_migrations SET checksum = 'other' WHERE version = 1")
    assert migrate.state(db).altered == ("migrations/0001_record.sql",)
    with pytest.raises(Refused, match=r"0001_record\.sql"):
        migrate.apply(db)


def test_a_migration_that_fails_leaves_nothing_of_itself(
    db: Database, plain: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = migrate.Migration(len(migrate.migrations()) + 1, "broken", "sum")
    known = (*migrate.migrations(), broken)
    monkeypatch.setattr(migrate, "migrations", lambda: known)
    text = "CREATE TABLE lomi.half (n int); SELECT 1 / 0;"
    monkeypatch.setattr("lomi_ops.db.migrate.script", lambda path: text if path == broken.path else script(path))
    with pytest.raises(LomiError, match="SQLSTATE 22012"):
        migrate.apply(db)
    assert plain.execute("SELECT to_regclass('lomi.half') AS half").fetchone() == {"half": None}
    assert migrate.state(db).pending == (broken,)


def test_a_run_that_finds_another_one_at_work_gives_up_in_the_end(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_WAIT_S", 0.0)
    with migrate.exclusive(db), pytest.raises(LockHeld):
        migrate.apply(db)
    assert migrate.apply(db) == ()


def test_the_lock_is_given_back_when_the_run_fails(db: Database) -> None:
    with pytest.raises(RuntimeError), migrate.exclusive(db):
        raise RuntimeError
    with migrate.exclusive(db):
        pass


def test_media_gets_its_columns_and_indexes_and_old_rows_keep_their_meaning(old: str) -> None:
    with Database(old) as db:
        missing = migrate.apply_media_columns(db)
        assert missing.missing_columns == migrate.MEDIA_COLUMNS
        assert migrate.state(db).media.complete
        assert not media.has_lomi_schema(db)
    assert statuses(old) == [("approved", 3), ("pending", 2)]


def test_giving_media_its_columns_again_changes_no_row_that_was_decided_since(old: str) -> None:
    with Database(old) as db:
        migrate.apply_media_columns(db)
        with psycopg.connect(old) as connection:
            connection.execute("UPDATE media SET moderation_status = 'rejected' WHERE url = 'k1'")
            connection.execute("UPDATE media SET batch_id = gen_random_uuid(), is_approved = true WHERE url = 'k5'")
        assert migrate.apply_media_columns(db).complete
    assert statuses(old) == [("approved", 2), ("pending", 2), ("rejected", 1)]


def test_a_long_table_is_given_its_statuses_in_chunks(old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "_CHUNK", 2)
    with Database(old) as db:
        migrate.apply_media_columns(db)
    assert statuses(old) == [("approved", 3), ("pending", 2)]


def test_an_index_that_a_broken_run_left_invalid_is_built_again(prepared_url: str) -> None:
    with psycopg.connect(prepared_url, autocommit=True) as admin, Database(prepared_url) as db:
        admin.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_media_batch_id'::regclass")
        assert migrate.state(db).media.invalid_indexes == ("idx_media_batch_id",)
        migrate.apply_media_columns(db)
        assert migrate.state(db).media.complete
        with db.session() as session:
            limits: list[dict[str, str]] = session.all(dict, "session_limits_now")
    assert limits == [{"statement_timeout": "30s", "lock_timeout": "5s"}], "as they were before the build"


def test_a_table_in_use_makes_the_change_give_up_soon_instead_of_blocking_the_app(
    old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_LOCK_TIMEOUT", "50ms")
    with psycopg.connect(old) as app, Database(old) as db:
        app.execute("SELECT count(*) FROM media")
        with pytest.raises(DatabaseUnavailable, match="lock timeout"):
            migrate.apply_media_columns(db)
        app.rollback()
        migrate.apply_media_columns(db)
        assert migrate.state(db).media.complete


def test_a_database_without_media_is_not_the_backends(database_url: str) -> None:
    with Database(database_url) as db, pytest.raises(NotFound, match="media"):
        migrate.apply_media_columns(db)


def seen_by_gorm(url: str) -> tuple[Any, ...] | None:
    """Where a backend that asks as GORM does finds its tables, and how many of the two it finds there."""
    with psycopg.connect(url) as backend:
        return backend.execute(
            "SELECT CURRENT_SCHEMA(), (SELECT count(*) FROM information_schema.tables"
            " WHERE table_schema = CURRENT_SCHEMA() AND table_name IN ('users', 'media'))"
        ).fetchone()


def test_a_backend_whose_role_is_called_lomi_still_finds_its_tables(old: str) -> None:
    with Database(old) as db:
        migrate.apply(db)
        migrate.apply(db)
    with psycopg.connect(old) as connection:
        assert connection.execute("SELECT current_user::text").fetchone() == ("lomi",), "the trap needs this name"
    assert seen_by_gorm(old) == ("public", 2)


@pytest.mark.parametrize(
    ("path", "expected"),
    [('app, "$user", public', "app, public"), ('"$user"', "public"), ("public, app", "public, app")],
)
def test_a_search_path_that_somebody_chose_is_kept_but_for_the_users_schema(old: str, path: str, expected: str) -> None:
    with psycopg.connect(old, autocommit=True) as admin:
        name = admin.info.dbname
        admin.execute(psycopg.sql.SQL(f'ALTER DATABASE "{name}" SET search_path = {path}'))
    with Database(old) as db:
        migrate.apply(db)
    with psycopg.connect(old) as connection:
        assert connection.execute("SHOW search_path").fetchone() == (expected,)


def test_our_own_sessions_find_the_backends_media_even_beside_a_table_of_that_name(prepared_url: str) -> None:
    with psycopg.connect(prepared_url, autocommit=True) as connection, Database(prepared_url) as db:
        connection.execute("SET search_path = public")
        connection.execute("CREATE TABLE lomi.media (id int)")
        assert media.pending(db).waiting == 0


def test_a_role_that_may_not_pin_the_path_is_told_the_command(old: str) -> None:
    with psycopg.connect(old, autocommit=True) as admin:
        name = admin.info.dbname
        role = f"r_{name}"
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'p'")
        try:
            other = psycopg.conninfo.make_conninfo(old, user=role, password="p")
            with Database(other) as db, pytest.raises(LomiError, match=f"ALTER ROLE lomi IN DATABASE {name} SET"):
                migrate.apply(db)
            assert seen_by_gorm(old) == ("public", 2)
        finally:
            admin.execute(f"DROP ROLE {role}")


def test_migrations_are_numbered_without_gaps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0002_second.sql").write_text("SELECT 1")
    monkeypatch.setattr(migrate, "sql_folder", lambda: tmp_path)
    with pytest.raises(LomiError, match="numbered"):
        migrate.migrations.__wrapped__()
    (folder / "notes.txt").write_text("")
    with pytest.raises(LomiError, match=r"notes\.txt"):
        migrate.migrations.__wrapped__()
