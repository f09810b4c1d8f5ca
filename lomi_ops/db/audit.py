"""The audit: who did what, when and why. Rows are added and read, never changed; the database refuses it too."""

from __future__ import annotations

from lomi_ops.db.documents import jsonb, readable
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.audit import AuditEntry


def record(db: Database, entry: AuditEntry) -> None:
    """Adds an entry in a transaction of its own."""
    with db.session() as session:
        record_on(session, entry)


def record_on(session: Session, entry: AuditEntry) -> None:
    """Adds an entry within the caller's transaction, so that the deed and its record stand or fall together."""
    session.run(
        "audit_insert",
        at=entry.at,
        actor=readable(entry.actor),
        action=entry.action,
        subject=readable(entry.subject),
        reason=readable(entry.reason),
        before=jsonb(entry.before),
        after=jsonb(entry.after),
    )


def entries(
    db: Database, *, subject: str | None = None, actor: str | None = None, limit: int = 50
) -> tuple[AuditEntry, ...]:
    """The latest first; of one subject or one actor where they are given."""
    return tuple(db.all(AuditEntry, "audit_entries", subject=subject, actor=actor, limit=limit))
