"""What became of a demo's photos, and whether it is what was expected. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from lomi_ops.db.decisions import LoggedDecision
from lomi_ops.db.media import PhotoRow
from lomi_ops.domain.finding import NSFW_LABELS
from lomi_ops.domain.verdict import NEEDS_REVIEW, MediaStatus, Verdict
from lomi_ops.ops.demo.plan import Plan
from lomi_ops.ops.demo.samples import Sample
from lomi_ops.queue.replies import JobRecord

REVIEW = "review"
"""How the table names a photo that waits for a person."""
_NAMED = 5


@dataclass(frozen=True, slots=True)
class DemoRow:
    """One photo with its decision, as read back from Postgres."""

    sample: Sample
    media_id: UUID
    status: str
    """`media.moderation_status`"""
    reason: str | None
    """`media.moderation_reason`"""
    scores: Mapping[str, Any]
    """`media.moderation_scores`, the contract's object."""
    verdict: Verdict | None
    """From the decision log; None where there is no log, or the photo could not be judged."""
    detail: str
    """One sentence for a person; empty for an approved photo."""
    processing_ms: float | None
    """What the worker spent on this photo."""
    elapsed_s: float
    """From the push of the jobs to the moment at which the decision was seen."""

    @property
    def decision(self) -> str:
        """approved, rejected, failed or review"""
        return REVIEW if self.reason == NEEDS_REVIEW else self.status

    @property
    def expected(self) -> str | None:
        """Decision and reason in one, e.g. `rejected: blurry`; None where nothing is expected."""
        return None if self.sample.status is None else _said(self.sample.status.value, self.sample.reason)

    @property
    def ok(self) -> bool | None:
        """Whether it is what was expected; None where nothing is."""
        if self.sample.status is None:
            return None
        return (self.status, self.reason) == (self.sample.status.value, self.sample.reason)

    @property
    def why(self) -> str:
        """The deciding ground in words: its numbers are in it. Empty for an approved photo."""
        grounds = self.verdict.grounds if self.verdict else ()
        return grounds[0].text if grounds else self.detail

    @property
    def numbers(self) -> str:
        """What was measured, in one line; empty for a photo that could not be judged."""
        if self.status == MediaStatus.FAILED:
            return ""
        return ", ".join(_measured(self.scores))


@dataclass(frozen=True, slots=True)
class DemoResult:
    rows: tuple[DemoRow, ...]
    """In the order of the samples."""
    user_id: UUID
    kept: bool
    """True: objects, rows and user are still there."""
    elapsed_s: float
    """From the push of the jobs to the last decision."""

    @property
    def ok(self) -> bool:
        """True unless a photo got another decision than expected."""
        return all(row.ok is not False for row in self.rows)


def to_row(sample: Sample, row: PhotoRow, logged: LoggedDecision | None, elapsed_s: float) -> DemoRow:
    """`logged` is the photo's last entry in the decision log; None where there is no log."""
    scores = row.scores or {}
    failure = scores.get("failure") or {}
    return DemoRow(
        sample=sample,
        media_id=row.media_id,
        status=row.status or MediaStatus.PENDING.value,
        reason=row.reason,
        scores=scores,
        verdict=logged.verdict if logged else None,
        detail=(logged.detail if logged else "") or str(failure.get("detail", "")),
        processing_ms=logged.processing_ms if logged else scores.get("processing_time_ms"),
        elapsed_s=elapsed_s,
    )


def still_open(
    plan: Plan, waiting: Collection[UUID], unpublished: int, jobs: Mapping[str, JobRecord | None], workers: int
) -> str:
    """What a timed-out demo was waiting for, as the end of a sentence. `jobs` are those with open photos, None for one
    that nobody has claimed; `unpublished` of the waiting photos have a decision that nobody announced."""
    names = [upload.sample.name for upload in plan.uploads if upload.photo.media_id in waiting]
    shown = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    states = Counter(_job_words(record) for record in jobs.values())
    parts = [f"{len(names)} of {len(plan.uploads)} photos are not done ({shown})"]
    parts += [f"{count} of their jobs {words}" for words, count in states.items()]
    if unpublished:
        parts.append(f"{unpublished} decided but not published on moderation_results")
    parts.append(f"{workers} workers are registered")
    return "; ".join(parts)


def _job_words(record: JobRecord | None) -> str:
    if record is None:
        return "nobody has claimed"
    if not record.error:
        return f"in state {record.state.value}"
    return f"in state {record.state.value} ({record.error})"


def _said(status: str, reason: str | None) -> str:
    return f"{status}: {reason}" if reason else status


def _measured(scores: Mapping[str, Any]) -> list[str]:
    words = []
    sharpness, faces, age = (scores.get(key) for key in ("blur_variance", "face_count", "estimated_age"))
    if sharpness is not None:
        words.append(f"sharp {sharpness:.0f}")
    if faces is not None:
        words.append("1 face" if faces == 1 else f"{faces} faces")
    if age is not None:
        words.append(f"age {age:.0f}")
    nsfw = scores.get("nsfw_scores") or {}
    found = [f"{label} {nsfw[label]:.2f}" for label in NSFW_LABELS if nsfw.get(label, 0.0) >= 0.005]
    return words + (found or (["nsfw 0.00"] if nsfw else []))
