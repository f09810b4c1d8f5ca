"""`lomi migrate` as an operator types it, and what other commands do beside a schema that they do not know."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from lomi_ops.db import migrate
from lomi_ops.db.pool import Database
from tests.integration.ops.conftest import Lomi, Said, checks
from tests.integration.ops.old_cluster import TABLES, OldCluster, scores
from tests.services import free_port

LONG_AGO = timedelta(hours=2)


@pytest.fixture
def unmigrated(redis_url: str, database_url: str, point: Any, tmp_path: Any) -> OldCluster:
    """The backend's tables before the moderation migration, three photos approved."""
    found = OldCluster(redis_url, database_url, tmp_path / "objects")
    found.build(moderation=False)
    with found.sql() as pg:
        pg.execute(
            "INSERT INTO media (user_id, media_type, url, is_approved)"
            " SELECT id, 'photo', n::text, n <= 3 FROM users, generate_series(1, 5) AS n"
        )
    point(found)
    return found


def last(said: Said) -> str:
    return said.out.splitlines()[-1]


# --- verify -----------------------------------------------------------------------------------------------------------


def test_verify_names_each_difference_and_ends_with_the_next_command(cluster: OldCluster, lomi: Lomi) -> None:
    with cluster.sql() as pg:
        pg.execute("ALTER TABLE media ALTER COLUMN retry_count DROP DEFAULT; DROP INDEX lomi.jobs_open")
        pg.execute("DROP INDEX idx_media_batch_id; CREATE TABLE lomi.x ()")

    said = lomi("migrate", "verify")

    assert (said.code, said.err) == (1, "")
    assert said.out.splitlines() == [
        "media.retry_count: integer, should be integer DEFAULT 0",
        "media.idx_media_batch_id: missing, should be an index on media: btree (batch_id)",
        "lomi.jobs.jobs_open: missing, should be an index on jobs: btree (opened_at) WHERE (settled_at IS NULL)",
        "lomi.x: a table that no migration made, should be absent",
        "by hand, with psql; ALTER COLUMN TYPE stops the app for as long as it runs:",
        "  ALTER TABLE media ALTER COLUMN retry_count SET DEFAULT 0;",
        "  CREATE INDEX CONCURRENTLY jobs_open ON lomi.jobs USING btree (opened_at) WHERE (settled_at IS NULL);",
        "  DROP TABLE lomi.x;  -- if nobody needs it",
        "not complete: lomi migrate apply",
    ]
    after = lomi("migrate", "apply")
    assert after.code == 1
    assert after.out.splitlines()[0] == "done: idx_media_batch_id"
    assert last(after) == "not complete; when that is done: lomi migrate verify"


def test_the_differences_are_records(cluster: OldCluster, lomi: Lomi) -> None:
    with cluster.sql() as pg:
        pg.execute("ALTER TABLE media ALTER COLUMN retry_count DROP DEFAULT; DROP INDEX idx_media_batch_id")

    said = lomi("migrate", "verify", "-o", "json")

    assert said.code == 1
    body = said.document
    assert body["schema"] == "lomi.migrate/v1"
    assert body["differences"] == [
        {
            "problem": "wrong", "what": "media.retry_count", "there": "integer", "should_be": "integer DEFAULT 0",
            "mender": "person", "fix": "ALTER TABLE media ALTER COLUMN retry_count SET DEFAULT 0;",
        },
        {
            "problem": "missing", "what": "media.idx_media_batch_id", "there": "missing",
            "should_be": "an index on media: btree (batch_id)", "mender": "apply", "fix": "",
        },
    ]  # fmt: skip
    # What was there before there were differences.
    assert body.keys() >= {
        "complete", "version", "media_exists", "media_columns_missing", "media_indexes_missing",
        "media_indexes_invalid", "pending", "altered", "newer",
    }  # fmt: skip
    assert body["media_indexes_missing"] == ["idx_media_batch_id"]
    assert (body["unread"], body["command"]) == ([], "lomi migrate apply")


def test_a_database_that_does_not_answer_cannot_be_told(lomi: Lomi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", f"postgresql://u:p@127.0.0.1:{free_port()}/x")
    for words in ("verify", "status", "apply"):
        said = lomi("migrate", words, "-o", "json")
        assert (said.code, said.out) == (3, ""), words
        assert said.err.splitlines()[-1] == "  try: check database.host and database.port, and whether Postgres runs"


def test_a_role_that_may_not_look_cannot_tell_and_is_told_the_grant(
    cluster: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = f"r_{uuid.uuid4().hex[:8]}"
    with cluster.sql() as pg:
        pg.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'canary'".encode())
    try:
        server = cluster.database_url.partition("@")[2]
        monkeypatch.setenv("LOMI_DATABASE_URL", f"postgresql://{role}:canary@{server}")
        verify, status, apply = (lomi("migrate", word) for word in ("verify", "status", "apply"))
    finally:
        with cluster.sql() as pg:
            pg.execute(f"DROP ROLE {role}".encode())
    grants = f"GRANT USAGE ON SCHEMA lomi TO {role}; GRANT SELECT ON lomi.schema_migrations TO {role};"
    assert verify.code == 3
    assert last(verify) == f"could not tell: {grants}"
    assert (status.code, status.err.splitlines()[-1]) == (3, f"  try: {grants}")
    assert apply.code == 5
    assert apply.err.splitlines() == [
        f"error: the role {role} may not read lomi.schema_migrations: what is applied is not known",
        "  try: lomi migrate apply, as lomi, which owns the schema",
    ]
    assert "Traceback" not in verify.err + status.err + apply.err


# --- status -----------------------------------------------------------------------------------------------------------


def test_the_status_of_an_old_cluster_is_that_everything_is_pending(unmigrated: OldCluster, lomi: Lomi) -> None:
    said = lomi("migrate", "status")
    assert (said.code, said.err) == (0, "")
    assert last(said) == f"there is no schema lomi, this lomi knows {migrate.level():04}: lomi migrate apply"
    body = lomi("migrate", "status", "-o", "json").document
    assert (body["schema"], body["version"], body["applied"]) == ("lomi.migrate.status/v1", 0, [])
    assert body["pending"] == [migration.label for migration in migrate.migrations()]


def test_the_status_of_an_empty_database_is_no_error(
    database_url: str, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", database_url)
    assert lomi("migrate", "status").code == 0


def test_the_status_says_when_and_by_whom_each_migration_was_applied(cluster: OldCluster, lomi: Lomi) -> None:
    said = lomi("migrate", "status")
    assert said.code == 0
    assert (
        last(said) == f"the schema is at {migrate.level():04}, this lomi knows {migrate.level():04}: nothing to apply"
    )
    body = lomi("migrate", "status", "-o", "json").document
    assert [entry["name"] for entry in body["applied"]] == [migration.name for migration in migrate.migrations()]
    assert all(entry["applied_at"].startswith("20") for entry in body["applied"])
    assert body["may_write"]


@pytest.mark.parametrize(("oldest", "words"), [(1, "it may still write there"), (9999, "it must not write there")])
def test_the_status_of_a_newer_schema_says_what_it_lets_this_lomi_do(
    cluster: OldCluster, lomi: Lomi, oldest: int, words: str
) -> None:
    future(cluster, oldest)
    said = lomi("migrate", "status")
    assert said.code == 0
    assert "9999_from_the_future  newer than this lomi" in said.out
    assert last(said).endswith(f"{words}; pip install 'lomi-ops>=9.0'")
    assert lomi("migrate", "status", "-o", "json").document["may_write"] is (oldest == 1)


# --- apply ------------------------------------------------------------------------------------------------------------


def test_apply_says_what_it_did_and_then_that_nothing_is_left(unmigrated: OldCluster, lomi: Lomi) -> None:
    said = lomi("migrate", "apply", "--as", "sara")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-8:] == [
        "done: columns of media", "done: rows of media", "done: idx_media_moderation_status",
        "done: idx_media_batch_id", "done: media_piles", "done: media_minors", "changed: 3 rows of media", "complete",
    ]  # fmt: skip
    again = lomi("migrate", "apply", "-o", "json").document
    assert (again["steps"], again["rows_changed"], again["complete"]) == ([], 0, True)
    assert lomi("migrate", "apply").out == "nothing to apply\ncomplete\n"
    with unmigrated.sql() as pg:
        assert pg.execute("SELECT actor, action FROM lomi.audit").fetchall() == [
            {"actor": "sara", "action": "migrate.apply"}
        ]


def test_a_dry_run_prints_sql_and_nothing_else(unmigrated: OldCluster, lomi: Lomi) -> None:
    before = unmigrated.picture()
    said = lomi("migrate", "apply", "--dry-run")
    assert (said.code, said.err) == (0, "")
    assert unmigrated.picture() == before
    assert said.out.startswith("-- 1. search path\n-- ")
    for statement in (
        "ALTER TABLE media\n    ADD COLUMN IF NOT EXISTS moderation_status varchar(20) DEFAULT 'pending'",
        "INSERT INTO lomi.schema_migrations (version, name, checksum)\nVALUES (1, 'record', '",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_media_batch_id ON media (batch_id);",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS media_piles ON media (moderation_status,",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS media_minors ON media (created_at, id)\nWHERE ",
        "set_config('lock_timeout', '200ms', true)",
    ):
        assert statement in said.out
    body = lomi("migrate", "apply", "--dry-run", "-o", "json").document
    assert body["dry_run"]
    transactions = ["search path", "schema lomi", *(m.label for m in migrate.migrations()), "columns of media"]
    assert [step["name"] for step in body["steps"] if step["sql"].startswith("BEGIN;\n")] == transactions
    assert lomi("migrate", "apply").code == 0
    assert lomi("migrate", "apply", "--dry-run").out == "-- nothing to apply\n"


def test_apply_waits_for_another_run_and_ends_with_75(
    unmigrated: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_WAIT_S", 0.2)
    with Database(unmigrated.database_url) as other, migrate.exclusive(other):
        said = lomi("migrate", "apply", "-o", "json")
    assert (said.code, said.out) == (75, "")
    assert said.err.splitlines()[0].startswith("lock: waits for another run (pid ")
    assert said.err.splitlines()[1].startswith("error: another run is migrating this database (pid ")
    assert said.err.splitlines()[-1] == "  try: wait for it, then: lomi migrate apply"


def test_apply_names_in_a_pipe_whom_it_waits_for_once(unmigrated: OldCluster, lomi: Lomi) -> None:
    with psycopg.connect(unmigrated.database_url, application_name="backend") as slow:
        slow.execute("SELECT FROM media")
        with released_after_a_try(slow):
            said = lomi("migrate", "apply")
    assert said.code == 0
    (note,) = said.err.splitlines()
    assert note.startswith("columns of media: waits for pid ")
    assert "(backend), idle in transaction" in note


def test_on_a_terminal_its_progress_is_drawn_beside_the_answer(unmigrated: OldCluster) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "lomi_ops", "migrate", "apply"]
    with psycopg.connect(unmigrated.database_url, application_name="backend") as slow:
        slow.execute("SELECT FROM media")
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=slave, env={**os.environ, "COLUMNS": "80"}
        ) as run:
            os.close(slave)
            drawn = b""
            while b"waits for pid" not in drawn or b"columns of media" not in drawn:
                drawn += os.read(master, 1000)
            slow.rollback()
            drain = threading.Thread(target=drained, args=(master,))
            drain.start()
            answer, _ = run.communicate(timeout=60)
            drain.join(30)
    os.close(master)
    assert run.returncode == 0
    assert answer.decode().splitlines()[-1] == "complete"
    assert "waits" not in answer.decode()
    assert "\x1b" not in answer.decode()


def drained(terminal: int) -> None:
    with suppress(OSError):  # how Linux says that the other end is closed
        while os.read(terminal, 1000):
            pass


@contextmanager
def released_after_a_try(slow: psycopg.Connection[Any]) -> Iterator[None]:
    """Lets go of the table while somebody waits for it for the second time: by then it has been told of the first."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"

    def watch() -> None:
        with psycopg.connect(slow.info.dsn, password=slow.info.password, autocommit=True) as admin:
            for wanted in (1, 0, 1):
                while admin.execute(waiting).fetchone() != (wanted,):
                    time.sleep(0.01)
        slow.rollback()

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield
    watcher.join(30)


def test_an_empty_database_is_not_the_backends(database_url: str, lomi: Lomi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", database_url)
    said = lomi("migrate", "apply")
    assert said.code == 1
    assert said.err == (
        "error: there is no table media in public, which is where this role looks\n  try: lomi config show --origin\n"
    )
    with psycopg.connect(database_url, autocommit=True) as pg:
        pg.execute(TABLES)
    assert lomi("migrate", "apply").code == 0


MISSING = "missing: media_piles, media_minors, which make lomi review quick: lomi migrate apply"


def test_indexes_that_nothing_needs_are_told_to_be_missing_and_are_no_difference(
    cluster: OldCluster, lomi: Lomi
) -> None:
    with cluster.sql() as pg:
        pg.execute("DROP INDEX media_piles; DROP INDEX media_minors")

    said = {words: lomi("migrate", words) for words in ("verify", "status")}

    assert (said["verify"].code, said["verify"].out) == (0, f"{MISSING}\ncomplete\n")
    assert (said["status"].code, said["status"].out.splitlines()[-2]) == (0, MISSING)
    told = [{"names": ["media_piles", "media_minors"], "state": "missing", "why": "", "command": "lomi migrate apply"}]
    body = lomi("migrate", "verify", "-o", "json").document
    assert (body["complete"], body["command"], body["media_indexes_absent"]) == (True, "", told)
    check = checks(lomi("check", "--only", "postgres.media", "-o", "json"))["postgres.media"]
    assert (check["status"], MISSING in check["detail"]) == ("pass", True)
    shown = lomi("migrate", "apply", "--dry-run").out
    assert shown.index("-- 1. media_piles") < shown.index("-- 2. media_minors")
    assert lomi("migrate", "apply").out == "done: media_piles\ndone: media_minors\ncomplete\n"
    assert lomi("migrate", "verify").out == "complete\n"


# --- beside a newer schema --------------------------------------------------------------------------------------------


def future(cluster: OldCluster, oldest_writer: int) -> None:
    with cluster.sql() as pg:
        pg.execute(
            "INSERT INTO lomi.schema_migrations (version, name, checksum, oldest_writer, program)"
            " VALUES (9999, 'from_the_future', 'x', %s, '9.0')",
            (oldest_writer,),
        )


def writing(cluster: OldCluster) -> dict[str, tuple[object, ...]]:
    """Every command that writes to Postgres, with something to do."""
    batch = uuid.uuid4()
    photos = [cluster.photo("rejected", "blurry", scores(), batch=batch) for _ in range(2)]
    lost = cluster.photo(batch=uuid.uuid4(), ago=LONG_AGO)
    return {
        "review approve": ("review", "approve", photos[0], "--reason", "sharp"),
        "review reject": ("review", "reject", photos[1], "--because", "nsfw", "--reason", "look"),
        "jobs submit": ("jobs", "submit", "--async", lost),
        "reconcile": ("reconcile", "--older-than", "0s"),
        "migrate apply": ("migrate", "apply"),
    }


@pytest.mark.parametrize("command", ["review approve", "review reject", "jobs submit", "reconcile"])
def test_a_command_that_may_still_write_says_so_once_and_does_its_work(
    cluster: OldCluster, lomi: Lomi, command: str
) -> None:
    future(cluster, oldest_writer=1)
    said = lomi(*writing(cluster)[command])
    assert said.code == 0
    assert [line for line in said.err.splitlines() if line.startswith("warning: ")] == [
        (
            "warning: the database has 9999_from_the_future (made by lomi 9.0), which this lomi does not know; it may"
            " still write: pip install 'lomi-ops>=9.0'"
        )
    ]


@pytest.mark.parametrize("command", ["review approve", "review reject", "jobs submit", "reconcile", "migrate apply"])
def test_a_command_that_must_not_write_stops_before_it_does(cluster: OldCluster, lomi: Lomi, command: str) -> None:
    words = writing(cluster)[command]
    if command == "review approve":
        lomi("review", "approve", words[2], "--reason", "before the schema moved on")
        words = ("review", "reject", words[2], "--because", "nsfw", "--reason", "look")
    future(cluster, oldest_writer=9999)
    before = cluster.picture()

    said = lomi(*words)

    assert said.code == 5
    assert said.out == ""
    assert said.err.splitlines()[-2:] == [
        (
            "error: the database has 9999_from_the_future (made by lomi 9.0): who writes there must know 9999, and this"
            f" lomi knows {migrate.level():04}"
        ),
        "  try: pip install 'lomi-ops>=9.0'",
    ]
    after = cluster.picture()
    assert after["media"] == before["media"]
    assert after["keys"] == before["keys"], "nothing was queued or published either"


def test_what_is_done_to_the_queue_is_told_to_be_missing_in_the_audit(cluster: OldCluster, lomi: Lomi) -> None:
    """Pausing is no write to the schema, and an incident is no time to refuse it."""
    future(cluster, oldest_writer=9999)
    said = lomi("queue", "pause", "--reason", "deploy")
    assert said.code == 0
    assert "warning: not in the audit: the database has 9999_from_the_future" in said.err


def test_commands_that_read_go_on_beside_a_schema_that_is_too_new(cluster: OldCluster, lomi: Lomi) -> None:
    photo = cluster.photo("rejected", "blurry", scores())
    future(cluster, oldest_writer=9999)
    assert str(photo) in lomi("review", "list").out
    assert lomi("report", "--window", "today", "-o", "json").document["figures"]["rejected"] == 1
    assert lomi("top", "--once").code == 0
    assert lomi("jobs", "history").code == 0
    verify = lomi("migrate", "verify")
    assert verify.code == 1
    assert verify.out.splitlines() == [
        (
            "9999_from_the_future: applied by lomi 9.0; this lomi must not write any more,"
            f" should be known to this lomi, whose last is {migrate.level():04}"
        ),
        "not complete: pip install 'lomi-ops>=9.0'",
    ]
    assert json.loads(lomi("migrate", "verify", "-o", "jsonl").out)["newer"] == ["9999_from_the_future"]
