"""Ids that say by themselves that a row is one of `lomi e2e`: of its users, photos, batches and jobs.

The first eight bytes of such a UUID spell `lomi-e2e`. That makes it one of version 3, while Postgres and the backend
make version 4: nobody's row can have one by chance. So what a run leaves behind is found again after the run was
killed, and in the decision log, which keeps its rows, after everything else is gone.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from uuid import UUID

MARK = b"lomi-e2e"
USER_NAME = "lomi-e2e"
FIRST, LAST = UUID(bytes=MARK + bytes(8)), UUID(bytes=MARK + b"\xff" * 8)
"""Every marked id is between these."""
NO_CHAT = 0
"""`telegram_id` of a job: no chat of Telegram has it, so whoever pushes a message reaches nobody."""

_VARIANT = 0b10 << 62
_CHANCE_BITS, _TIME_BITS = 30, 32


def user_id(at: datetime, chance: int) -> UUID:
    """A user made at that time; `chance` has 30 bits."""
    seconds = int(at.timestamp()) % (1 << _TIME_BITS)
    return _marked(seconds << _CHANCE_BITS | chance % (1 << _CHANCE_BITS))


def made_at(user: UUID) -> datetime:
    """When a marked user was made, to the second."""
    low = user.int & ((1 << 62) - 1)
    return datetime.fromtimestamp(low >> _CHANCE_BITS, UTC)


def any_id(chance: int) -> UUID:
    """Of a photo or a batch; `chance` has 62 bits."""
    return _marked(chance % (1 << 62))


def job_id(batch_id: UUID) -> str:
    """Of the one job of a batch: whoever finds the batch's rows knows what to look for in the queue."""
    digest = hashlib.sha256(batch_id.bytes).digest()
    return str(any_id(int.from_bytes(digest[:8])))


def telegram_id(user: UUID) -> int:
    """For the user's row, where the column must have a value of its own: below every id that Telegram gives to people
    (positive) and to chats (negative, above -5e12)."""
    return -(1 << 62) - (user.int & ((1 << 61) - 1))


def is_marked(found: UUID) -> bool:
    return found.bytes.startswith(MARK)


def _marked(low: int) -> UUID:
    return UUID(bytes=MARK + (_VARIANT | low).to_bytes(8))
