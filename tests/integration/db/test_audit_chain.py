"""What the database itself keeps true of the audit, whatever program writes it."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from lomi_ops.db import audit, migrate
from lomi_ops.db.migration import files
from lomi_ops.db.pool import Database
from lomi_ops.domain.audit import AuditEntry

AT = datetime(2026, 3, 1, 12, 0, 0, 250001, UTC)
Plain = psycopg.Connection[Any]


def framed(*parts: str) -> bytes:
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)


def microseconds(at: datetime) -> str:
    return str((at - datetime.fromtimestamp(0, UTC)) // (datetime.resolution))


def entry(number: int = 1) -> AuditEntry:
    return AuditEntry("almaz", "queue.pause", f"queue {number} “ሰላም”", AT, "why", {"b": 1, "a": [None]}, {"x": number})


def chain(plain: Plain) -> list[dict[str, Any]]:
    return plain.execute(
        "SELECT c.*, a.salt, a.actor, a.subject, a.reason, a.before::text AS before, a.after::text AS after"
        " FROM lomi.audit_chain AS c JOIN lomi.audit AS a ON a.id = c.audit_id ORDER BY seq"
    ).fetchall()


def assert_sound(plain: Plain, length: int) -> None:
    """Computed here once more, by the words of docs/audit.md."""
    rows, last = chain(plain), bytes(32)
    assert [row["seq"] for row in rows] == list(range(1, length + 1))
    for row in rows:
        texts = (row[name] for name in ("actor", "action", "subject", "reason", "before", "after"))
        said = framed("lomi.audit/1", microseconds(row["at"]), *texts)
        assert hashlib.sha256(row["salt"] + said).digest() == row["commitment"]
        assert row["previous"] == last
        hexed = (row["commitment"].hex(), row["previous"].hex())
        link = framed("lomi.audit.chain/1", str(row["seq"]), microseconds(row["at"]), row["action"], *hexed)
        assert hashlib.sha256(link).digest() == row["hash"]
        last = row["hash"]
    assert plain.execute("SELECT seq, hash FROM lomi.audit_head").fetchall() == [{"seq": length, "hash": last}]


def test_every_entry_is_linked_to_the_one_before(db: Database, plain: Plain) -> None:
    for number in range(3):
        audit.record(db, entry(number))

    assert_sound(plain, 3)
    assert len({row["salt"] for row in chain(plain)}) == 3, "a salt each"


def test_a_row_that_an_older_program_adds_is_linked_as_well(db: Database, plain: Plain) -> None:
    plain.execute("INSERT INTO lomi.audit (at, actor, action, subject) VALUES (now(), 'old', 'e2e', 'queue')")

    assert_sound(plain, 1)


def test_entries_from_before_the_chain_are_linked_in_their_order(
    db: Database, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain.execute("DROP SCHEMA lomi CASCADE")
    with monkeypatch.context() as older:
        older.setattr(files, "migrations", lambda: migrate.migrations()[:3])
        migrate.apply(db)
    for number in range(5):
        audit.record(db, entry(number))

    migrate.apply(db)

    assert_sound(plain, 5)
    assert [row["subject"] for row in chain(plain)] == [entry(number).subject for number in range(5)]
    audit.record(db, entry(6))
    assert_sound(plain, 6)


def test_what_is_rolled_back_leaves_no_gap(db: Database, plain: Plain) -> None:
    audit.record(db, entry(1))
    with suppress(ZeroDivisionError), db.transaction() as session:
        audit.record_on(session, entry(2))
        raise ZeroDivisionError
    audit.record(db, entry(3))

    assert_sound(plain, 2)


@pytest.mark.parametrize("table", ["audit", "audit_chain", "notes", "decisions"])
@pytest.mark.parametrize("change", ["UPDATE {} SET at = now()", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_nothing_of_it_can_be_changed(db: Database, plain: Plain, table: str, change: str) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        plain.execute(change.format(f"lomi.{table}"))


def test_what_is_erased_is_erased_on_purpose(db: Database, plain: Plain) -> None:
    audit.record(db, entry(1))
    with plain.transaction():
        plain.execute("SET LOCAL lomi.erasing = 'yes'")
        assert plain.execute("DELETE FROM lomi.audit").rowcount == 1
    audit.record(db, entry(2))
    with pytest.raises(psycopg.errors.RestrictViolation):
        plain.execute("DELETE FROM lomi.audit")
