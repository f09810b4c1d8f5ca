"""What an HTTP answer of the backend means. Pure.

The backend's own words are repeated only where they say what was wrong with our request, cut, and without anything
that we sent in confidence.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from lomi_ops.clients.http import Reply
from lomi_ops.errors import BackendUnavailable, ConfigError, LomiError, NotFound, Throttled

_SAID = 160
"""Characters of the backend's words that are repeated."""
STARS = "***"


class BackendDenied(ConfigError):
    """401 or 403: the token is missing, wrong, expired, or not an admin's."""

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class BackendMissing(NotFound):
    """404: it has no such endpoint, or not what was named."""


class BackendRejected(LomiError):
    """Another 4xx: it understood, and said no."""

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class QuotaUsedUp(Throttled):
    """429: the user has uploaded as much as the backend takes in 24 hours, or it wants fewer calls."""


def refusal(reply: Reply, asked: str, where: str, secrets: Collection[str] = ()) -> LomiError | None:
    """The error that an answer is, or None for a 2xx. `asked` is method and path, `where` the backend."""
    said = _words(reply, secrets)
    match reply.status:
        case 200 | 201 | 202 | 204:
            return None
        case 401:
            hint = "the token is missing, wrong or expired: set backend.token (LOMI_BACKEND__TOKEN) anew"
            return BackendDenied(f"{where} does not accept the token for {asked} (401{said})", status=401, hint=hint)
        case 403:
            hint = "this account may not do that: backend.token must be an admin's for the admin endpoints"
            return BackendDenied(f"{where} forbids {asked} (403{said})", status=403, hint=hint)
        case 404:
            hint = "check backend.url, which is the address without /api/v1"
            return BackendMissing(f"{where} knows no {asked} (404)", hint=hint)
        case 429:
            text = f"{where} takes no more for now: {asked} (429{said})"
            return QuotaUsedUp(text, retry_after_s=reply.retry_after_s)
        case status if 300 <= status < 400:
            hint = "set backend.url to the address that it redirects to; lomi follows no redirects"
            return BackendUnavailable(f"{where} redirects {asked} elsewhere ({status})", hint=hint)
        case status if status >= 500:
            return BackendUnavailable(f"{where} answers {status} to {asked}", hint="look at the backend's log")
        case status:
            return BackendRejected(f"{where} refuses {asked} ({status}{said})", status=status)


def is_web_page(reply: Reply) -> bool:
    """A frontend or a gateway answers unknown addresses with its page, and status 200."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in ("text/html", "application/xhtml+xml") or reply.body.lstrip()[:1] == b"<"


def _words(reply: Reply, secrets: Collection[str]) -> str:
    """`: words` of a JSON body's `error` or `message`; empty for none."""
    try:
        body = json.loads(reply.body)
    except ValueError:
        return ""
    said = (body.get("error") or body.get("message")) if isinstance(body, dict) else None
    if not isinstance(said, str):
        return ""
    for secret in secrets:
        said = said.replace(secret, STARS)
    plain = " ".join("".join(char if char.isprintable() else " " for char in said).split())
    return f": {plain[:_SAID]}" if plain else ""
