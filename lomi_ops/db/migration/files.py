"""The numbered files of `sql/migrations`, and what the schema looks like after each of them (`sql/shapes`)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache

from lomi_ops.db.queries import script, sql_folder
from lomi_ops.domain.catalogue import Kind, Thing
from lomi_ops.errors import LomiError

_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_OLDEST_WRITER = re.compile(r"^-- oldest writer: (\d+)$", re.MULTILINE)
MEDIA_COLUMNS = (
    "moderation_status",
    "moderation_reason",
    "moderated_at",
    "moderation_scores",
    "retry_count",
    "batch_id",
)
MEDIA_INDEXES = {"idx_media_moderation_status": "moderation_status", "idx_media_batch_id": "batch_id"}
"""With the column that each is on."""
ROWS_NEED = frozenset({"moderation_status", "batch_id", "moderated_at"})
"""The columns that say which rows are not migrated."""
LEVELS_FROM = 3
"""The migration since which the database keeps who may still write."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    checksum: str
    """sha256 of the file, in hex."""
    oldest_writer: int = 1
    """The lowest level of a program that may still write once this is applied."""

    @property
    def path(self) -> str:
        return f"migrations/{self.label}.sql"

    @property
    def label(self) -> str:
        return label(self.version, self.name)


def label(version: int, name: str) -> str:
    """`0003_levels`."""
    return f"{version:04}_{name}"


@cache
def migrations() -> tuple[Migration, ...]:
    """Every migration of this program, in order. Raises LomiError for a gap, a misnamed file, or one that does not say
    who may still write beside it."""
    found = []
    for file in sorted(sql_folder().joinpath("migrations").iterdir(), key=lambda entry: entry.name):
        match = _FILE.fullmatch(file.name)
        if match is None:
            raise LomiError(f"{file.name} is not the name of a migration")
        found.append(_migration(int(match[1]), match[2], file.read_bytes()))
    if [entry.version for entry in found] != list(range(1, len(found) + 1)):
        raise LomiError("the migrations are not numbered 1, 2, 3 …")
    return tuple(found)


def _migration(version: int, name: str, text: bytes) -> Migration:
    said = _OLDEST_WRITER.search(text.decode())
    if said is None and version >= LEVELS_FROM:
        raise LomiError(f"{label(version, name)} does not say who may still write: -- oldest writer: N")
    return Migration(version, name, hashlib.sha256(text).hexdigest(), int(said[1]) if said else 1)


def level() -> int:
    """Of this program: the number of its last migration."""
    return migrations()[-1].version


@cache
def shape(version: int) -> tuple[Thing, ...]:
    """Everything in the schema `lomi` once this migration is applied; nothing at version 0."""
    return parse(script(f"shapes/{version:04}.txt")) if version else ()


@cache
def media_shape() -> tuple[Thing, ...]:
    """The six columns and two indexes of `media`."""
    return parse(script("shapes/media.txt"))


def parse(text: str) -> tuple[Thing, ...]:
    """One thing a line: kind, table, name, definition, with tabs in between."""
    rows = (line.split("\t") for line in text.splitlines())
    return tuple(Thing(Kind(kind), parent, name, definition) for kind, parent, name, definition in rows)


def written(things: tuple[Thing, ...]) -> str:
    """The reverse of `parse`."""
    rows = sorted((thing.kind.value, thing.parent, thing.name, thing.definition) for thing in things)
    return "".join("\t".join(row) + "\n" for row in rows)
