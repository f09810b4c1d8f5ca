"""TCP ports on loopback."""

from __future__ import annotations

import random
import secrets
import socket

LOOPBACK = "127.0.0.1"

_RANGE = range(20_000, 30_000)
"""Below the range from which Linux takes the near ends of outgoing connections (32768-60999): a port recorded
today is still free tomorrow."""


def is_free(port: int) -> bool:
    """True when a server could listen there now. Connections in TIME_WAIT do not count, as for any server."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose(chance: random.Random | None = None, *, avoid: int | None = None) -> int:
    """A port that is free now and not `avoid`; the kernel's choice where all of ours are taken."""
    chance = chance or secrets.SystemRandom()
    for _ in range(50):
        port = chance.choice(_RANGE)
        if port != avoid and is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        given: int = probe.getsockname()[1]
        return given
