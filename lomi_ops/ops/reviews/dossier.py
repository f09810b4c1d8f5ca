"""Everything that stands beside a photo, and everything about its owner. Works without the schema `lomi`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from lomi_ops.db import claims, decisions, media, notes, reviewing
from lomi_ops.db.decisions import LoggedDecision
from lomi_ops.db.media import PhotoFilter, PhotoRow
from lomi_ops.db.notes import Note, NoteFilter
from lomi_ops.db.reviewing import Owner, Told
from lomi_ops.domain.finding import Evidence
from lomi_ops.domain.pile import Pile, suspected_minor
from lomi_ops.domain.review import WORKER, Claim, Seen
from lomi_ops.domain.review_measure import Measure, measures
from lomi_ops.errors import NotFound

if TYPE_CHECKING:
    from lomi_ops.db.pool import Database

MOST = 200
"""Photos and decisions of a user, and notes, that are read."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """A photo and what is beside it."""

    photo: PhotoRow
    seen: Seen
    """As it stands, for a decision on it."""
    owner: Owner | None
    judged: LoggedDecision | None
    """The last time that a worker judged it; None for old workers, who left no log."""
    measures: tuple[Measure, ...]
    """What was measured against the thresholds of the policy that judged it."""
    story: tuple[Told, ...]
    mates: tuple[PhotoRow, ...]
    """All photos of its batch, itself among them."""
    notes: tuple[Note, ...]
    claim: Claim | None
    recorded: bool
    """False without a schema `lomi`: then only the row of `media` speaks."""
    covered: bool = False
    """Whether what its worker concluded is left out, since samples are among the photos."""

    @property
    def pile(self) -> Pile | None:
        return self.photo.pile

    @property
    def minor(self) -> bool:
        """Whether looking at it goes on record."""
        return suspected_minor(self.photo.reason, self.photo.scores)

    @property
    def evidence(self) -> Evidence | None:
        """Findings with their boxes."""
        return self.judged.evidence if self.judged else None


@dataclass(frozen=True, slots=True)
class UserHistory:
    """A user as people who review know them."""

    user_id: UUID
    owner: Owner | None
    photos: tuple[PhotoRow, ...]
    """The latest first."""
    story: tuple[Told, ...]
    """The latest first."""
    notes: tuple[Note, ...]
    recorded: bool

    @property
    def standing(self) -> Mapping[str, int]:
        """How many of the photos stand how."""
        return Counter("waiting" if photo.in_review else photo.status or "" for photo in self.photos)

    @property
    def overridden(self) -> int:
        """How often a person changed what stood."""
        return sum(
            told.actor != WORKER and told.undoes is None and told.status != told.status_before for told in self.story
        )


def photo(database: Database, media_id: UUID, *, now: datetime) -> Dossier:
    """Raises NotFound."""
    row = media.photos_of(database, [media_id]).get(media_id)
    if row is None:
        raise NotFound(f"there is no photo {media_id}", hint="lomi review list")
    recorded = media.has_lomi_schema(database)
    log = decisions.history(database, media_id) if recorded else ()
    judged = next((each for each in reversed(log) if each.actor == WORKER), None)
    story = reviewing.story(database, media_id) if recorded else ()
    held = claims.held(database, at=now, media_ids=[media_id]) if recorded else ()
    return Dossier(
        photo=row,
        seen=Seen(media_id, row.status, row.reason, story[-1].id if story else None),
        owner=reviewing.owner(database, row.user_id),
        judged=judged,
        measures=measures(row.scores, judged.evidence if judged else None, judged.thresholds if judged else None),
        story=story,
        mates=reviewing.mates(database, row.batch_id, row.user_id) if row.batch_id else (),
        notes=notes.listed(database, NoteFilter(media_id=media_id), limit=MOST) if recorded else (),
        claim=held[0] if held else None,
        recorded=recorded,
    )


def user(database: Database, user_id: UUID) -> UserHistory:
    """Raises NotFound for a user of whom there is nothing."""
    recorded = media.has_lomi_schema(database)
    found = UserHistory(
        user_id=user_id,
        owner=reviewing.owner(database, user_id),
        photos=media.listed(database, PhotoFilter(user_id=user_id), limit=MOST),
        story=reviewing.user_story(database, user_id, limit=MOST) if recorded else (),
        notes=notes.listed(database, NoteFilter(user_id=user_id), limit=MOST) if recorded else (),
        recorded=recorded,
    )
    if not (found.owner or found.photos or found.story or found.notes):
        raise NotFound(f"there is no user {user_id}", hint="lomi review list")
    return found
