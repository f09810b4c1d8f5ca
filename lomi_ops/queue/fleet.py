"""The lease on the fleet: one change of the workers at a time, whoever makes it and from whichever machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import redis

from lomi_ops.queue import board
from lomi_ops.queue.client import guarded
from lomi_ops.queue.fields import Fields, number, word
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.scripts import Reply, Scripts, count, ms, text


@dataclass(frozen=True, slots=True)
class Claimant:
    """Somebody who changes the fleet."""

    by: str
    what: str
    """The command, as it can be typed."""
    host: str


@dataclass(frozen=True, slots=True)
class Tenure:
    """Who has the fleet. Times are milliseconds of the server's clock."""

    claimant: Claimant
    since_ms: int
    until_ms: int
    """When it is free again if its holder does not renew."""
    now_ms: int

    @property
    def held_s(self) -> float:
        return max(0, self.now_ms - self.since_ms) / 1000

    @property
    def left_s(self) -> float:
        return max(0, self.until_ms - self.now_ms) / 1000


class FleetLease:
    """The lease of one queue's workers, or another one of the same kind `at` its own key. Every method raises
    RedisUnavailable."""

    def __init__(self, client: redis.Redis, keys: Keys | None = None, *, at: str = "") -> None:
        self._client = client
        self.keys = keys or Keys()
        self._at = at or self.keys.fleet
        self._scripts = Scripts(client, self.keys)

    def take(self, token: str, claimant: Claimant, lease_s: float) -> Tenure | None:
        """None where it is ours now; else who has it. The same call again, after a lost answer, changes nothing."""
        said = (claimant.by, claimant.what, claimant.host)
        reply = self._scripts.run("fleet_take", [self._at], [token, ms(lease_s), *said])
        return None if reply[0] == b"TAKEN" else _tenure(reply)

    def keep(self, token: str, lease_s: float) -> bool:
        """False where it is ours no more: change nothing."""
        return bool(self._scripts.run("fleet_keep", [self._at], [token, ms(lease_s)])[0] == b"KEPT")

    def leave(self, token: str) -> bool:
        return bool(self._scripts.run("fleet_leave", [self._at], [token])[0] == b"LEFT")

    def tenure(self) -> Tenure | None:
        """Who has it, for those who only look."""
        with guarded(self._client, "the lease on the fleet"):
            found = cast("Fields", self._client.hgetall(self._at))
        if not found:
            return None
        claimant = Claimant(word(found, b"by"), word(found, b"what"), word(found, b"host"))
        return Tenure(claimant, number(found, b"since"), number(found, b"until"), board.now_ms(self._client))


def _tenure(reply: Reply) -> Tenure:
    by, what, host = (text(part) for part in reply[1:4])
    since, until, now = (count(part) for part in reply[4:7])
    return Tenure(Claimant(by, what, host), since, until, now)
