"""Everything that is known of one photo: what `Dossier` has, each decision with what it was based on, its jobs, and
where the same picture or the same file is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from lomi_ops.db import browsing, decisions
from lomi_ops.db.browsing import JobOfPhoto
from lomi_ops.db.decisions import LoggedDecision
from lomi_ops.db.pool import Database
from lomi_ops.ops.quality.similar import Likeness
from lomi_ops.ops.reviews.desk import Desk
from lomi_ops.ops.reviews.dossier import Dossier


@dataclass(frozen=True, slots=True)
class Sheet:
    """A photo with all that is beside it."""

    dossier: Dossier
    log: tuple[LoggedDecision, ...]
    """The first decision first; empty for old workers, and for a photo that is covered."""
    jobs: tuple[JobOfPhoto, ...]
    likeness: Likeness
    files: Mapping[UUID, str]
    """SHA-256 of the file of this photo and of those that look the same, as far as it is known."""

    @property
    def sha256(self) -> str | None:
        return self.files.get(self.dossier.photo.media_id)

    def same_file(self, media_id: UUID) -> bool:
        """Whether another photo is the same file, to the byte."""
        return self.sha256 is not None and self.files.get(media_id) == self.sha256


def sheet(desk: Desk, media_id: UUID) -> Sheet:
    """A look at a suspected minor goes on record. Raises NotFound."""
    desk.recognise(media_id)
    found = desk.photo(media_id)
    desk.view(found)
    likeness = desk.similar(media_id)
    if not found.recorded:
        return Sheet(found, (), (), likeness, {})
    near = [each.media_id for each in likeness.near]
    return Sheet(
        dossier=found,
        log=() if hidden(found) else decisions.history(desk.database, media_id),
        jobs=_jobs(desk.database, found),
        likeness=likeness,
        files=browsing.files_of(desk.database, [media_id, *near]),
    )


def hidden(found: Dossier) -> bool:
    """Whether it lies before somebody who must not know whether it is a sample: what shows as decided is not told."""
    return found.covered


def _jobs(database: Database, found: Dossier) -> tuple[JobOfPhoto, ...]:
    return () if hidden(found) else browsing.jobs_of(database, found.photo.media_id, found.photo.batch_id)
