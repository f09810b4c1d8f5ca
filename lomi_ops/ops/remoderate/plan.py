"""What a run would look at: counted before it is confirmed. Works without the schema `lomi`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lomi_ops.db import browsing, media, remoderating
from lomi_ops.db.pool import Database
from lomi_ops.domain.remoderate import Fate, eligible, left_alone
from lomi_ops.domain.review_filter import ReviewFilter


@dataclass(frozen=True, slots=True)
class Plan:
    """The photos that match."""

    standing: Mapping[tuple[str, str], int]
    """Those that would be judged, by status and reason."""
    left: Mapping[Fate, int]
    """Those that would be left alone unseen."""
    recorded: bool
    """False without a schema `lomi`: what people decided is not known then."""

    @property
    def judged(self) -> int:
        return sum(self.standing.values())

    @property
    def matched(self) -> int:
        return self.judged + sum(self.left.values())


def plan(database: Database, wanted: ReviewFilter, *, overrides: bool, at: datetime) -> Plan:
    """Goes through every photo that the bounds of the filter admit, once."""
    recorded = media.has_lomi_schema(database)
    people = remoderating.decided_by_people(database) if recorded else frozenset()
    standing: Counter[tuple[str, str]] = Counter()
    left: Counter[Fate] = Counter()
    now_ms = int(at.timestamp() * 1000)
    with database.transaction() as session:
        for photo in browsing.every_on(session, wanted.bounds(at)):
            if not eligible(photo, at) or not wanted.matches(photo, now_ms):
                continue
            alone = left_alone(photo, by_person=photo.media_id in people, overrides=overrides)
            if alone:
                left[alone] += 1
            else:
                standing[photo.status or "", photo.reason or ""] += 1
    return Plan(standing, left, recorded)
