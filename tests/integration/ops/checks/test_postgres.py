"""Each check of Postgres with a Postgres of which just that is wrong."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import psycopg
import pytest

from lomi_ops.db.bootstrap import prepare
from lomi_ops.ops.checks import postgres
from tests.integration.ops.black_hole import black_hole
from tests.integration.ops.checks.conftest import (
    Find,
    altered,
    assert_only,
    at_port,
    detail,
    hanging_up,
    hint,
    value,
)
from tests.integration.ops.conftest import Sound, checks, troubled
from tests.services import PostgresServer, free_port, postgres_server

Point = Callable[[str], None]


@pytest.fixture
def point_database(monkeypatch: pytest.MonkeyPatch) -> Point:
    return lambda url: monkeypatch.setenv("LOMI_DATABASE_URL", url)


@contextmanager
def prepared(*settings: str) -> Iterator[PostgresServer]:
    """Another server, with the tables of the backend and of lomi."""
    with postgres_server(*settings) as server:
        prepare(server.url)
        yield server


@contextmanager
def crowd(url: str, number: int) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(psycopg.connect(url))
        yield


def change(sound: Sound, *statements: str) -> None:
    with sound.cluster.sql() as pg:
        for statement in statements:
            pg.execute(statement.encode())


# --- whether it answers -----------------------------------------------------------------------------------------------


def test_a_name_that_nobody_knows_is_told_with_the_name(sound: Sound, find: Find, point_database: Point) -> None:
    point_database("postgresql://lomi:long-enough@postgres.invalid/lomi")

    said = find()

    assert_only(said, "postgres.ping", "fail")
    assert "postgres.invalid" in detail(said, "postgres.ping")
    assert hint(said, "postgres.ping") == "check database.host and database.port, and whether Postgres runs"


def test_nobody_at_the_port_is_a_failure(sound: Sound, find: Find, point_database: Point) -> None:
    point_database(at_port(sound.cluster.database_url, free_port()))

    said = find()

    assert_only(said, "postgres.ping", "fail")
    assert "refused" in detail(said, "postgres.ping")


def test_a_wrong_password_fails_alone_and_is_not_shown(sound: Sound, find: Find, point_database: Point) -> None:
    place = urlsplit(sound.cluster.database_url)
    point_database(f"postgresql://lomi:not-the-password@127.0.0.1:{place.port}{place.path}")

    said = find()

    assert_only(said, "postgres.ping", "fail")
    assert hint(said, "postgres.ping") == "check database.user and database.password"
    assert "not-the-password" not in said.out + said.err


def test_a_database_that_does_not_exist_is_named(sound: Sound, find: Find, point_database: Point) -> None:
    place = urlsplit(sound.cluster.database_url)
    point_database(place._replace(path="/nowhere").geturl())

    said = find()

    assert_only(said, "postgres.ping", "fail")
    assert 'database "nowhere" does not exist' in detail(said, "postgres.ping")


def test_a_server_that_takes_the_connection_and_hangs_up_fails(sound: Sound, find: Find, point_database: Point) -> None:
    with hanging_up() as port:
        point_database(at_port(sound.cluster.database_url, port))
        said = find()

    assert_only(said, "postgres.ping", "fail")


def test_a_server_that_takes_the_connection_and_says_nothing_is_a_doubt(
    sound: Sound, find: Find, point_database: Point
) -> None:
    with black_hole() as hole:
        point_database(at_port(sound.cluster.database_url, hole.port))
        said = find()

    assert said.code == 3
    assert_only(said, "postgres.ping", "unknown")
    assert detail(said, "postgres.ping").startswith("timeout: ")


def test_a_server_without_tls_that_is_asked_for_it_says_so(sound: Sound, find: Find, point_database: Point) -> None:
    point_database(f"{sound.cluster.database_url}?sslmode=require")

    said = find()

    assert_only(said, "postgres.ping", "fail")
    assert "server does not support SSL" in detail(said, "postgres.ping")
    assert "database.ssl_mode" in hint(said, "postgres.ping")


def test_a_server_that_takes_nobody_any_more_says_so(sound: Sound, find: Find, point_database: Point) -> None:
    with prepared("max_connections=6", "superuser_reserved_connections=0") as server:
        point_database(server.url)
        with crowd(server.url, 6):
            said = find()

    assert_only(said, "postgres.ping", "fail")
    assert "too many clients" in detail(said, "postgres.ping")
    assert "max_connections" in hint(said, "postgres.ping")


# --- what it is -------------------------------------------------------------------------------------------------------


def test_a_database_that_only_reads_fails(sound: Sound, find: Find) -> None:
    name = urlsplit(sound.cluster.database_url).path.lstrip("/")
    change(sound, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')

    said = find()

    assert_only(said, "postgres.writable", "fail")
    assert "default_transaction_read_only" in hint(said, "postgres.writable")


def test_a_standby_fails(sound: Sound, find: Find, point_database: Point) -> None:
    with prepared() as server:
        server.stop()
        signal = server.data / "standby.signal"
        signal.touch()
        signal.chmod(0o644)
        server.start()
        point_database(server.url)
        said = find()

    assert_only(said, "postgres.writable", "fail")
    assert detail(said, "postgres.writable") == "this is a standby: nothing can be written"
    assert hint(said, "postgres.writable") == "point database.host at the primary"


def test_a_server_that_is_too_old_fails(sound: Sound, find: Find, point_database: Point) -> None:
    with sound.cluster.sql() as pg:
        number = str(pg.info.server_version)
    with altered(sound.cluster.database_url, {number.encode(): b"110022"}) as port:
        point_database(f"{at_port(sound.cluster.database_url, port)}?sslmode=disable")
        said = find()

    assert_only(said, "postgres.version", "fail")
    assert detail(said, "postgres.version") == "11 is older than 12"
    assert "postgres:15" in hint(said, "postgres.version")


@pytest.mark.parametrize(("idle", "status"), [(66, "warn"), (78, "fail")])
def test_a_server_whose_connections_run_out_is_told(
    sound: Sound, find: Find, point_database: Point, idle: int, status: str
) -> None:
    with prepared("max_connections=100", "superuser_reserved_connections=20") as server:
        point_database(server.url)
        with crowd(server.url, idle):
            said = find()

    assert_only(said, "postgres.connections", status)
    assert "of 80 connections" in detail(said, "postgres.connections")


def test_a_transaction_that_stays_open_is_a_warning(sound: Sound, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(sound.cluster.database_url, application_name="a-backup") as other:
        other.execute("SELECT pg_sleep(0.3)")
        with monkeypatch.context() as patch:
            patch.setattr(postgres, "LONG_S", 0.2)
            said = find()
        assert_only(said, "postgres.transactions", "warn")
        assert value(said, "postgres.transactions") >= 0.3
        other.commit()
        assert troubled(find()) == {}


def test_a_table_that_somebody_locks_is_a_doubt(sound: Sound, find: Find) -> None:
    with psycopg.connect(sound.cluster.database_url) as other:
        other.execute("LOCK TABLE media IN ACCESS EXCLUSIVE MODE")
        said = find("--only", "postgres", "--timeout", "6s")

    assert said.code == 3
    doubts = {slug for slug, status in troubled(said).items() if status == "unknown"}
    assert "postgres.media" in doubts
    assert "fail" not in troubled(said).values()
    assert detail(said, "postgres.media").startswith("timeout: ")


# --- what is in it ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        ("DROP INDEX idx_media_batch_id", "idx_media_batch_id"),
        ("DROP INDEX idx_media_moderation_status", "idx_media_moderation_status"),
        ("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_media_batch_id'::regclass",
         "idx_media_batch_id"),
        ("ALTER TABLE media DROP COLUMN moderation_scores", "moderation_scores"),
    ],
)  # fmt: skip
def test_what_the_migration_lacks_is_named(sound: Sound, find: Find, statement: str, missing: str) -> None:
    change(sound, statement)

    said = find()

    assert_only(said, "postgres.media", "fail")
    assert missing in detail(said, "postgres.media")
    assert hint(said, "postgres.media") == "lomi migrate apply"


def test_another_programs_database_is_told_as_such(sound: Sound, find: Find) -> None:
    change(sound, "DROP TABLE media CASCADE")

    said = find()

    assert_only(said, "postgres.media", "fail")
    assert detail(said, "postgres.media") == "there is no table media: not the backend's database"


@pytest.mark.parametrize(
    "state", ["moderation_status = NULL", "moderation_status = 'pending', moderated_at = NULL, batch_id = NULL"]
)
def test_rows_from_before_the_migration_are_counted(sound: Sound, find: Find, state: str) -> None:
    for _ in range(3):
        sound.cluster.photo("approved", batch=uuid.uuid4())
    change(sound, f"UPDATE media SET {state}")

    said = find()

    # To the queue the second kind are photos that were never queued.
    assert troubled(said) | {"postgres.pending": "warn"} == {"postgres.backfill": "fail", "postgres.pending": "warn"}
    assert value(said, "postgres.backfill") == 3
    assert detail(said, "postgres.backfill").startswith("3 rows of media")


def test_a_migration_that_is_pending_is_a_warning(sound: Sound, find: Find) -> None:
    change(
        sound, "DELETE FROM lomi.schema_migrations WHERE version = (SELECT max(version) FROM lomi.schema_migrations)"
    )

    said = find()

    assert_only(said, "postgres.schema", "warn")
    assert detail(said, "postgres.schema") == "1 migration pending"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE lomi.schema_migrations SET checksum = 'x' WHERE version = 1", "ran with another text"),
        (
            "INSERT INTO lomi.schema_migrations (version, name, checksum, oldest_writer) VALUES (9999, 'x', 'x', 9999)",
            "newer than this lomi",
        ),
    ],
)
def test_a_schema_that_is_not_this_versions_fails(sound: Sound, find: Find, statement: str, words: str) -> None:
    change(sound, statement)

    said = find()

    assert_only(said, "postgres.schema", "fail")
    assert words in detail(said, "postgres.schema")


def test_a_newer_schema_that_lets_this_version_write_is_a_warning(sound: Sound, find: Find) -> None:
    change(sound, "INSERT INTO lomi.schema_migrations (version, name, checksum) VALUES (9999, 'x', 'x')")

    said = find()

    assert_only(said, "postgres.schema", "warn")
    assert "may go on with it" in detail(said, "postgres.schema")


def test_photos_that_were_never_queued_are_a_warning(sound: Sound, find: Find) -> None:
    sound.cluster.photo()

    said = find()

    assert_only(said, "postgres.pending", "warn")
    assert detail(said, "postgres.pending") == "1 wait for a worker, 0 for a person; 1 were never queued"
    assert hint(said, "postgres.pending") == "lomi reconcile --dry-run, then lomi reconcile"


def test_a_role_that_may_read_and_no_more_learns_what_a_reader_can(
    sound: Sound, find: Find, point_database: Point
) -> None:
    role = f"reader_{uuid.uuid4().hex[:8]}"
    place = urlsplit(sound.cluster.database_url)
    change(
        sound, f"CREATE ROLE {role} LOGIN PASSWORD 'long-enough'", f"GRANT USAGE ON SCHEMA lomi TO {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public, lomi TO {role}",
    )  # fmt: skip
    try:
        point_database(f"postgresql://{role}:long-enough@127.0.0.1:{place.port}{place.path}")
        said = find()
    finally:
        change(sound, f"DROP OWNED BY {role}", f"DROP ROLE {role}")

    assert troubled(said) == {}
    assert checks(said)["postgres.transactions"]["status"] == "pass"


# --- the audit's end --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        (
            ("UPDATE lomi.audit_head SET seq = 7",),
            "the audit ends with 1, and its head says 7: somebody has changed it",
        ),
        (
            ("ALTER TABLE lomi.audit_chain DISABLE TRIGGER USER", "DELETE FROM lomi.audit_chain"),
            "the audit ends with 0, and its head says 1: somebody has changed it",
        ),
        (("DELETE FROM lomi.audit_head",), "the audit has no head: somebody has changed it"),
    ],
    ids=["a head that says more", "entries taken away", "no head"],
)
def test_an_audit_that_somebody_changed_at_its_end_fails(
    sound: Sound, find: Find, point_database: Point, statements: tuple[str, ...], told: str
) -> None:
    with prepared() as server:
        point_database(server.url)
        with psycopg.connect(server.url, autocommit=True) as pg:
            pg.execute("INSERT INTO lomi.audit (at, actor, action, subject) VALUES (now(), 'a', 'e2e', 'queue')")
            assert checks(find())["postgres.audit"]["status"] == "pass"
            for statement in statements:
                pg.execute(statement.encode())

        said = find()

    assert checks(said)["postgres.audit"]["status"] == "fail"
    assert detail(said, "postgres.audit") == told
    assert hint(said, "postgres.audit") == "lomi audit verify"
