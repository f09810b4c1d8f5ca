"""Photos that look the same as one, of its owner and of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from lomi_ops.db import fingerprints, media
from lomi_ops.db.fingerprints import Kept, Near
from lomi_ops.db.pool import Database
from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.errors import NotFound

LIMIT = 50


class Known(StrEnum):
    """What is known of a photo's looks."""

    YES = "yes"
    NOT_LOOKED_AT = "not_looked_at"
    """No worker of this version has judged it, nor did it show enough to be told from others."""
    NO_PLACE = "no_place"
    """The schema is one of before: `lomi migrate apply`."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """A photo, and those that look the same."""

    media_id: UUID
    user_id: UUID
    known: Known
    near: tuple[Near, ...] = ()
    """The nearest first, at most `LIMIT`."""
    more: bool = False

    @property
    def of_owner(self) -> tuple[Near, ...]:
        return tuple(each for each in self.near if each.user_id == self.user_id)

    @property
    def of_others(self) -> tuple[Near, ...]:
        return tuple(each for each in self.near if each.user_id != self.user_id)

    @property
    def others(self) -> int:
        """Other users who have it."""
        return len({each.user_id for each in self.of_others})


def duplicates(database: Database, media_id: UUID, *, limit: int = LIMIT) -> Likeness:
    """Works on every schema; `known` says why there is nothing. Raises NotFound for an unknown photo."""
    row = media.photos_of(database, [media_id]).get(media_id)
    if row is None:
        raise NotFound(f"there is no photo {media_id}", hint="lomi review list")
    if not fingerprints.has_hashes(database):
        return Likeness(media_id, row.user_id, Known.NO_PLACE)
    looks = fingerprints.of(database, media_id)
    if looks is None:
        return Likeness(media_id, row.user_id, Known.NOT_LOOKED_AT)
    near = fingerprints.near(database, looks, but=media_id, limit=limit + 1)
    return Likeness(media_id, row.user_id, Known.YES, near[:limit], len(near) > limit)


def remember(database: Database, looks: Sequence[tuple[UUID, UUID, Fingerprint | None]], *, at: datetime) -> None:
    """Keeps what (media id, user id, fingerprint) look like, for photos that were decoded to be shown: those that old
    workers judged have no hash yet. Does nothing where there is no place for it."""
    known = [Kept(media_id, user_id, found) for media_id, user_id, found in looks if found is not None]
    if known and fingerprints.is_open(database):
        fingerprints.keep(database, known, at=at)
