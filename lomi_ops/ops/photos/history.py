"""A user as the photos tell: how they stand, how that changed day by day, and which pictures others have as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from lomi_ops.db import browsing
from lomi_ops.db.browsing import Day
from lomi_ops.db.media import Count
from lomi_ops.domain.statistics import ratio
from lomi_ops.ops.quality.similar import Likeness
from lomi_ops.ops.reviews.desk import Desk
from lomi_ops.ops.reviews.dossier import UserHistory

DAYS = 30
"""Of the trend."""
LOOKED_AT = 30
"""Photos whose picture is looked for elsewhere, the latest ones: the app lets a user have so many."""
SLICE = 5
"""Photos that one statement looks for: nobody waits long for it, and the server plans it but once."""


@dataclass(frozen=True, slots=True)
class Trend:
    """One half of the days against the other one."""

    photos: int
    photos_before: int
    rejected: float | None
    """Share of what was decided by a yes or a no, 0..1; None where nothing was."""
    rejected_before: float | None


@dataclass(frozen=True, slots=True)
class UserPhotos:
    """A user and all photos."""

    known: UserHistory
    """The latest photos, decisions and notes."""
    standing: tuple[Count, ...]
    """All photos, the most frequent standing first."""
    days: tuple[Day, ...]
    """The last ones, the oldest first, those without an upload too."""
    trend: Trend


def history(desk: Desk, user_id: UUID) -> UserPhotos:
    """Raises NotFound for a user of whom there is nothing."""
    known = desk.user(user_id)
    today = desk.now().date()
    days = filled(browsing.days_of(desk.database, user_id, limit=DAYS), today)
    return UserPhotos(
        known=known,
        standing=browsing.reasons_of(desk.database, user_id),
        days=days,
        trend=trend(days),
    )


def shared(desk: Desk, known: UserHistory, *, slice_: int = SLICE) -> Iterator[Likeness]:
    """Photos that look the same as one of somebody else's, or as another one of this user, the latest upload first.

    Looked for as they are asked for, a few in a statement: among millions it takes a while until the last is found.
    """
    photos = [photo.media_id for photo in known.photos[:LOOKED_AT]] if known.recorded else []
    for first in range(0, len(photos), slice_):
        yield from (each for each in desk.similar_of(photos[first : first + slice_]) if each.near)


def filled(found: Sequence[Day], today: date) -> tuple[Day, ...]:
    """The last `DAYS` days up to today, the oldest first."""
    by_day = {each.day: each for each in found}
    days = (today - timedelta(days=back) for back in range(DAYS - 1, -1, -1))
    return tuple(by_day.get(day, Day(day, 0, 0, 0, 0, 0)) for day in days)


def trend(days: Sequence[Day]) -> Trend:
    """The later half against the earlier one."""
    before, now = days[: len(days) // 2], days[len(days) // 2 :]
    return Trend(sum(each.photos for each in now), sum(each.photos for each in before), _share(now), _share(before))


def _share(days: Sequence[Day]) -> float | None:
    rejected = sum(each.rejected for each in days)
    return ratio(rejected, rejected + sum(each.approved for each in days))
