"""What a database is like, as far as migrations are concerned: facts, in a few round trips, and nothing decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import psycopg

from lomi_ops.db.fingerprints import WIDE
from lomi_ops.db.level import Applied
from lomi_ops.db.migration import files
from lomi_ops.db.migration.proposed import UNASKED
from lomi_ops.db.pool import Session
from lomi_ops.domain.catalogue import Column, Kind, Thing

T = TypeVar("T")

ROWS_TIMEOUT_S = 600.0
"""Counting rows reads all of `media`: of ten million in a minute or so on a slow disk."""
BACKFILL = "media"
_UNASKED = frozenset(each.name for each in UNASKED)
_NAMES = {"columns": list(files.MEDIA_COLUMNS), "indexes": [*files.MEDIA_INDEXES, *_UNASKED]}


@dataclass(frozen=True, slots=True)
class Ground:
    """Where we are, and what this role may do here. Names are quoted where SQL needs it."""

    role: str
    database: str
    path: str
    """The schemas in which `media` is looked for."""
    standby: bool
    read_only: bool
    media: bool
    media_owner: str
    owns_media: bool
    fills_media: bool
    """May change `moderation_status`."""
    schema: bool
    schema_owner: str
    record: bool
    """There is a `lomi.schema_migrations`."""
    reads_record: bool
    owns_record: bool
    creates_schema: bool
    creates_tables: bool
    """In the schema `lomi`."""
    backfills: bool
    """There is a `lomi.backfills`, and this role may look into it."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Of `media`, what the moderation migration has not reached."""

    unset: int
    """Without a status."""
    approved_before: int
    """Approved by their flag before there was moderation, and still `pending`."""

    @property
    def any(self) -> bool:
        return bool(self.unset or self.approved_before)


@dataclass(frozen=True, slots=True)
class Untold:
    """What the server would not tell."""

    why: str
    """In the server's words."""
    denied: bool
    """Because this role may not look."""


@dataclass(frozen=True, slots=True)
class Looks:
    """The table of what photos look like."""

    rows: int
    """About; 0 where nobody has counted."""
    valid: Sequence[str]
    """Those of its indexes of wide bands that are there."""
    invalid: Sequence[str]


@dataclass(frozen=True, slots=True)
class Survey:
    ground: Ground
    applied: tuple[Applied, ...]
    media: tuple[Thing, ...]
    """Those of its columns and indexes that are ours."""
    unasked: tuple[Thing, ...]
    """What has the names of the indexes that nothing needs and `apply` builds, at `media` or elsewhere."""
    ours: tuple[Thing, ...] | None
    """The schema `lomi`; None where nobody asked."""
    rows: Rows | Untold | None
    """None where nobody asked, or where the columns do not allow to count."""
    backfill_open: bool
    looks: Looks | None
    """None where there is no such table yet."""
    trap: str
    """The search path of a role `lomi` that leads into the schema `lomi`; else empty."""

    @property
    def media_columns(self) -> dict[str, Thing]:
        return {thing.name: thing for thing in self.media if thing.kind is Kind.COLUMN}

    @property
    def wrong_columns(self) -> frozenset[str]:
        """Columns of ours that `media` has with another type: nothing is built upon them before a person mends that."""
        shape = {thing.name: thing for thing in files.media_shape() if thing.kind is Kind.COLUMN}
        found = self.media_columns
        return frozenset(name for name, thing in shape.items() if name in found and _type(found[name]) != _type(thing))

    @property
    def version(self) -> int:
        """The last migration that we know; 0 for a database without the schema."""
        return max((entry.version for entry in self.applied if entry.version <= files.level()), default=0)


def look(session: Session, *, whole: bool = True, rows: bool = True) -> Survey:
    """`whole` compares the schema `lomi`, too; `rows` counts rows of `media`, which reads the whole table."""
    ground = session.all(Ground, "migration_ground")[0]
    found = _catalogue(session, "catalogue_of_media", **_NAMES) if ground.media else []
    media = tuple(thing for thing in found if not _is_unasked(thing))
    return Survey(
        ground,
        tuple(session.all(Applied, "migrations_applied")) if ground.reads_record else (),
        media,
        tuple(filter(_is_unasked, found)),
        tuple(_catalogue(session, "catalogue_of_lomi")) if whole else None,
        _rows(session) if rows and countable(media) else None,
        ground.backfills and bool(session.value("backfill_open", name=BACKFILL)),
        session.one(Looks, "looks_ground", names=list(WIDE)),
        str(session.value("search_path_trap") or ""),
    )


def countable(media: tuple[Thing, ...]) -> bool:
    """Whether the columns that say which rows are not migrated are there and can be asked."""
    found = {thing.name: thing for thing in media if thing.kind is Kind.COLUMN}
    return found.keys() >= files.ROWS_NEED and is_text(found["moderation_status"])


def is_text(thing: Thing) -> bool:
    return thing.definition.startswith(("character varying", "text"))


def _is_unasked(thing: Thing) -> bool:
    return thing.kind is Kind.INDEX and thing.name in _UNASKED


def _type(thing: Thing) -> str:
    return Column.parse(thing.definition).type


def _catalogue(session: Session, block: str, **values: object) -> list[Thing]:
    return session.all(_thing, block, **values)


def _thing(kind: str, parent: str, name: str, definition: str, valid: bool) -> Thing:
    return Thing(Kind(kind), parent, name, definition, valid)


def _rows(session: Session) -> Rows | Untold:
    def count() -> Rows:
        with session.transaction():
            session.value("migration_limits", statement_timeout=f"{ROWS_TIMEOUT_S:.0f}s", lock_timeout="1s")
            return session.all(Rows, "media_rows_unmigrated")[0]

    return _told(count)


def _told(ask: Callable[[], T]) -> T | Untold:
    try:
        return ask()
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as no:
        why = " ".join((no.diag.message_primary or str(no)).split())
        return Untold(why, denied=isinstance(no, psycopg.errors.InsufficientPrivilege))
