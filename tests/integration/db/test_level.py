"""An older program beside a newer schema: it writes as long as the schema lets it, and reads in any case."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
import pytest

from lomi_ops.db import audit, ledger, media, migrate, overrides
from lomi_ops.db.level import ASK_AGAIN_S, Gate, SchemaTooNew
from lomi_ops.db.pool import Database
from lomi_ops.db.queries import block_of, blocks
from lomi_ops.domain.audit import AuditEntry
from lomi_ops.domain.level import Standing, standing
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.errors import ExitCode
from tests.integration.db.conftest import AT, Backend, approval, plainly, seen

Plain = psycopg.Connection[dict[str, Any]]

ENTRY = AuditEntry("ada", "queue.pause", "queue", AT)


def future(plain: Plain, oldest_writer: int, program: str = "9.0") -> None:
    """A migration that this program has never heard of."""
    plain.execute(
        "INSERT INTO lomi.schema_migrations (version, name, checksum, oldest_writer, program)"
        " VALUES (9999, 'from_the_future', 'x', %s, %s)",
        (oldest_writer, program),
    )


@pytest.mark.parametrize(
    ("known", "oldest", "expected"),
    [
        (3, [], Standing.FITS), (3, [1], Standing.OLDER), (3, [3], Standing.OLDER), (3, [4], Standing.TOO_OLD),
        (3, [1, 5, 2], Standing.TOO_OLD),
    ],
)  # fmt: skip
def test_the_strictest_of_the_migrations_that_are_not_known_decides(
    known: int, oldest: list[int], expected: Standing
) -> None:
    assert standing(known, oldest) is expected


def test_a_schema_that_is_newer_and_lets_us_write_is_told_once(prepared_url: str, plain: Plain) -> None:
    future(plain, oldest_writer=migrate.level())
    told: list[str] = []
    with Database(prepared_url, tell=told.append) as db:
        assert media.has_lomi_schema(db)
        assert told == [], "reading is nobody's business"
        audit.record(db, ENTRY)
        audit.record(db, ENTRY)
        assert len(audit.entries(db)) == 2
    assert told == [
        (
            "the database has 9999_from_the_future (made by lomi 9.0), which this lomi does not know; it may"
            " still write:"
            " pip install 'lomi-ops>=9.0'"
        )
    ]


def test_a_schema_that_is_too_new_is_not_written_to_and_still_read(
    db: Database, plain: Plain, backend: Backend
) -> None:
    job = backend.job()
    audit.record(db, ENTRY)
    photo = seen(db, job.photos[0].media_id)
    future(plain, oldest_writer=migrate.level() + 1)
    with Database(plain.info.dsn + f" password={plain.info.password}", size=2) as late:
        for write in (
            lambda: audit.record(late, ENTRY),
            lambda: ledger.settle(late, job, [plainly(job.photos[0].media_id, MediaStatus.APPROVED)],
                                  attempt=1, token="t", worker="w", at=AT),
            lambda: overrides.override(late, photo, approval("ada", AT), job_id=str(uuid.uuid4())),
        ):  # fmt: skip
            with pytest.raises(SchemaTooNew, match=r"9999_from_the_future \(made by lomi 9\.0\)") as caught:
                write()
            assert caught.value.hint == "pip install 'lomi-ops>=9.0'"
            assert caught.value.exit_code is ExitCode.REFUSED
        assert len(audit.entries(late)) == 1
        assert media.pending(late).waiting == 2
        assert ledger.entry(late, job.job_id) is None, "nothing was written by halves"


def test_a_program_that_runs_on_hears_within_a_minute_that_the_schema_has_moved_on(db: Database, plain: Plain) -> None:
    now = [0.0]
    gate = Gate(lambda text: None, elapsed=lambda: now[0])
    with db.session() as session:
        gate.admit(session)
        future(plain, oldest_writer=9999)
        now[0] = ASK_AGAIN_S - 1
        gate.admit(session)
        now[0] = ASK_AGAIN_S
        with pytest.raises(SchemaTooNew):
            gate.admit(session)


def test_a_schema_of_before_there_were_levels_lets_everybody_write(db: Database, plain: Plain) -> None:
    plain.execute("ALTER TABLE lomi.schema_migrations DROP COLUMN oldest_writer, DROP COLUMN program")
    audit.record(db, ENTRY)
    plain.execute("INSERT INTO lomi.schema_migrations (version, name, checksum) VALUES (9999, 'x', 'x')")
    assert migrate.state(db).newer == ("9999_x",)
    assert migrate.state(db).may_write


def test_migrating_leaves_a_newer_schema_alone(db: Database, plain: Plain) -> None:
    future(plain, oldest_writer=1)
    plain.execute("DROP INDEX idx_media_batch_id")
    assert migrate.apply(db) == ()
    ran, left = migrate.apply_all(db, actor="ada", now=db.now)
    assert ran.steps == ("idx_media_batch_id",), "media is nobody's version"
    assert [difference.what for difference in left.found] == ["9999_from_the_future"]
    assert left.command == "pip install 'lomi-ops>=9.0'"


def test_migrating_stops_at_a_schema_that_is_too_new(prepared_url: str, plain: Plain) -> None:
    future(plain, oldest_writer=9999)
    plain.execute("DROP INDEX idx_media_batch_id")
    for step in (migrate.apply, migrate.dry_run):
        with Database(prepared_url) as db, pytest.raises(SchemaTooNew):
            step(db)
    with Database(prepared_url) as db, pytest.raises(SchemaTooNew):
        migrate.apply_all(db, actor="ada", now=db.now)


def test_a_gap_below_a_newer_migration_is_not_filled(db: Database, plain: Plain) -> None:
    future(plain, oldest_writer=1)
    plain.execute("DELETE FROM lomi.schema_migrations WHERE version = 3")
    from lomi_ops.errors import Refused

    with pytest.raises(Refused, match="9999_from_the_future, which this lomi does not know"):
        migrate.apply(db)


def test_every_migration_is_recorded_with_who_may_write_and_what_applied_it(db: Database, plain: Plain) -> None:
    from lomi_ops.version import __version__

    rows = plain.execute("SELECT version, oldest_writer, program FROM lomi.schema_migrations ORDER BY 1").fetchall()
    assert [row["oldest_writer"] for row in rows] == [each.oldest_writer for each in migrate.migrations()]
    assert {row["program"] for row in rows if row["version"] >= 3} == {__version__}


def test_what_is_taken_for_writing_is_what_the_server_takes_for_it(db: Database, plain: Plain) -> None:
    writing = set()
    for block in blocks().values():
        plain.execute(f"PREPARE probe AS {block.numbered}".encode())
        nothing = f"({', '.join(['NULL'] * len(block.inputs))})" if block.inputs else ""
        (plan,) = plain.execute(f"EXPLAIN (FORMAT JSON) EXECUTE probe{nothing}".encode()).fetchall()
        if "ModifyTable" in str(plan):
            writing.add(block.name)
        plain.execute("DEALLOCATE probe")
    assert writing == {name for name in blocks() if block_of(name).writes}
    assert len(writing) > 20
