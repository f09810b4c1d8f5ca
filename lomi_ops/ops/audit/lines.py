"""The audit as lines of JSON: one for each link with its entry, and a last one with the head.

They hold everything that is hashed, so that whoever has the file can verify it without us (docs/audit.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lomi_ops.db import audit
from lomi_ops.db.pool import Database
from lomi_ops.domain.audit_chain import Head, Link, Said
from lomi_ops.ops.audit.look import require_audit

SCHEMA = "lomi.audit.export/v1"
CHASES = 10
"""So often what was added meanwhile is followed, before the head is compared or written."""


@dataclass(frozen=True, slots=True)
class End:
    """The last line."""

    head: Head | None
    beside: tuple[str, ...]


class BadLine(ValueError):
    """A line that is none of an export."""


def exported(database: Database) -> Iterator[str]:
    """Line by line, as the audit is at the end of it. Raises NoAudit."""
    require_audit(database)
    last, head = audit.BEFORE_ALL, None
    for _ in range(CHASES):
        for link in audit.links(database, after=last):
            yield _line(record(link))
            last = link.seq
        head = audit.head(database)
        if head is None or head.seq <= max(last, 0):
            break
    yield _line(
        {
            "schema": SCHEMA,
            "head": {"seq": head.seq, "hash": head.hash.hex()} if head else None,
            "beside": list(audit.beside(database)),
        }
    )


def record(link: Link) -> dict[str, Any]:
    said = link.said
    return {
        "seq": link.seq,
        "at_us": link.at_us,
        "action": link.action,
        "commitment": link.commitment.hex(),
        "previous": link.previous.hex(),
        "hash": link.hash.hex(),
        "entry": said
        and {
            "at_us": said.at_us,
            "actor": said.actor,
            "action": said.action,
            "subject": said.subject,
            "reason": said.reason,
            "before": said.before,
            "after": said.after,
            "salt": said.salt.hex() if said.salt is not None else None,
            "erased": said.erased,
        },
    }


def parsed(lines: Iterable[bytes]) -> Iterator[Link | End | BadLine]:
    """What the lines of a file say."""
    for number, line in enumerate(lines, start=1):
        try:
            body = json.loads(line)
            yield _end(body) if "head" in body else _link(body)
        except (ValueError, TypeError, KeyError, AttributeError):
            yield BadLine(f"line {number} is no line of an export")


def _line(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=True, separators=(",", ":"))


def _link(body: Mapping[str, Any]) -> Link:
    return Link(
        seq=int(body["seq"]),
        at_us=int(body["at_us"]),
        action=_text(body, "action"),
        commitment=bytes.fromhex(body["commitment"]),
        previous=bytes.fromhex(body["previous"]),
        hash=bytes.fromhex(body["hash"]),
        said=_said(body["entry"]) if body["entry"] is not None else None,
    )


def _said(body: Mapping[str, Any]) -> Said:
    return Said(
        at_us=int(body["at_us"]),
        actor=_text(body, "actor"),
        action=_text(body, "action"),
        subject=_text(body, "subject"),
        reason=_text(body, "reason"),
        before=_text(body, "before"),
        after=_text(body, "after"),
        salt=None if body["salt"] is None else bytes.fromhex(body["salt"]),
        erased=bool(body["erased"]),
    )


def _text(body: Mapping[str, Any], name: str) -> str:
    text = body[name]
    text.encode()  # half a surrogate pair can stand in JSON, and be hashed by nobody
    return str(text)


def _end(body: Mapping[str, Any]) -> End:
    head = body["head"]
    return End(head and Head(int(head["seq"]), bytes.fromhex(head["hash"])), tuple(map(str, body.get("beside", ()))))
