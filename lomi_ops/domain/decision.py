"""What holds for a photo after judging, in the two shapes that the existing system reads: `media` and the message."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from lomi_ops.domain.finding import NSFW_LABELS, Evidence, Label
from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.domain.job import Job
from lomi_ops.domain.plain import plain
from lomi_ops.domain.policy import FaceRule, Policy, counted_faces
from lomi_ops.domain.regime import Rule, Shadowed, shadowed
from lomi_ops.domain.verdict import NEEDS_REVIEW, FailureCode, MediaStatus, Verdict


@dataclass(frozen=True, slots=True)
class Taken:
    """Where findings come from that no engine was asked for: an earlier decision on a photo with the same bytes."""

    decision: int
    """Its id in the decision log, of the one that engines were asked for; gone where that user was erased."""
    at: datetime
    """When it was made."""
    ms: float = 0.0
    """How long the look took then."""

    @property
    def words(self) -> str:
        """For a person."""
        return f"findings of decision {self.decision}, made {self.at:%Y-%m-%d %H:%M} on a photo with the same bytes"


@dataclass(frozen=True, slots=True)
class PhotoDecision:
    """The decision on one photo of a job, as a worker reaches it."""

    media_id: UUID
    status: MediaStatus
    """`pending` for a photo that waits for a person."""
    reason: str | None
    """`media.moderation_reason`."""
    scores: Mapping[str, Any]
    """The contract's `scores` object with our own keys beside its six."""
    verdict: Verdict | None = None
    """None for a photo that could not be judged."""
    evidence: Evidence | None = None
    failure: FailureCode | None = None
    detail: str = ""
    """One sentence for a person: why it failed or waits."""
    sha256: str = ""
    """Of the photo's bytes; empty where none were read."""
    processing_ms: float = 0.0
    fingerprint: Fingerprint | None = None
    """What it looks like; None where it was not looked at, or shows too little to be told from others."""
    rule: Rule | None = None
    """What computed the verdict: kept with it, however long the decision waits for the rest of its job."""
    shadows: tuple[Shadowed, ...] = ()
    """What policies that do not hold said of it."""
    inputs: str = ""
    """Digest of all that its findings depend on beside the bytes; empty where they may not be taken again."""
    taken: Taken | None = None
    """Whose findings these are; None where engines were asked."""

    @property
    def decided(self) -> bool:
        """False for a photo in review: it is published when a person has decided."""
        return self.status is not MediaStatus.PENDING


def decide(
    media_id: UUID,
    evidence: Evidence,
    verdict: Verdict,
    by: Rule | Policy,
    *,
    ms: float = 0.0,
    sha256: str = "",
    fingerprint: Fingerprint | None = None,
) -> PhotoDecision:
    """The decision that follows from a verdict, and what computed that."""
    rule = by if isinstance(by, Rule) else Rule(by)
    return PhotoDecision(
        media_id=media_id,
        status=verdict.status,
        reason=verdict.media_reason,
        scores=contract_scores(evidence, rule.policy.faces, ms) | explanation(verdict, evidence),
        verdict=verdict,
        evidence=evidence,
        detail=verdict.grounds[0].text if verdict.grounds else "",
        sha256=sha256,
        processing_ms=ms,
        fingerprint=fingerprint,
        rule=rule,
        shadows=shadowed(evidence, rule),
    )


def fail(media_id: UUID, code: FailureCode, detail: str, *, ms: float = 0.0, sha256: str = "") -> PhotoDecision:
    """The decision on a photo that cannot be judged."""
    scores = contract_scores(None, None, ms) | {"failure": {"code": code.value, "detail": detail}}
    return PhotoDecision(
        media_id,
        MediaStatus.FAILED,
        code.value,
        scores,
        failure=code,
        detail=detail,
        sha256=sha256,
        processing_ms=ms,
    )


def contract_scores(evidence: Evidence | None, rule: FaceRule | None, ms: float) -> dict[str, Any]:
    """The six keys that existing readers expect. What no engine measured is null, never a comfortable zero,
    except `nsfw_scores`, `has_face` and `face_count`, which those readers take as numbers and a flag."""
    faces = counted_faces(evidence, rule) if evidence and rule else ()
    ages = [face.age.middle for face in faces if face.age]
    sharpness = next((f.value for f in evidence.labelled(Label.SHARPNESS)), None) if evidence else None
    return {
        "blur_variance": None if sharpness is None else round(sharpness, 2),
        "has_face": bool(faces),
        "face_count": len(faces),
        "estimated_age": min(ages) if ages else None,
        "nsfw_scores": {str(label): round(evidence.top_score(label), 4) if evidence else 0.0 for label in NSFW_LABELS},
        "processing_time_ms": round(ms),
    }


def explanation(verdict: Verdict, evidence: Evidence) -> dict[str, Any]:
    """Our own keys in `media.moderation_scores`: which policy, which grounds, which engines."""
    return {
        "policy": verdict.policy,
        "outcome": verdict.outcome.value,
        "grounds": [plain(ground) for ground in verdict.grounds],
        "engines": {r.engine.value: {"model": r.model, "status": r.status.value} for r in evidence.reports},
    }


@dataclass(frozen=True, slots=True)
class ResultMessage:
    """One message on `moderation_results`: the decided photos of one job, or of one later decision."""

    job_id: str
    batch_id: UUID
    user_id: UUID
    telegram_id: int
    decisions: tuple[PhotoDecision, ...]
    """Only decided photos, in the order of the batch."""
    processed_at: datetime = field(default_factory=lambda: datetime.fromtimestamp(0, UTC))

    def to_json(self) -> str:
        """The contract's shape. Compact, keys in the contract's order, UTF-8 kept readable."""
        results = [
            {
                "media_id": str(decision.media_id),
                "status": decision.status.value,
                "reason": decision.reason or "",
                "scores": decision.scores,
            }
            for decision in self.decisions
        ]
        body = {
            "job_id": self.job_id,
            "batch_id": str(self.batch_id),
            "user_id": str(self.user_id),
            "telegram_id": self.telegram_id,
            "results": results,
            "summary": summarise(self.decisions),
            "processed_at": self.processed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def summarise(decisions: Sequence[PhotoDecision]) -> dict[str, Any]:
    """Counts over the photos of one message; `rejected` counts what is not approved, as the existing wording does."""
    approved = sum(decision.status is MediaStatus.APPROVED for decision in decisions)
    reasons = Counter(decision.reason for decision in decisions if decision.reason)
    return {
        "total": len(decisions),
        "approved": approved,
        "rejected": len(decisions) - approved,
        "reasons": dict(reasons),
    }


def result_of(job: Job, decisions: Sequence[PhotoDecision], at: datetime) -> ResultMessage | None:
    """The message for a job, or None where nothing was decided: then nothing is published."""
    decided = tuple(decision for decision in decisions if decision.decided)
    if not decided:
        return None
    return ResultMessage(job.job_id, job.batch_id, job.user_id, job.telegram_id, decided, at)


def photos_in(payload: str) -> tuple[UUID, ...]:
    """The photos of a message that we have written."""
    return tuple(UUID(each["media_id"]) for each in json.loads(payload)["results"])


def still_true(payload: str, standing: Mapping[UUID, tuple[str | None, str | None]]) -> str | None:
    """A message of before, without photos that stand otherwise now, by status and reason; None where none is left. A
    photo that is not among `standing` is told as it was."""
    body = json.loads(payload)
    kept = [each for each in body["results"] if _holds(each, standing.get(UUID(each["media_id"])))]
    if len(kept) == len(body["results"]):
        return payload
    decisions = [
        PhotoDecision(UUID(each["media_id"]), MediaStatus(each["status"]), each["reason"], {}) for each in kept
    ]
    body |= {"results": kept, "summary": summarise(decisions)}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")) if kept else None


def _holds(told: Mapping[str, Any], standing: tuple[str | None, str | None] | None) -> bool:
    return standing is None or (told["status"], told["reason"]) == (standing[0], standing[1] or "")


__all__ = [
    "NEEDS_REVIEW",
    "PhotoDecision",
    "ResultMessage",
    "contract_scores",
    "decide",
    "explanation",
    "fail",
    "photos_in",
    "result_of",
    "still_true",
    "summarise",
]
