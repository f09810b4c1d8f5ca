"""A backup: what its manifest says, when it is complete, which ones are too many, and what a look at it found.

The manifest is JSON, schema `lomi.backup/v1`. It is written last: what has none is no backup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from lomi_ops.errors import ExitCode

SCHEMA = "lomi.backup/v1"
VERIFIED_SCHEMA = "lomi.backup.verified/v1"
MANIFEST = "manifest.json"
VERIFIED = "verified.json"
DATABASE_FILE = "postgres.dump"
QUEUE_FILE = "queue.jsonl.gz"
SETTINGS_FILE = "settings.json"
LATEST = "latest"

_NAME = re.compile(r"\d{8}-\d{6}-\d{4}", re.ASCII)
_S3 = re.compile(r"s3://([A-Za-z0-9][A-Za-z0-9._-]{1,62})(?:/(.*))?", re.ASCII)
_EPOCH = re.compile(r"\d{9,10}(?:\.\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a backup."""

    file: str
    bytes: int
    sha256: str
    """In hex."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table as the snapshot had it that was dumped."""

    name: str
    """With its schema."""
    rows: int
    checksum: str
    """Of all rows, whatever their order; empty where nobody asked for it."""

    @property
    def said(self) -> str:
        """`1 row`, `4 rows`."""
        return f"{self.rows} row{'' if self.rows == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class DatabasePart:
    """What was dumped, and by what."""

    version: str
    """Of the server, e.g. `15.18`."""
    program: str
    """`pg_dump 15.18`."""
    name: str
    tables: tuple[Table, ...]
    extensions: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    """Who owns things in it, or was granted something."""

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    @property
    def dumped_by(self) -> str:
        """The version of pg_dump, which may be newer than the server's."""
        return self.program.split()[-1]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


@dataclass(frozen=True, slots=True)
class QueuePart:
    """What was in the queue."""

    server: str
    """`redis 7.0.15`."""
    list: str
    keys: int
    lengths: Mapping[str, int]
    """Jobs and messages by where they were: ready, high, bulk, delayed, running, dead, done, unsent, results."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that is known of a complete backup."""

    name: str
    started_at: datetime
    finished_at: datetime
    lomi: str
    """The version that made it."""
    host: str
    actor: str
    database: DatabasePart
    queue: QueuePart
    parts: tuple[Part, ...]

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts)

    def part(self, file: str) -> Part | None:
        return next((part for part in self.parts if part.file == file), None)


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """What can be said of the latest backup, whoever made it."""

    when: datetime
    """Aware."""
    where: str
    name: str = ""
    bytes: int | None = None
    verified_at: datetime | None = None
    """When it was last restored for a trial and found right; only backups of ours know that."""


class Verdict(StrEnum):
    SAME = "same"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


class Area(StrEnum):
    """What a part of a backup belongs to."""

    FILES = "files"
    SETTINGS = "settings"
    POSTGRES = "postgres"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class Compared:
    """One part of a backup beside what came out of it when it was restored."""

    area: Area
    part: str
    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a trial restore found."""

    name: str
    at: datetime
    parts: tuple[Compared, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def verdict(self) -> Verdict:
        """Differs beats unknown beats same."""
        found = {compared.verdict for compared in self.parts}
        return next((each for each in (Verdict.DIFFERS, Verdict.UNKNOWN) if each in found), Verdict.SAME)

    @property
    def exit_code(self) -> ExitCode:
        codes = {Verdict.SAME: ExitCode.OK, Verdict.DIFFERS: ExitCode.BAD, Verdict.UNKNOWN: ExitCode.UNKNOWN}
        return codes[self.verdict]


def backup_name(at: datetime) -> str:
    """By the time in UTC, so that names sort as backups were made: `20261126-031507-0420` ends with a fraction of the
    second."""
    return f"{at.astimezone(UTC):%Y%m%d-%H%M%S}-{at.microsecond // 100:04}"


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def s3_place(text: str) -> tuple[str, str] | None:
    """Bucket and key, or prefix, of `s3://bucket/key`; None for anything else. Slashes at the end do not count."""
    match = _S3.fullmatch(text)
    if match is None:
        return None
    key = (match[2] or "").rstrip("/")
    return None if key and {"", ".", ".."} & set(key.split("/")) else (match[1], key)


def too_many(names: Iterable[str], keep: int) -> tuple[str, ...]:
    """The older ones beyond the `keep` latest, the oldest first."""
    ordered = sorted(names)
    return tuple(ordered[: max(0, len(ordered) - keep)])


def time_of(text: str) -> datetime:
    """A moment as a program prints it: ISO 8601, UTC where it names no zone, or seconds since 1970.

    Raises ValueError, without the text.
    """
    said = text.strip()
    if _EPOCH.fullmatch(said):
        return datetime.fromtimestamp(float(said), UTC)
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        raise ValueError("neither an ISO time nor seconds since 1970") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def manifest_text(manifest: Manifest) -> str:
    """The JSON of a manifest."""
    return json.dumps({"schema": SCHEMA, **plain(manifest)}, indent=2) + "\n"


def plain(value: Manifest | Verification | BackupRecord) -> dict[str, Any]:
    """As JSON has it, times in ISO 8601."""
    return {name: _plain(each) for name, each in asdict(value).items()}


def parse_manifest(text: str) -> Manifest:
    """Raises ValueError for a text that is none of ours."""
    body = _object(text, SCHEMA)
    try:
        return Manifest(
            name=str(body["name"]),
            started_at=datetime.fromisoformat(body["started_at"]),
            finished_at=datetime.fromisoformat(body["finished_at"]),
            lomi=str(body["lomi"]),
            host=str(body["host"]),
            actor=str(body["actor"]),
            database=_database(body["database"]),
            queue=_queue(body["queue"]),
            parts=tuple(Part(str(p["file"]), int(p["bytes"]), str(p["sha256"])) for p in body["parts"]),
        )
    except (KeyError, TypeError, AttributeError) as damage:
        raise ValueError(f"{type(damage).__name__} in the manifest") from None


def verified_text(at: datetime, host: str, lomi: str) -> str:
    """The note that lies beside a backup which came back right."""
    return json.dumps({"schema": VERIFIED_SCHEMA, "at": at.isoformat(), "host": host, "lomi": lomi}, indent=2) + "\n"


def verified_at(text: str) -> datetime:
    """Raises ValueError for a text that is no such note."""
    try:
        return datetime.fromisoformat(_object(text, VERIFIED_SCHEMA)["at"])
    except (KeyError, TypeError) as damage:
        raise ValueError(f"{type(damage).__name__} in the note") from None


def compare_tables(expected: Sequence[Table], found: Sequence[Table]) -> tuple[Compared, ...]:
    """One line for each table that either side has."""
    theirs = {table.name: table for table in found}
    ours = {table.name: table for table in expected}
    lines = [_table(table, theirs.get(table.name)) for table in expected]
    extra = [_compared(name, Verdict.DIFFERS, "not in the manifest") for name in theirs if name not in ours]
    return (*lines, *extra)


def _table(expected: Table, found: Table | None) -> Compared:
    if found is None:
        return _compared(expected.name, Verdict.DIFFERS, f"{expected.said} expected, and there is no such table")
    if found.rows != expected.rows:
        return _compared(expected.name, Verdict.DIFFERS, f"{found.said}, {expected.rows} expected")
    if found.checksum != expected.checksum:
        return _compared(expected.name, Verdict.DIFFERS, f"{found.said}, with other content")
    return _compared(expected.name, Verdict.SAME, found.said)


def _compared(table: str, verdict: Verdict, detail: str) -> Compared:
    return Compared(Area.POSTGRES, table, verdict, detail)


def _database(body: Mapping[str, Any]) -> DatabasePart:
    return DatabasePart(
        version=str(body["version"]),
        program=str(body["program"]),
        name=str(body["name"]),
        tables=tuple(Table(str(t["name"]), int(t["rows"]), str(t["checksum"])) for t in body["tables"]),
        extensions=tuple(map(str, body["extensions"])),
        roles=tuple(map(str, body["roles"])),
    )


def _queue(body: Mapping[str, Any]) -> QueuePart:
    return QueuePart(
        server=str(body["server"]),
        list=str(body["list"]),
        keys=int(body["keys"]),
        lengths={str(name): int(length) for name, length in body["lengths"].items()},
    )


def _object(text: str, schema: str) -> Any:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(body, dict) or body.get("schema") != schema:
        raise ValueError(f"not {schema}")
    return body


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
