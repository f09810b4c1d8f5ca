"""What a policy computes from findings, and what then holds for a photo."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What a policy says about one photo."""

    APPROVE = "approve"
    REVIEW = "review"
    """A person decides."""
    REJECT = "reject"


class Reason(StrEnum):
    """Why a photo is not simply approved. The first five are the contract's words in `media.moderation_reason`."""

    BLURRY = "blurry"
    NO_FACE = "no_face"
    GROUP_PHOTO = "group_photo"
    UNDERAGE = "underage"
    NSFW = "nsfw"
    MISSING_EVIDENCE = "missing_evidence"
    """An engine that the policy requires gave no answer. Only ever leads to review."""
    CRASH = "crash"
    """The photo twice killed the process that judged it. Only ever leads to review."""


class FailureCode(StrEnum):
    """Why a photo cannot be judged at all; the reason of status `failed`. The user may upload it again."""

    UNREADABLE = "unreadable"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    UNSUPPORTED_FORMAT = "unsupported_format"
    OBJECT_MISSING = "object_missing"


class MediaStatus(StrEnum):
    """`media.moderation_status` in the backend's table."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    FAILED = "failed"


NEEDS_REVIEW = "needs_review"
"""`media.moderation_reason` of a photo that waits for a person; its status stays `pending`."""


@dataclass(frozen=True, slots=True)
class Ground:
    """One reason of a verdict with the numbers behind it, so that it can be explained and computed again."""

    reason: Reason
    outcome: Outcome
    """What this ground alone would lead to."""
    label: str
    """What was measured: a label, or `faces`, `age`, or the engine that is missing."""
    observed: float | None = None
    threshold: float | None = None
    text: str = ""
    """One short sentence for a person."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy computed for one photo. Immutable; an override never edits it."""

    outcome: Outcome
    policy: str
    """`name@version`"""
    grounds: tuple[Ground, ...] = ()
    """The deciding ground first."""

    @property
    def reason(self) -> Reason | None:
        return self.grounds[0].reason if self.grounds else None

    @property
    def incomplete(self) -> bool:
        """True where required evidence is missing: wait for the engine before asking a person."""
        return any(ground.reason is Reason.MISSING_EVIDENCE for ground in self.grounds)

    @property
    def status(self) -> MediaStatus:
        """The status that the app sees."""
        match self.outcome:
            case Outcome.APPROVE:
                return MediaStatus.APPROVED
            case Outcome.REJECT:
                return MediaStatus.REJECTED
            case Outcome.REVIEW:
                return MediaStatus.PENDING

    @property
    def media_reason(self) -> str | None:
        """`media.moderation_reason`: None when approved."""
        match self.outcome:
            case Outcome.APPROVE:
                return None
            case Outcome.REVIEW:
                return NEEDS_REVIEW
            case Outcome.REJECT:
                return self.grounds[0].reason.value
