"""Looking for findings that may be taken again: of the last photo with the same bytes that engines were asked about.

An erased user's decisions are gone from the log, and so from here; a row without hash or inputs is never found.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lomi_ops.db.documents import evidence_of
from lomi_ops.db.pool import Database
from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.domain.reuse import Known


@dataclass(frozen=True, slots=True)
class Found:
    """What the log has on some bytes."""

    known: Known | None = None
    person: bool = False
    """A person has decided on a photo with these bytes: then nothing is known."""


def ready(db: Database) -> bool:
    """False on a schema of before, and while the index is not whole."""
    return bool(db.value("reuse_ready"))


def find(db: Database, sha256: str, inputs: str, *, since: datetime) -> Found:
    """Raises KeyError, TypeError or ValueError for a row that nobody can read."""
    return db.one(_found, "reuse_find", sha256=sha256, inputs=inputs, since=since) or Found()


def _found(
    *, person: bool, id: int, at: datetime, photo: Any, engines: Any, findings: Any, ms: float | None,  # noqa: A002
    hash: bytes | None,  # noqa: A002
) -> Found:  # fmt: skip
    if person:
        return Found(person=True)
    looks = Fingerprint(bytes(hash)) if hash else None
    return Found(Known(id, at, evidence_of(photo, engines, findings), ms or 0.0, looks))
