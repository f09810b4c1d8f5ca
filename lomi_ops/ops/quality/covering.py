"""What lies before somebody who judges a queue with samples in it: without what a worker concluded.

Of a photo that waits, a sentence says why, a number lies beyond a threshold, and the longest waiting comes first. Of a
sample nothing of that is true. So whoever has photos of such a queue on the table sees all of them without: numbers and
boxes stay, while sentences, thresholds, policy and the time of the upload are left out. Where nobody ever drew a
sample, nothing is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from lomi_ops.db import media, samples
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review import WORKER
from lomi_ops.domain.review_measure import measures
from lomi_ops.domain.verdict import Reason
from lomi_ops.ops.quality.blind import veiled
from lomi_ops.ops.reviews import piles

if TYPE_CHECKING:
    from lomi_ops.db.media import PhotoRow
    from lomi_ops.db.pool import Database
    from lomi_ops.ops.reviews.dossier import Dossier
    from lomi_ops.ops.reviews.piles import Lying

_CONCLUDED = ("outcome", "policy")


def mixes(database: Database, share: float) -> bool:
    """Whether samples may be dealt here."""
    return share > 0 and samples.has_samples(database) and samples.any_drawn(database)


def covered(found: Dossier) -> Dossier:
    """A photo that waits, without what its worker concluded."""
    photo, judged = row(found.photo), found.judged
    evidence = judged.evidence if judged else None
    return replace(
        found,
        photo=photo,
        judged=replace(judged, verdict=None, thresholds=None, detail="") if judged else None,
        measures=measures(photo.scores, evidence, None),
        story=tuple(told for told in found.story if told.actor != WORKER),
        mates=tuple(row(mate) if mate.in_review else mate for mate in found.mates),
        covered=True,
    )


def row(photo: PhotoRow) -> PhotoRow:
    """Of the grounds only that somebody may be a minor is left: each look at such a photo goes on record."""
    scores: Any = photo.scores
    if isinstance(scores, Mapping):
        grounds = scores.get("grounds")
        young = [{"reason": Reason.UNDERAGE.value}] if isinstance(grounds, list) and _young(grounds) else []
        scores = {key: value for key, value in scores.items() if key not in _CONCLUDED} | {"grounds": young}
    return replace(photo, scores=scores, created_at=None)


def _young(grounds: Sequence[object]) -> bool:
    return any(isinstance(each, Mapping) and each.get("reason") == Reason.UNDERAGE for each in grounds)


def on_the_table(database: Database, media_id: UUID, *, actor: str, at: datetime, share: float) -> bool:
    """Whether a photo lies before this person, maybe in another program, as a sample."""
    return mixes(database, share) and media_id in samples.held(database, actor=actor, at=at)


def listed(
    database: Database, found: Sequence[Lying], pile: Pile, *, actor: str, at: datetime, share: float
) -> tuple[Lying, ...]:
    """A list as it may be read by somebody who has photos on the table: these first, each like the others."""
    if not mixes(database, share):
        return tuple(found)
    rows = media.photos_of(database, samples.held(database, actor=actor, at=at))
    mixed = [replace(each, photo=veiled(each.photo)) for each in piles.lying(database, list(rows.values()), now=at)]
    mine = [each for each in found if _held(each, actor) and each.photo.in_review and each.photo.media_id not in rows]
    mine += [each for each in mixed if each.photo.pile in pile.parts]
    taken = {*rows, *(each.photo.media_id for each in mine)}
    mine.sort(key=lambda each: each.photo.media_id)
    return (
        *(replace(each, photo=row(each.photo), known=_undecided(each)) for each in mine),
        *(each for each in found if each.photo.media_id not in taken),
    )


def _held(each: Lying, actor: str) -> bool:
    return each.known is not None and each.known.claimed_by == actor


def _undecided(each: Lying) -> Any:
    return replace(each.known, decision=None, actor=None, undoes=None) if each.known else None
