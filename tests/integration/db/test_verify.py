"""`migrate.differences`: whatever is broken in a real database is named, with what is there and what should be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from lomi_ops.db import migrate
from lomi_ops.db.bootstrap import prepare
from lomi_ops.db.migration import files
from lomi_ops.db.pool import Database
from lomi_ops.domain.drift import Mender, Problem
from lomi_ops.errors import DatabaseUnavailable, LomiError
from tests.integration.db.conftest import role_of_its_own
from tests.integration.db.shapes import FOLDER, made

Plain = psycopg.Connection[dict[str, Any]]

INDEX = "btree (moderation_status) WHERE ((moderation_status)::text = 'pending'::text)"


def lines(db: Database) -> list[str]:
    return [difference.line for difference in migrate.differences(db).found]


def test_what_is_shipped_as_the_shape_is_what_the_migrations_make(database_url: str) -> None:
    shipped = {path.name: path.read_text() for path in FOLDER.iterdir()}
    assert made(database_url) == shipped, "make shapes"
    assert len(shipped) == len(migrate.migrations()) + 1


def test_a_freshly_prepared_database_differs_in_nothing(db: Database) -> None:
    found = migrate.differences(db)
    assert (found.found, found.unread, found.complete, found.command) == ((), (), True, "")


FROM_BACKUP = "restore it from a backup"

# What an operator does, the one line that follows, who mends it, and (for a person) with what.
BROKEN: dict[str, tuple[str, str, Mender, str]] = {
    "a column of media is missing": (
        "ALTER TABLE media DROP COLUMN moderation_reason",
        "media.moderation_reason: missing, should be text",
        Mender.APPLY, "",
    ),
    "a column of media has another type": (
        "ALTER TABLE media ALTER COLUMN retry_count TYPE bigint",
        "media.retry_count: bigint DEFAULT 0, should be integer DEFAULT 0",
        Mender.PERSON,
        ("ALTER TABLE media ALTER COLUMN retry_count DROP DEFAULT;"
        " ALTER TABLE media ALTER COLUMN retry_count TYPE integer USING retry_count::text::integer;"
        " ALTER TABLE media ALTER COLUMN retry_count SET DEFAULT 0;"),
    ),
    "a column of media is too short": (
        "ALTER TABLE media ALTER COLUMN moderation_reason TYPE varchar(10)",
        "media.moderation_reason: character varying(10), should be text",
        Mender.PERSON,
        "ALTER TABLE media ALTER COLUMN moderation_reason TYPE text USING moderation_reason::text::text;",
    ),
    "a column of media has no time zone": (
        "ALTER TABLE media ALTER COLUMN moderated_at TYPE timestamp",
        "media.moderated_at: timestamp without time zone, should be timestamp with time zone",
        Mender.PERSON,
        ("ALTER TABLE media ALTER COLUMN moderated_at TYPE timestamp with time zone"
        " USING moderated_at::text::timestamp with time zone;"),
    ),
    "a column of media has another default": (
        "ALTER TABLE media ALTER COLUMN moderation_status SET DEFAULT 'approved'",
        ("media.moderation_status: character varying(20) DEFAULT 'approved'::character varying,"
        " should be character varying(20) DEFAULT 'pending'::character varying"),
        Mender.PERSON,
        "ALTER TABLE media ALTER COLUMN moderation_status SET DEFAULT 'pending'::character varying;",
    ),
    "a column of media has no default": (
        "ALTER TABLE media ALTER COLUMN retry_count DROP DEFAULT",
        "media.retry_count: integer, should be integer DEFAULT 0",
        Mender.PERSON,
        "ALTER TABLE media ALTER COLUMN retry_count SET DEFAULT 0;",
    ),
    "a column of media must not be null": (
        "ALTER TABLE media ALTER COLUMN batch_id SET DEFAULT gen_random_uuid(), ALTER COLUMN batch_id SET NOT NULL",
        "media.batch_id: uuid DEFAULT gen_random_uuid() NOT NULL, should be uuid",
        Mender.PERSON,
        "ALTER TABLE media ALTER COLUMN batch_id DROP DEFAULT; ALTER TABLE media ALTER COLUMN batch_id DROP NOT NULL;",
    ),
    "an index of media is missing": (
        "DROP INDEX idx_media_batch_id",
        "media.idx_media_batch_id: missing, should be an index on media: btree (batch_id)",
        Mender.APPLY, "",
    ),
    "an index of media is invalid": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_media_batch_id'::regclass",
        ("media.idx_media_batch_id: invalid, left by a build that was interrupted or is still at work,"
        " should be an index on media: btree (batch_id)"),
        Mender.APPLY, "",
    ),
    "an index of media is on another column": (
        "DROP INDEX idx_media_batch_id; CREATE INDEX idx_media_batch_id ON media (user_id)",
        "media.idx_media_batch_id: btree (user_id), should be btree (batch_id)",
        Mender.PERSON,
        ("DROP INDEX CONCURRENTLY idx_media_batch_id;"
        " CREATE INDEX CONCURRENTLY idx_media_batch_id ON media USING btree (batch_id);"),
    ),
    "an index of media has no predicate": (
        "DROP INDEX idx_media_moderation_status; CREATE INDEX idx_media_moderation_status ON media (moderation_status)",
        f"media.idx_media_moderation_status: btree (moderation_status), should be {INDEX}",
        Mender.PERSON,
        ("DROP INDEX CONCURRENTLY idx_media_moderation_status;"
        f" CREATE INDEX CONCURRENTLY idx_media_moderation_status ON media USING {INDEX};"),
    ),
    "an index of media has another predicate": (
        ("DROP INDEX idx_media_moderation_status; CREATE INDEX idx_media_moderation_status ON media (moderation_status)"
        " WHERE moderation_status = 'rejected'"),
        f"media.idx_media_moderation_status: {INDEX.replace('pending', 'rejected')}, should be {INDEX}",
        Mender.PERSON,
        ("DROP INDEX CONCURRENTLY idx_media_moderation_status;"
        f" CREATE INDEX CONCURRENTLY idx_media_moderation_status ON media USING {INDEX};"),
    ),
    "an index of that name is on another table": (
        "DROP INDEX idx_media_batch_id; CREATE INDEX idx_media_batch_id ON users (telegram_id)",
        "media.idx_media_batch_id: on users: btree (telegram_id), should be btree (batch_id)",
        Mender.PERSON,
        ("DROP INDEX CONCURRENTLY idx_media_batch_id;"
        " CREATE INDEX CONCURRENTLY idx_media_batch_id ON media USING btree (batch_id);"),
    ),
    "a table of ours is missing": (
        "DROP TABLE lomi.checkpoints",
        "lomi.checkpoints: missing, should be table",
        Mender.PERSON, FROM_BACKUP,
    ),
    "a table of ours may lose its rows": (
        "ALTER TABLE lomi.checkpoints SET UNLOGGED",
        "lomi.checkpoints: unlogged table, should be table",
        Mender.PERSON, "ALTER TABLE lomi.checkpoints SET LOGGED;",
    ),
    "a column of ours is missing": (
        "ALTER TABLE lomi.jobs DROP COLUMN host",
        "lomi.jobs.host: missing, should be text",
        Mender.PERSON, "ALTER TABLE lomi.jobs ADD COLUMN host text;",
    ),
    "a column of ours has another type": (
        "ALTER TABLE lomi.jobs ALTER COLUMN took_ms TYPE real",
        "lomi.jobs.took_ms: real, should be double precision",
        Mender.PERSON,
        "ALTER TABLE lomi.jobs ALTER COLUMN took_ms TYPE double precision USING took_ms::text::double precision;",
    ),
    "a column of ours may be null": (
        "ALTER TABLE lomi.jobs ALTER COLUMN batch_id DROP NOT NULL",
        "lomi.jobs.batch_id: uuid, should be uuid NOT NULL",
        Mender.PERSON, "ALTER TABLE lomi.jobs ALTER COLUMN batch_id SET NOT NULL;",
    ),
    "an identity is gone": (
        "ALTER TABLE lomi.audit ALTER COLUMN id DROP IDENTITY",
        "lomi.audit.id: bigint NOT NULL, should be bigint GENERATED ALWAYS AS IDENTITY NOT NULL",
        Mender.PERSON,
        ("ALTER TABLE lomi.audit DROP COLUMN id;"
        " ALTER TABLE lomi.audit ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY NOT NULL;"),
    ),
    "a constraint of ours is missing": (
        "ALTER TABLE lomi.jobs DROP CONSTRAINT attempts_begin_at_one",
        "lomi.jobs.attempts_begin_at_one: missing, should be CHECK ((attempt >= 1))",
        Mender.PERSON,
        "ALTER TABLE lomi.jobs ADD CONSTRAINT attempts_begin_at_one CHECK ((attempt >= 1));",
    ),
    "a constraint of ours is another one": (
        ("ALTER TABLE lomi.jobs DROP CONSTRAINT attempts_begin_at_one;"
        "ALTER TABLE lomi.jobs ADD CONSTRAINT attempts_begin_at_one CHECK (attempt >= 0)"),
        "lomi.jobs.attempts_begin_at_one: CHECK ((attempt >= 0)), should be CHECK ((attempt >= 1))",
        Mender.PERSON,
        ("ALTER TABLE lomi.jobs DROP CONSTRAINT attempts_begin_at_one;"
        " ALTER TABLE lomi.jobs ADD CONSTRAINT attempts_begin_at_one CHECK ((attempt >= 1));"),
    ),
    "a constraint of ours was not held against old rows": (
        ("ALTER TABLE lomi.jobs DROP CONSTRAINT attempts_begin_at_one;"
        "ALTER TABLE lomi.jobs ADD CONSTRAINT attempts_begin_at_one CHECK (attempt >= 1) NOT VALID"),
        "lomi.jobs.attempts_begin_at_one: CHECK ((attempt >= 1)) NOT VALID, should be CHECK ((attempt >= 1))",
        Mender.PERSON,
        ("ALTER TABLE lomi.jobs DROP CONSTRAINT attempts_begin_at_one;"
        " ALTER TABLE lomi.jobs ADD CONSTRAINT attempts_begin_at_one CHECK ((attempt >= 1));"),
    ),
    "an index of ours is missing": (
        "DROP INDEX lomi.jobs_open",
        "lomi.jobs.jobs_open: missing, should be an index on jobs: btree (opened_at) WHERE (settled_at IS NULL)",
        Mender.PERSON,
        "CREATE INDEX CONCURRENTLY jobs_open ON lomi.jobs USING btree (opened_at) WHERE (settled_at IS NULL);",
    ),
    "an index of ours is invalid": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'lomi.jobs_batch_id'::regclass",
        ("lomi.jobs.jobs_batch_id: invalid, left by a build that was interrupted or is still at work,"
        " should be an index on jobs: btree (batch_id)"),
        Mender.PERSON,
        ("DROP INDEX CONCURRENTLY lomi.jobs_batch_id;"
        " CREATE INDEX CONCURRENTLY jobs_batch_id ON lomi.jobs USING btree (batch_id);"),
    ),
    "nothing refuses changes of the log any more": (
        "DROP TRIGGER append_only ON lomi.decisions",
        ("lomi.decisions.append_only: missing, should be BEFORE DELETE OR UPDATE OR TRUNCATE ON lomi.decisions"
        " FOR EACH STATEMENT EXECUTE FUNCTION lomi.refuse_change()"),
        Mender.PERSON,
        ("CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON lomi.decisions"
        " FOR EACH STATEMENT EXECUTE FUNCTION lomi.refuse_change();"),
    ),
    "a trigger is switched off": (
        "ALTER TABLE lomi.audit DISABLE TRIGGER append_only",
        ("lomi.audit.append_only: BEFORE DELETE OR UPDATE OR TRUNCATE ON lomi.audit FOR EACH STATEMENT"
        " EXECUTE FUNCTION lomi.refuse_change(), disabled, should be BEFORE DELETE OR UPDATE OR TRUNCATE ON lomi.audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION lomi.refuse_change()"),
        Mender.PERSON, "ALTER TABLE lomi.audit ENABLE TRIGGER append_only;",
    ),
    "somebody added a table": (
        "CREATE TABLE lomi.scraps (id int PRIMARY KEY, n text); CREATE INDEX ON lomi.scraps (n)",
        "lomi.scraps: a table that no migration made, should be absent",
        Mender.PERSON, "DROP TABLE lomi.scraps;  -- if nobody needs it",
    ),
    "somebody added a column": (
        "ALTER TABLE lomi.jobs ADD COLUMN colour text",
        "lomi.jobs.colour: a column that no migration made, should be absent",
        Mender.PERSON, "ALTER TABLE lomi.jobs DROP COLUMN colour;  -- if nobody needs it",
    ),
    "somebody added an index": (
        "CREATE INDEX by_worker ON lomi.jobs (worker)",
        "lomi.jobs.by_worker: an index that no migration made, should be absent",
        Mender.PERSON, "DROP INDEX CONCURRENTLY lomi.by_worker;  -- if nobody needs it",
    ),
    "somebody added a constraint": (
        "ALTER TABLE lomi.jobs ADD CONSTRAINT few CHECK (approved < 10)",
        "lomi.jobs.few: a constraint that no migration made, should be absent",
        Mender.PERSON, "ALTER TABLE lomi.jobs DROP CONSTRAINT few;  -- if nobody needs it",
    ),
    "somebody added a view": (
        "CREATE VIEW lomi.recent AS SELECT job_id FROM lomi.jobs",
        "lomi.recent: a view that no migration made, should be absent",
        Mender.PERSON, "DROP VIEW lomi.recent;  -- if nobody needs it",
    ),
    "somebody added a trigger": (
        "CREATE TRIGGER mine BEFORE UPDATE ON lomi.jobs FOR EACH STATEMENT EXECUTE FUNCTION lomi.refuse_change()",
        "lomi.jobs.mine: a trigger that no migration made, should be absent",
        Mender.PERSON, "DROP TRIGGER mine ON lomi.jobs;  -- if nobody needs it",
    ),
    "a function is another one": (
        "CREATE OR REPLACE FUNCTION lomi.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "lomi.refuse_change(): returns trigger, plpgsql, text",
        Mender.PERSON, FROM_BACKUP,
    ),
    "a row has no status": (
        "INSERT INTO media (user_id, media_type, url, moderation_status) SELECT id, 'photo', 'k', NULL FROM users",
        "media: 1 row without a moderation_status, should be pending, or approved by their flag",
        Mender.APPLY, "",
    ),
    "rows were approved before there was moderation": (
        "INSERT INTO media (user_id, media_type, url, is_approved) SELECT id, 'photo', 'k', true FROM users;" * 2,
        "media: 2 rows pending that is_approved calls approved, from before moderation, should be approved",
        Mender.APPLY, "",
    ),
    "a file was altered": (
        "UPDATE lomi.schema_migrations SET checksum = 'other' WHERE version = 2",
        "migrations/0002_submissions.sql: another text than the one that ran, should be the text that ran",
        Mender.PROGRAM, "",
    ),
    "the schema is newer": (
        ("INSERT INTO lomi.schema_migrations VALUES (9999, 'from_the_future', 'x', now(), 1, '9.0');"
        "CREATE TABLE lomi.new ()"),
        ("9999_from_the_future: applied by lomi 9.0; programs as old as this one may still write,"
        f" should be known to this lomi, whose last is {migrate.level():04}"),
        Mender.PROGRAM, "",
    ),
    "a role called lomi would look into the schema lomi": (
        ("ALTER ROLE lomi RESET search_path;"
            "DO $$ BEGIN EXECUTE format('ALTER ROLE lomi IN DATABASE %I RESET search_path',"
        " current_database()); END $$"),
        'role lomi: its search path "$user", public leads into the schema lomi first, should be past it',
        Mender.APPLY, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_each_thing_that_can_be_broken_is_told_on_one_line(db: Database, plain: Plain, case: str) -> None:
    statement, line, mender, fix = BROKEN[case]
    plain.execute("INSERT INTO users (telegram_id) VALUES (7)")

    plain.execute(statement.encode())

    found = migrate.differences(db)
    assert [difference.line[: len(line)] for difference in found.found] == [line]
    assert found.found[0].mender is mender
    assert found.found[0].fix == (fix if fix != FROM_BACKUP else f"-- {found.found[0].what}: {FROM_BACKUP}")
    assert "\n" not in found.found[0].line
    assert (found.unread, found.complete) == ((), False)
    commands = {Mender.APPLY: "lomi migrate apply", Mender.PERSON: "lomi migrate verify"}
    if mender in commands:
        assert found.command == commands[mender]


@pytest.mark.parametrize("case", [case for case, (_, _, mender, _) in BROKEN.items() if mender is Mender.APPLY])
def test_what_apply_is_said_to_mend_it_mends(db: Database, plain: Plain, case: str) -> None:
    plain.execute("INSERT INTO users (telegram_id) VALUES (7)")
    plain.execute(BROKEN[case][0].encode())

    _, left = migrate.apply_all(db, actor="ada", now=db.now)

    assert left.complete


@pytest.mark.parametrize(
    "case",
    [
        c
        for c, (_, _, who, fix) in BROKEN.items()
        if who is Mender.PERSON and fix.startswith(("ALTER", "CREATE", "DROP"))
    ],
)
def test_what_a_person_is_told_to_run_mends_it(db: Database, plain: Plain, case: str) -> None:
    plain.execute(BROKEN[case][0].encode())

    for statement in statements(migrate.differences(db).found[0].fix):
        plain.execute(statement.encode())

    left = migrate.differences(db).found
    # Dropping the column of an identity takes the indexes and the key along that it is in.
    assert (
        all(difference.problem is Problem.MISSING for difference in left) if case == "an identity is gone" else not left
    )


def statements(fix: str) -> Iterator[str]:
    return (part.strip() for part in fix.partition("  --")[0].split(";") if part.strip())


def test_what_apply_leaves_alone_is_still_a_difference_afterwards(db: Database, plain: Plain) -> None:
    plain.execute("DROP INDEX idx_media_batch_id; CREATE INDEX idx_media_batch_id ON media (user_id)")
    plain.execute("ALTER TABLE media ALTER COLUMN retry_count TYPE bigint; DROP INDEX idx_media_moderation_status")

    ran, left = migrate.apply_all(db, actor="ada", now=db.now)

    assert ran.steps == ("idx_media_moderation_status",)
    assert [difference.what for difference in left.found] == ["media.retry_count", "media.idx_media_batch_id"]


def test_nothing_is_built_upon_a_column_of_another_type_until_a_person_has_mended_it(
    db: Database, plain: Plain
) -> None:
    plain.execute("CREATE TYPE state AS ENUM ('pending', 'approved')")
    plain.execute("DROP INDEX idx_media_moderation_status, idx_media_batch_id, media_piles")
    plain.execute("ALTER TABLE media ALTER COLUMN moderation_status DROP DEFAULT")
    plain.execute("ALTER TABLE media ALTER COLUMN moderation_status TYPE state USING 'pending'")

    ran, left = migrate.apply_all(db, actor="ada", now=db.now)

    assert ran.steps == ("idx_media_batch_id",)
    assert [(difference.line.partition(",")[0], difference.mender) for difference in left.found] == [
        ("media.moderation_status: state", Mender.PERSON),
        ("media.idx_media_moderation_status: missing", Mender.PERSON),
    ]  # fmt: skip
    assert [unread.line for unread in left.unread] == ["rows of media: not known, moderation_status is state"]
    for statement in statements(left.found[0].fix):
        plain.execute(statement.encode())
    assert migrate.apply_all(db, actor="ada", now=db.now)[1].complete


def test_an_index_whose_column_has_another_type_is_judged_with_the_column(db: Database, plain: Plain) -> None:
    plain.execute("ALTER TABLE media ALTER COLUMN moderation_status TYPE text")
    found = migrate.differences(db)
    assert [difference.what for difference in found.found] == ["media.moderation_status"]
    for statement in statements(found.found[0].fix):
        plain.execute(statement.encode())
    assert migrate.differences(db).complete


def test_everything_that_differs_is_told_at_once(db: Database, plain: Plain) -> None:
    plain.execute("ALTER TABLE media DROP COLUMN retry_count; DROP INDEX lomi.jobs_open; CREATE TABLE lomi.x ()")
    found = migrate.differences(db)
    assert [difference.what for difference in found.found] == ["media.retry_count", "lomi.jobs.jobs_open", "lomi.x"]
    assert found.command == "lomi migrate apply"


def test_defaults_that_mean_the_same_do_not_differ(db: Database, plain: Plain) -> None:
    plain.execute("ALTER TABLE media ALTER COLUMN retry_count SET DEFAULT '0'")
    plain.execute("ALTER TABLE media ALTER COLUMN moderation_status SET DEFAULT 'pending'::text")
    assert lines(db) == []


def test_what_the_backend_adds_to_its_table_is_no_matter(db: Database, plain: Plain) -> None:
    plain.execute("ALTER TABLE media ADD COLUMN blurhash text NOT NULL DEFAULT 'x'")
    plain.execute("CREATE INDEX idx_media_user ON media (user_id, moderation_status)")
    assert lines(db) == []


def test_an_old_cluster_lacks_the_migrations_and_not_every_single_table(old: str) -> None:
    with Database(old) as db:
        found = migrate.differences(db)
    assert [difference.what for difference in found.found] == [
        *(f"media.{name}" for names in (migrate.MEDIA_COLUMNS, migrate.MEDIA_INDEXES) for name in sorted(names)),
        *(migration.label for migration in migrate.migrations()),
    ]  # fmt: skip
    assert {difference.mender for difference in found.found} == {Mender.APPLY}


def test_a_schema_of_an_older_version_is_compared_with_that_version(
    db: Database, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    *earlier, last = migrate.migrations()
    plain.execute("DROP SCHEMA lomi CASCADE")
    with monkeypatch.context() as older:
        older.setattr(files, "migrations", lambda: tuple(earlier))
        migrate.apply(db)
    assert lines(db) == [f"{last.label}: not applied, should be applied"]
    plain.execute("DROP INDEX lomi.jobs_open")
    assert len(lines(db)) == 2


def test_a_database_without_media_is_named_as_such(database_url: str) -> None:
    with Database(database_url) as db:
        found = migrate.differences(db)
    assert found.found[0].line == "media: no such table in public, should be the backend's table"
    assert found.command == "lomi config show --origin"


def test_a_schema_lomi_of_somebody_elses_is_all_extra(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection, Database(database_url) as db:
        connection.execute("CREATE SCHEMA lomi; CREATE TABLE lomi.audit (n int)")
        connection.execute("ALTER ROLE lomi SET search_path = public")
        try:
            assert "lomi.audit: a table that no migration made, should be absent" in lines(db)
        finally:
            connection.execute("ALTER ROLE lomi RESET search_path")


@pytest.fixture
def stranger(prepared_url: str) -> Iterator[str]:
    """A role that may connect, and nothing else."""
    with role_of_its_own(prepared_url) as (_, url):
        yield url


def test_a_role_that_may_not_look_is_told_what_it_would_need(prepared_url: str, stranger: str, plain: Plain) -> None:
    with Database(stranger) as db:
        found = migrate.differences(db)
        role = stranger.partition("user=")[2].split()[0]

        assert found.found == ()
        assert [unread.line for unread in found.unread] == [
            f"schema lomi: not known, the role {role} may not read lomi.schema_migrations",
            "rows of media: not known, permission denied for table media",
        ]
        with pytest.raises(LomiError, match=r"may not read lomi\.schema_migrations") as caught:
            migrate.state(db)
        assert caught.value.exit_code == 3
        assert caught.value.hint == found.command
        for unread in found.unread:
            plain.execute(unread.command.encode())
        assert migrate.differences(db).complete


def test_a_table_that_is_locked_cannot_be_told_and_is_not_called_fine(prepared_url: str) -> None:
    with psycopg.connect(prepared_url) as holder, Database(prepared_url) as db:
        holder.execute("LOCK TABLE media IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseUnavailable, match="lock timeout") as caught:
            migrate.differences(db)
    assert caught.value.exit_code == 3


def test_without_the_rows_the_table_is_not_read(db: Database, plain: Plain) -> None:
    plain.execute("INSERT INTO users (telegram_id) VALUES (7)")
    plain.execute(BROKEN["a row has no status"][0].encode())
    assert migrate.differences(db, rows=False).complete
    assert not migrate.differences(db).complete


def test_the_state_is_read_in_a_few_round_trips_and_agrees(db: Database, plain: Plain) -> None:
    plain.execute("DROP INDEX idx_media_batch_id")
    state = migrate.state(db)
    assert state.media.missing_indexes == ("idx_media_batch_id",)
    assert state.current
    assert state == migrate.differences(db).state


def test_preparing_is_what_apply_does(database_url: str) -> None:
    prepare(database_url)
    with Database(database_url) as db:
        assert migrate.differences(db).complete
