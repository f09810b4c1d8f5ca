"""One photo with all that is known of it, in the hands of a reviewer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from uuid import UUID

from lomi_ops.db.media import PhotoRow
from lomi_ops.domain.drawn import boxes
from lomi_ops.domain.finding import Box
from lomi_ops.domain.review import Seen
from lomi_ops.domain.review_filter import grounds
from lomi_ops.domain.stored_policy import stored_policy
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.ops.reviews.dossier import Dossier


@dataclass(frozen=True)
class Exhibit:
    """A photo that somebody looks at."""

    dossier: Dossier
    seen: Seen
    """As it stood when it was claimed, with the claim's token."""
    until: datetime
    """Until when it is this reviewer's, unless the claim is renewed."""

    @property
    def row(self) -> PhotoRow:
        return self.dossier.photo

    @property
    def media_id(self) -> UUID:
        return self.row.media_id

    @property
    def guarded(self) -> bool:
        """A suspected minor: each look is on record before there is anything to see."""
        return self.dossier.minor

    @property
    def stand(self) -> Seen:
        """What a decision is about: how the photo stands, whoever holds it."""
        return replace(self.seen, token=None)

    @property
    def standing(self) -> str:
        """How it stands now, in a word or two."""
        if self.row.in_review:
            return "waits for a person"
        return f"{self.row.status}: {self.row.reason}" if self.row.reason else str(self.row.status)

    def stands_as(self, status: MediaStatus, reason: Reason | None) -> bool:
        """Whether such a decision would change nothing."""
        return self.row.status == status and (self.row.reason or None) == reason

    @cached_property
    def why(self) -> tuple[str, ...]:
        """Sentences of the verdict, the deciding one first; of a photo that could not be judged, why not."""
        judged = self.dossier.judged
        if judged is not None and judged.verdict is not None:
            return tuple(ground.text or ground.reason.value for ground in judged.verdict.grounds)
        if judged is not None and judged.detail:
            return (judged.detail,)
        return tuple(str(each["text"]) for each in grounds(self.row.scores) if each.get("text"))

    @property
    def policy(self) -> str:
        """`name@version`; empty where nobody wrote it down."""
        judged, scores = self.dossier.judged, self.row.scores
        if judged is not None and judged.verdict is not None:
            return judged.verdict.policy
        return str(scores.get("policy", "")) if isinstance(scores, dict) else ""

    @property
    def models(self) -> tuple[str, ...]:
        """Which engines looked, in which version."""
        evidence = self.dossier.evidence
        reports = evidence.reports if evidence else ()
        return tuple(f"{report.engine.value}: {report.model or report.detail}" for report in reports)

    @cached_property
    def boxes(self) -> tuple[tuple[Box, str, str], ...]:
        """Place, caption and severity of what detectors found."""
        judged = self.dossier.judged
        if judged is None or judged.evidence is None:
            return ()
        return tuple(boxes(judged.evidence, stored_policy(judged.thresholds)))

    @property
    def size(self) -> tuple[int, int] | None:
        """Of the photo that boxes are measured on."""
        evidence = self.dossier.evidence
        return (evidence.width, evidence.height) if evidence and evidence.width else None
