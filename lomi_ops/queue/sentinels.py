"""Where the primary is, by Sentinel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import redis

from lomi_ops.queue import odd_answers


class Sentinels:
    """The Sentinels of one installation, as redis-py's connection pool asks them.

    `options` are those of a client: every wait is bounded there, and nothing is repeated. The one that
    knew the primary is asked first the next time.
    """

    def __init__(self, addresses: Sequence[tuple[str, int]], options: Mapping[str, Any]) -> None:
        self._addresses = tuple(addresses)
        self._options = dict(options)

    def discover_master(self, service: str) -> tuple[str, int]:
        """Host and port of the primary that a Sentinel names and does not take for dead. Raises NoPrimary, with what
        each of them said."""
        said = []
        for address in self._addresses:
            try:
                found = self._ask(address, service)
            except redis.RedisError as error:
                said.append(f"{address[0]}:{address[1]}: {odd_answers.text(error)}")
                continue
            if isinstance(found, tuple):
                self._addresses = (address, *(other for other in self._addresses if other != address))
                return found
            said.append(f"{address[0]}:{address[1]}: {found}")
        raise odd_answers.NoPrimary(f"no Sentinel names a primary for {service} ({'; '.join(said)})")

    def _ask(self, address: tuple[str, int], service: str) -> tuple[str, int] | str:
        """The primary's address, or why this Sentinel has none."""
        with redis.Redis(host=address[0], port=address[1], **self._options) as client:
            masters: Mapping[str, Mapping[str, Any]] = client.sentinel_masters()
        master = masters.get(service)
        if master is None:
            known = ", ".join(sorted(masters)) or "no service at all"
            return f"it knows {known}"
        if not master["is_master"] or master["is_sdown"] or master["is_odown"]:
            return f"{master['ip']}:{master['port']} is down"
        return str(master["ip"]), int(master["port"])
