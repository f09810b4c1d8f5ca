"""What time it is, by the database's clock.

The clock of a machine may be wrong or jump, and what is written to Postgres is compared with what other machines wrote.
So the server is asked now and then, and in between the monotonic clock counts on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

log = logging.getLogger(__name__)

ASK_AGAIN_S = 60.0
TOLERATED = timedelta(seconds=5)


class ServerClock:
    """`ask` returns the server's time, in a round trip. Any thread may ask; two at once do no harm."""

    def __init__(
        self,
        ask: Callable[[], datetime],
        *,
        elapsed: Callable[[], float] = time.monotonic,
        local: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ask = ask
        self._elapsed = elapsed
        self._local = local
        self._known: tuple[datetime, float] | None = None
        self._off = timedelta()

    def now(self) -> datetime:
        """Raises what `ask` raises, and only when the last answer is older than a minute."""
        known, elapsed = self._known, self._elapsed()
        if known is None or elapsed - known[1] > ASK_AGAIN_S:
            known = self._known = (self._ask(), elapsed)
            self._compare(known[0])
        return known[0] + timedelta(seconds=elapsed - known[1])

    def _compare(self, server: datetime) -> None:
        """Says it once when the machine's own clock is wrong, and again when it is wrong by another amount."""
        off = self._local() - server
        if abs(off) > TOLERATED and abs(off - self._off) > TOLERATED:
            log.warning(
                "this machine's clock is %.0f s off: the database's clock is used",
                off.total_seconds(),
                extra={"action": "clock_off", "hint": "check its time service (NTP)"},
            )
        self._off = off
