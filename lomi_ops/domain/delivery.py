"""Publishing what waits in an outbox: claimed, announced, confirmed, in that order.

A crash between the last two leaves a message of which the outbox does not know whether it went out. So `announce` must
say a job_id once, however often it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Protocol

CONFIRM_AFTER = timedelta(minutes=1)
"""A message that was claimed so long ago and not marked is nobody's any more: no announcement takes that long."""


class Waiting(Protocol):
    """A message that the caller has claimed."""

    @property
    def id(self) -> int: ...
    @property
    def job_id(self) -> str: ...
    @property
    def payload(self) -> str: ...


def deliver(
    claimed: Iterable[Waiting], announce: Callable[[str, bytes], object], confirm: Callable[[int], None]
) -> int:
    """Announces each message once; how many went out. What `announce` raises passes, the message unconfirmed."""
    sent = 0
    for message in claimed:
        announce(message.job_id, message.payload.encode())
        confirm(message.id)
        sent += 1
    return sent
