"""HTTP for alerts: a signed webhook, and the heartbeat. Addresses hold tokens, so no error text repeats one, nor what a
library says of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import httpx

from lomi_ops.clients.http import within
from lomi_ops.domain.signing import signature
from lomi_ops.errors import RouteUnavailable

TIMESTAMP, SIGNATURE, KEY = "lomi-timestamp", "lomi-signature", "idempotency-key"


def post_signed(
    url: str, key: str, body: bytes, *, once: str, timeout_s: float, now: Callable[[], float] = time.time
) -> None:
    """One message. `once` is the same for each try of it, so that a receiver can drop what it has. Raises
    RouteUnavailable for everything but a 2xx."""
    at = int(now())
    headers = {
        "content-type": "application/json",
        TIMESTAMP: str(at),
        SIGNATURE: signature(key, at, body),
        KEY: once,
    }
    _ask("POST", url, timeout_s, headers, body)


def ping(url: str, *, timeout_s: float = 5.0) -> None:
    """The dead man's switch. Raises RouteUnavailable."""
    _ask("GET", url, timeout_s, {}, b"")


def _ask(method: str, url: str, timeout_s: float, headers: Mapping[str, str], body: bytes) -> None:
    status = within(timeout_s + 1, lambda: _status(method, url, timeout_s, headers, body), lambda: _late(timeout_s))
    if not 200 <= status < 300:
        raise RouteUnavailable(f"it answered HTTP {status}")


def _status(method: str, url: str, timeout_s: float, headers: Mapping[str, str], body: bytes) -> int:
    """No answer's body is read: there is nothing in it for us."""
    try:
        with (
            httpx.Client(timeout=timeout_s, trust_env=False, follow_redirects=False) as client,
            client.stream(method, url, content=body or None, headers={"user-agent": "lomi", **headers}) as answer,
        ):
            return answer.status_code
    except httpx.TimeoutException:
        raise _late(timeout_s) from None
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
        raise RouteUnavailable(_why(error)) from None


def _late(timeout_s: float) -> RouteUnavailable:
    return RouteUnavailable(f"it gave no answer within {timeout_s:g} s")


def _why(error: Exception) -> str:
    match error:
        case httpx.ConnectError():
            return "there is no connection to it"
        case httpx.RemoteProtocolError() | httpx.ReadError() | httpx.WriteError():
            return "the connection to it broke off"
        case _:
            return f"it could not be asked: {type(error).__name__}"
