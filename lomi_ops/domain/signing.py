"""How a webhook's message is signed, so that its receiver knows whose it is and that it is fresh. Pure."""

from __future__ import annotations

import hashlib
import hmac

SCHEME = "v1"


def signature(key: str, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 over `TIMESTAMP.BODY`, as the header has it."""
    digest = hmac.new(key.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"{SCHEME}={digest}"
