"""Publishing what waits in an outbox: claimed, announced, confirmed, in that order, one message after the other.

A crash between the last two leaves a message of which the outbox does not know whether it went out. So `announce` must
say a job_id once, however often it is asked. And whoever stands still after a claim may come back when the message is
somebody else's, or is not true any more: so `announce` must say nothing from a moment on which the queue's own clock
decides, and which is over before the claim is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

CONFIRM_AFTER = timedelta(minutes=1)
"""A message that was claimed so long ago and not marked is nobody's any more."""
ANNOUNCE_WITHIN = CONFIRM_AFTER / 2
"""After the queue's clock was read, which is before the claim; the rest is for clocks that do not run alike."""
REMEMBERED = timedelta(hours=12)
"""Half of the time for which the queue knows what it announced: what is older is left to people."""
AT_ONCE = 100
"""Messages in one go, so that nobody is kept from other work."""


class Waiting(Protocol):
    """A message that the caller has claimed."""

    @property
    def id(self) -> int: ...
    @property
    def job_id(self) -> str: ...
    @property
    def payload(self) -> str: ...


class Announce(Protocol):
    """Says a message; False where it is too late for that."""

    def __call__(self, job_id: str, payload: bytes, until_ms: int) -> bool: ...


def deliver(
    queue_clock: Callable[[], int],
    claim: Callable[[], Waiting | None],
    announce: Announce,
    confirm: Callable[[int], None],
) -> int:
    """Announces each message once; how many went out. What `announce` raises passes, the message unconfirmed."""
    sent = 0
    for _ in range(AT_ONCE):
        until_ms = queue_clock() + round(ANNOUNCE_WITHIN / timedelta(milliseconds=1))
        message = claim()
        if message is None:
            break
        if announce(message.job_id, message.payload.encode(), until_ms):
            confirm(message.id)
            sent += 1
    return sent
