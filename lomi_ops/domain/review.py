"""A person at work on photos: what was seen, what is decided, and for how long a photo is one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.errors import UsageError

REASONS = (Reason.BLURRY, Reason.NO_FACE, Reason.GROUP_PHOTO, Reason.UNDERAGE, Reason.NSFW)
"""What the backend can word for a rejected photo."""
WORKER = "worker"
"""The actor of a decision that no person made."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A photo as it stood when somebody looked at it. A decision holds for what was seen, or is a conflict."""

    media_id: UUID
    status: str | None
    reason: str | None
    decision: int | None = None
    """The last row of its decision log; None where it has none."""
    token: UUID | None = None
    """Of the claim under which it is looked at."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A photo that somebody looks at now. Whoever holds the token may decide until it expires."""

    media_id: UUID
    actor: str
    token: UUID
    claimed_at: datetime
    expires_at: datetime


_VERSION = 0xF << 76
_BLIND = 8 << 76
"""The version of UUIDs that mean what their makers say."""


def blind_token(token: UUID) -> UUID:
    """The token for the samples among photos that are claimed together: every program of this person can tell by it
    that they are shown as if they waited. The same photo on the pile where it lies is claimed under a plain token."""
    return UUID(int=token.int & ~_VERSION | _BLIND)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person decides, about one photo or about all of a step."""

    status: MediaStatus | None
    """None keeps what stands: the person has looked and agrees, and nobody is told anything."""
    reason: Reason | None
    actor: str
    at: datetime
    note: str = ""
    """Why, in the person's words; for the record alone."""
    step: UUID | None = None
    due_at: datetime | None = None
    """When it is told; at once without one."""
    macro: str = ""
    """The template that it came from."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """For the user, by language."""
    over_claims: bool = False
    """Also while somebody else looks at the photo."""
    vouched: bool = False
    """The person has seen the photo, or answers for it without: else nobody approves what no engine could judge."""

    def check(self) -> None:
        """Raises UsageError for what no person can decide."""
        check_actor(self.actor)
        if self.status is None and self.reason is None:
            return
        if self.status is MediaStatus.APPROVED and self.reason is None:
            return
        if self.status is MediaStatus.REJECTED and self.reason in REASONS:
            return
        raise UsageError(f"a person approves without a reason, or rejects with one of: {', '.join(REASONS)}")


def check_actor(actor: str) -> None:
    """Raises UsageError for a name that says nothing of who it was."""
    if not actor.strip():
        raise UsageError("a decision needs the name of who made it", hint="--as NAME, or set LOMI_ACTOR")
    if actor.strip() == WORKER:
        raise UsageError(f"{WORKER!r} is what decisions of no person are signed with", hint="--as NAME")
