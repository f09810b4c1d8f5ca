"""Samples of decisions: which photos people judge again, and how that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.errors import UsageError


class Kind(StrEnum):
    """Why a decided photo is looked at again."""

    APPROVED = "approved"
    """Drawn at random of what workers approved."""
    REJECTED = "rejected"
    """Drawn at random of what workers rejected."""
    GOLDEN = "golden"
    """Chosen by somebody, since what is right is known: it measures those who judge."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A photo that is a sample, and what became of it."""

    id: int
    media_id: UUID
    kind: Kind
    drawn_at: datetime
    probability: float
    """That just this photo was drawn."""
    status: str
    """As decided when it was drawn; of a golden photo, what is right."""
    reason: str | None
    policy: str | None
    judged_at: datetime | None = None
    judged_by: str | None = None
    judged_status: str | None = None
    judged_reason: str | None = None

    @property
    def agrees(self) -> bool:
        """Whether who judged it decided the same. A rejection for another reason is one all the same, unless what is
        right is known."""
        if self.kind is Kind.GOLDEN:
            return (self.judged_status, self.judged_reason) == (self.status, self.reason)
        return self.judged_status == self.status


def share_of(text: str, option: str) -> float:
    """`1%` or `0.01`, in (0, 1]. Raises UsageError."""
    try:
        value = float(text.strip().removesuffix("%")) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise UsageError(f"{option} {text}: this is no share", hint=f"{option} 1%, or {option} 0.01")
    return value


def answer_of(text: str) -> tuple[MediaStatus, Reason | None]:
    """`approved`, or `rejected:REASON` with a reason that a user can be told. Raises UsageError."""
    status, _, reason = text.partition(":")
    if (status, reason) == ("approved", ""):
        return MediaStatus.APPROVED, None
    words = (Reason.BLURRY, Reason.NO_FACE, Reason.GROUP_PHOTO, Reason.UNDERAGE, Reason.NSFW)
    word = next((each for each in words if each == reason), None)
    if status == "rejected" and word is not None:
        return MediaStatus.REJECTED, word
    raise UsageError(f"--answer {text}: this is no answer", hint=f"approved, or rejected:REASON of {', '.join(words)}")
