"""How a slot asks for jobs: numbered, so that a lost reply loses nothing, and along with a finish where it can."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Claimed, ClaimReply, Done, Empty, Fenced, Stale


@dataclass(slots=True)
class Claims:
    """The claims of one slot. Every answer comes with the monotonic time when it was asked for: the server's clock for
    a lease started no earlier."""

    slot: str
    queue: JobQueue
    lease_s: float
    answered: Callable[[], None]
    """Called after each claim that Redis answered."""
    _seq: int = 0
    _unanswered: str | None = None
    """The token of a claim that may have taken a job."""
    _ahead: tuple[ClaimReply, float] | None = None
    """The answer to the next `take`, known already."""

    def take(self) -> tuple[ClaimReply, float]:
        """The next answer. Raises RedisUnavailable; then the same claim is sent again at the next call."""
        if self._ahead is not None:
            found, self._ahead = self._ahead, None
            return found
        token, sent_at = self._token(), time.monotonic()
        reply = self.queue.claim(self.slot, self._seq, token, self.lease_s)
        self._note(reply)
        return reply, sent_at

    def advance(self, claimed: Claimed, payload: bytes, tally: str = "") -> Done | Fenced:
        """Finishes a job, and claims in the same round trip what `take` answers next. Raises RedisUnavailable; then it
        may be sent again, or be followed by another `take`."""
        token, sent_at = self._token(), time.monotonic()
        finished, reply = self.queue.advance(
            claimed.job_id, claimed.token, payload, self.slot, self._seq, token, self.lease_s, tally
        )
        self._note(reply)
        self._ahead = reply, sent_at
        return finished

    def skip(self, due_s: float | None) -> None:
        """There is nothing to ask for at the next `take`: it answers Empty."""
        self._ahead = Empty(due_s), time.monotonic()

    def in_hand(self) -> Claimed | None:
        """A job that came along with a finish and was not taken yet."""
        return self._ahead[0] if self._ahead is not None and isinstance(self._ahead[0], Claimed) else None

    def forget(self) -> None:
        """What is known ahead does not hold any more. A job in hand is the caller's to release."""
        self._ahead = None

    def _token(self) -> str:
        """A claim whose reply was lost is sent again unchanged: the server then hands out the same job."""
        if self._unanswered is None:
            self._seq += 1
            self._unanswered = str(uuid.uuid4())
        return self._unanswered

    def _note(self, reply: ClaimReply) -> None:
        self._unanswered = None
        if isinstance(reply, Stale):
            self._seq = reply.seen
        self.answered()
