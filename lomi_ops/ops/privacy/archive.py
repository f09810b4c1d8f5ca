"""Everything that is held on a user, as one archive: JSON lines by place, the objects, and a manifest of all."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from lomi_ops.db import audit, privacy
from lomi_ops.domain.job_filter import JobFacts
from lomi_ops.domain.privacy import Cleaner
from lomi_ops.errors import PhotoError
from lomi_ops.ops import private_file
from lomi_ops.ops.privacy.survey import Found, Handles, Survey
from lomi_ops.queue.personal import Told
from lomi_ops.queue.personal_ops import TYPED, Operated

SCHEMA = "lomi.privacy.export/v1"
MANIFEST = "manifest.json"
_SIGNED = re.compile(r"""\?[^\s"']*X-Amz-[^\s"']*""", re.IGNORECASE)
"""What makes an address a key to a photo, in a text in which no field can be told from another."""
SPOOLED = 8 << 20
"""Bytes of one file that are kept in memory; more lies in a temporary file."""
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the archive."""

    name: str
    bytes: int
    sha256: str
    records: int | None
    """Lines; None for an object."""


@dataclass(frozen=True, slots=True)
class Written:
    path: Path
    parts: tuple[Part, ...]
    missing: tuple[str, ...]
    """Objects that went while it was written."""


def write(
    at: Handles,
    found: Survey,
    path: Path,
    *,
    actor: str,
    now: datetime,
    scrub: Callable[[str], str],
    names: bool = False,
    tell: Callable[[], None] = lambda: None,
) -> Written:
    """A new file that only its owner may read, there as a whole or not at all. `scrub` takes secrets out of a text;
    with `names` the people who review keep theirs; `tell` hears of each object that is through. The audit says that it
    was made, before it is.

    Raises Refused where there is such a file, Unwritable, ObjectsUnavailable.
    """
    parts: list[Part] = []
    missing: list[str] = []
    cleaner = Cleaner(names=names)
    with private_file.written(path) as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        if audit.has_chain(at.database):
            privacy.note_export(at.database, found.trail.person, actor=actor, at=now)
        for name, records in _sections(found):
            parts.append(_lines(archive, f"{name}.jsonl", records, cleaner, scrub, now))
        for each in found.objects:
            part = _object(archive, at, each, now)
            tell()
            if part is None:
                missing.append(f"{each.bucket}/{each.key}")
            else:
                parts.append(part)
        _add(archive, MANIFEST, io.BytesIO(_manifest(found, parts, missing, now)), now)
    return Written(path, tuple(parts), tuple(missing))


def _sections(found: Survey) -> Iterator[tuple[str, Iterable[Record]]]:
    """The files, whether there is something in them or not: an empty one says so."""
    yield "media", found.media
    places: dict[str, list[Record]] = {}
    for each in found.rows:
        places.setdefault(each.place, []).append(each.row)
    for place in PLACES:
        yield place, places.get(place, [])
    yield "audit", found.entries
    yield "queue-jobs", (_job(job) for job in found.queue.jobs)
    for name, told in (("results", found.queue.results), ("ended", found.queue.ended), ("events", found.queue.events)):
        yield f"queue-{name}", (_told(each) for each in told)
    yield "queue-operations", (_operated(each) for each in found.queue.operations)


PLACES = (
    "decisions", "jobs", "job_ends", "checkpoints", "submitted_jobs", "submissions", "outbox", "notes", "claims",
    "reveals", "photo_hashes", "samples", "remoderated", "remoderations", "legal_holds",
)  # fmt: skip


def _job(job: JobFacts) -> Record:
    return {**asdict(job), "raw": None, "element": _readable(job.raw)}


def _told(entry: Told) -> Record:
    return {"entry": entry.entry, **entry.fields, "payload": _readable((entry.fields.get("payload") or "").encode())}


def _operated(operation: Operated) -> Record:
    """What was typed to find many jobs may name others: only where it names this user."""
    kept = {key: value for key, value in operation.fields.items() if operation.named or key not in TYPED}
    return {"op": operation.op, **kept, "jobs_of_user": operation.jobs}


def _readable(raw: bytes | None) -> Any:
    """What was pushed or published as JSON, as text where it is none."""
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return _SIGNED.sub("?...", raw.decode("utf-8", "backslashreplace"))


def _lines(
    archive: tarfile.TarFile, name: str, records: Iterable[Record], cleaner: Cleaner, scrub: Callable[[str], str],
    now: datetime,
) -> Part:  # fmt: skip
    number = 0
    with SpooledTemporaryFile(SPOOLED) as body:
        for record in records:
            line = json.dumps(cleaner.clean(record), ensure_ascii=False, default=str)
            body.write(scrub(line).encode("utf-8", "backslashreplace") + b"\n")
            number += 1
        return _add(archive, name, body, now, records=number)


def _object(archive: tarfile.TarFile, at: Handles, found: Found, now: datetime) -> Part | None:
    try:
        data = at.store.get(found.bucket, found.key, found.size)
    except PhotoError:
        return None
    return _add(archive, f"objects/{found.bucket}/{found.key}", io.BytesIO(data), now)


def _add(archive: tarfile.TarFile, name: str, body: IO[bytes], now: datetime, records: int | None = None) -> Part:
    size = body.seek(0, io.SEEK_END)
    body.seek(0)
    digest = hashlib.sha256()
    while chunk := body.read(1 << 20):
        digest.update(chunk)
    body.seek(0)
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, private_file.MODE, int(now.timestamp())
    archive.addfile(info, body)
    return Part(name, size, digest.hexdigest(), records)


def _manifest(found: Survey, parts: Iterable[Part], missing: Iterable[str], now: datetime) -> bytes:
    who = found.trail.person
    body = {
        "schema": SCHEMA,
        "user_id": str(who.user_id),
        "telegram_id": who.telegram_id,
        "at": now.isoformat(),
        "counts": found.counts,
        "files": [asdict(part) for part in parts],
        "missing_objects": list(missing),
        "unknown": [asdict(each) for each in found.unknown],
    }
    return json.dumps(body, ensure_ascii=False, indent=2).encode() + b"\n"
