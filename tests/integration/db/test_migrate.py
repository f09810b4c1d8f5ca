"""Migrations: forward only, one at a time, and never a surprise for the backend's tables."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lomi_ops.db import audit, media, migrate
from lomi_ops.db.bootstrap import prepare
from lomi_ops.db.migrate import Conduct, Differences, Ran
from lomi_ops.db.migration import files, step
from lomi_ops.db.pool import Database
from lomi_ops.db.queries import script
from lomi_ops.errors import LockHeld, LomiError, NotFound, Refused
from tests.integration.db.conftest import AT, role_of_its_own
from tests.integration.db.old_media import statuses


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


PLAINLY = Conduct()


def apply_all(db: Database, conduct: Conduct = PLAINLY) -> tuple[Ran, Differences]:
    return migrate.apply_all(db, conduct, actor="ada", now=lambda: AT)


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
    assert found.media.missing_indexes == tuple(migrate.MEDIA_INDEXES)


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
    monkeypatch.setattr(files, "migrations", lambda: known)
    text = "CREATE TABLE lomi.half (n int); SELECT 1 / 0;"
    monkeypatch.setattr(step, "script", lambda path: text if path == broken.path else script(path))
    with pytest.raises(LomiError, match="SQLSTATE 22012"):
        migrate.apply(db)
    assert plain.execute("SELECT to_regclass('lomi.half') AS half").fetchone() == {"half": None}
    assert migrate.state(db).pending == (broken,)


def test_a_run_that_finds_another_one_at_work_gives_up_in_the_end(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_WAIT_S", 0.0)
    with migrate.exclusive(db), pytest.raises(LockHeld, match=r"\(pid \d+, connected since 20") as busy:
        apply_all(db)
    assert (busy.value.hint, busy.value.exit_code) == ("wait for it, then: lomi migrate apply", 75)
    assert apply_all(db)[0].steps == ()


def test_the_lock_is_given_back_when_the_run_fails(db: Database) -> None:
    with pytest.raises(RuntimeError), migrate.exclusive(db):
        raise RuntimeError
    with migrate.exclusive(db):
        pass


def test_media_gets_its_columns_and_indexes_and_old_rows_keep_their_meaning(old: str) -> None:
    with Database(old) as db:
        ran, left = apply_all(db)
        assert left.complete
        assert apply_all(db)[0].steps == ()
    assert ran.steps[-6:] == (
        "columns of media", "rows of media", "idx_media_moderation_status", "idx_media_batch_id",
        "media_piles", "media_minors",
    )  # fmt: skip
    assert ran.rows == 3
    assert statuses(old) == [("approved", 3), ("pending", 2)]


def test_applying_again_changes_no_row_that_was_decided_since(old: str) -> None:
    with Database(old) as db:
        apply_all(db)
        with psycopg.connect(old) as connection:
            connection.execute("UPDATE media SET moderation_status = 'rejected' WHERE url = 'k1'")
            connection.execute("UPDATE media SET batch_id = gen_random_uuid(), is_approved = true WHERE url = 'k5'")
        assert apply_all(db)[1].complete
    assert statuses(old) == [("approved", 2), ("pending", 2), ("rejected", 1)]


def test_what_was_changed_is_in_the_audit(old: str) -> None:
    with Database(old) as db:
        ran, _ = apply_all(db)
        apply_all(db)
        found = audit.entries(db)
    assert [(entry.actor, entry.action, entry.subject) for entry in found] == [("ada", "migrate.apply", "database")]
    assert found[0].after == {"steps": list(ran.steps), "rows": 3}


def test_a_database_without_media_is_not_the_backends(database_url: str) -> None:
    with Database(database_url) as db, pytest.raises(NotFound, match="no table media in public") as caught:
        apply_all(db)
    assert caught.value.hint == "lomi config show --origin"
    with Database(database_url) as db:
        assert not media.has_lomi_schema(db), "nothing is done by halves"


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
    with role_of_its_own(old, "GRANT CREATE ON DATABASE {database} TO {role}") as (role, other):
        name = role.removeprefix("r_")
        with Database(other) as db, pytest.raises(LomiError, match=f"ALTER ROLE lomi IN DATABASE {name} SET"):
            migrate.apply(db)
        assert seen_by_gorm(old) == ("public", 2)


def test_a_role_that_may_not_pin_the_path_can_use_what_is_there(old: str, prepared_url: str) -> None:
    """A worker's role has no right to change another one."""
    with psycopg.connect(prepared_url, autocommit=True) as admin:
        name = admin.info.dbname
        admin.execute(f"ALTER ROLE lomi IN DATABASE {name} RESET search_path")
        role = f"r_{name}"
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'p'; GRANT USAGE ON SCHEMA lomi TO {role}")
        admin.execute(f"GRANT SELECT ON lomi.schema_migrations TO {role}")
        try:
            with Database(psycopg.conninfo.make_conninfo(prepared_url, user=role, password="p")) as db:
                assert migrate.apply(db) == ()
        finally:
            admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    with Database(prepared_url) as db:
        left = migrate.differences(db)
        assert [difference.what for difference in left.found] == ["role lomi"]
        assert left.command == "lomi migrate apply"
        assert apply_all(db)[1].complete
    assert seen_by_gorm(prepared_url) == ("public", 2)


def test_a_migration_from_the_third_on_says_who_may_still_write(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    monkeypatch.setattr(files, "sql_folder", lambda: tmp_path)
    (folder / "0003_third.sql").write_text("SELECT 1")
    with pytest.raises(LomiError, match="oldest writer: N"):
        migrate.migrations.__wrapped__()
    for number, name in enumerate(("first", "second", "third"), start=1):
        (folder / f"000{number}_{name}.sql").write_text("-- oldest writer: 2\nSELECT 1")
    assert [each.oldest_writer for each in migrate.migrations.__wrapped__()] == [2, 2, 2]


def test_migrations_are_numbered_without_gaps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0002_second.sql").write_text("SELECT 1")
    monkeypatch.setattr(files, "sql_folder", lambda: tmp_path)
    with pytest.raises(LomiError, match="numbered"):
        migrate.migrations.__wrapped__()
    (folder / "notes.txt").write_text("")
    with pytest.raises(LomiError, match=r"notes\.txt"):
        migrate.migrations.__wrapped__()
