"""Photos that look the same as one, of its owner and of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from lomi_ops.db import fingerprints, media
from lomi_ops.db.fingerprints import Kept, Near
from lomi_ops.db.media import PhotoRow
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
    for likeness in duplicates_of(database, [media_id], limit=limit):
        return likeness
    raise NotFound(f"there is no photo {media_id}", hint="lomi review list")


def duplicates_of(database: Database, media_ids: Sequence[UUID], *, limit: int = LIMIT) -> tuple[Likeness, ...]:
    """The same of several photos, in their order, without those that are unknown."""
    rows = media.photos_of(database, media_ids)
    photos = [rows[each] for each in media_ids if each in rows]
    ground = fingerprints.ground(database)
    if not ground.kept:
        return tuple(Likeness(photo.media_id, photo.user_id, Known.NO_PLACE) for photo in photos)
    looks = fingerprints.of(database, [photo.media_id for photo in photos])
    near = fingerprints.near(database, looks, wide=ground.wide, limit=limit + 1) if looks else {}
    return tuple(_likeness(photo, near.get(photo.media_id), limit) for photo in photos)


def _likeness(photo: PhotoRow, near: tuple[Near, ...] | None, limit: int) -> Likeness:
    if near is None:
        return Likeness(photo.media_id, photo.user_id, Known.NOT_LOOKED_AT)
    return Likeness(photo.media_id, photo.user_id, Known.YES, near[:limit], len(near) > limit)


def remember(database: Database, looks: Sequence[tuple[UUID, UUID, Fingerprint | None]], *, at: datetime) -> None:
    """Keeps what (media id, user id, fingerprint) look like, for photos that were decoded to be shown: those that old
    workers judged have no hash yet. Does nothing where there is no place for it."""
    known = [Kept(media_id, user_id, found) for media_id, user_id, found in looks if found is not None]
    if known and fingerprints.is_open(database):
        fingerprints.keep(database, known, at=at)
