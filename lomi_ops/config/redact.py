"""Keeps secrets out of everything that is written: messages, logs, tracebacks, also those of libraries."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

from pydantic import BaseModel, SecretStr

from lomi_ops.config.schema import Settings

STARS = "***"

# The password of any URL, ours or not: up to the last @ before a slash or a space, for sloppy ones hold an @. A scheme
# without a bound would make the search quadratic in the longest word.
_URL = re.compile(r"([a-z][a-z0-9+.-]{0,30}://[^\s:/@'\"]*):[^\s/'\"]+@", re.IGNORECASE)
_ALWAYS = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"\b(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s'\"]+", rf"\1{STARS}"),
        (r"\b((?:Bearer|tma)\s+)[\w.~+/=%&-]{8,}", rf"\1{STARS}"),
        (r"\b((?:password|passwd|pgpassword|secret_key|api_key|x-api-key)['\"]?\s*[=:]\s*)(?:'[^']*'|\"[^\"]*\"|[^\s,;&)}]+)",
         rf"\1{STARS}"),
    )
)  # fmt: skip
_SIGNS = re.compile(r"[=:\s]")
"""One of these is in each of the shapes above. Most of what is written has none: ids, words, numbers."""
_PLACES = frozenset({"redis", "rediss", "unix", "postgres", "postgresql", "tcp", "ssh"})
"""Schemes whose URLs hold a secret at one place only. In those of messengers and webhooks any word may be a token."""
_SHORT = 4
"""Shorter secrets are too much like ordinary words and numbers; the shapes above still catch them."""


class Redactor:
    """Knows secrets and takes them out of text, in every spelling that URLs, JSON and Python's repr give them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {spelling for secret in secrets for spelling in _spellings(secret)}
        longest_first = sorted(spellings, key=lambda text: (-len(text), text))
        self._known = re.compile("|".join(map(_pattern, longest_first))) if longest_first else None

    @classmethod
    def of(cls, settings: Settings, *more: str) -> Redactor:
        """Knows every secret of these settings, also the passwords inside URLs, and `more`."""
        return cls(secret for whole in (*secret_values(settings).values(), *more) for secret in _parts(whole))

    def __call__(self, text: str) -> str:
        return self.scrub(text)

    def scrub(self, text: str) -> str:
        """The text with stars for secrets: the known ones, and what looks like one (a URL's password, a signature)."""
        if self._known is not None:
            text = self._known.sub(STARS, text)
        if _SIGNS.search(text) is None:
            return text
        if "://" in text:
            text = _URL.sub(rf"\1:{STARS}@", text)
        for pattern, replacement in _ALWAYS:
            text = pattern.sub(replacement, text)
        return text

    def scrub_value(self, value: object) -> object:
        """The same inside mappings and lists."""
        if isinstance(value, str):
            return self.scrub(value)
        if isinstance(value, bytes):
            return self.scrub(value.decode("utf-8", "replace"))
        if isinstance(value, Mapping):
            return {self.scrub_value(name): self.scrub_value(part) for name, part in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.scrub_value(part) for part in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.scrub(str(value))


def secret_values(settings: Settings) -> dict[str, str]:
    """Every secret that is set, by dotted key."""
    return {key: secret.get_secret_value() for key, secret in _secrets(settings, "") if secret.get_secret_value()}


def password_of(secret: str) -> str | None:
    """The password of a URL, None where it holds none; of anything else, all of it."""
    if "://" not in secret:
        return secret
    try:
        found = urlsplit(secret).password
    except ValueError:
        return None
    return unquote(found) if found else None


def fingerprint(secret: str) -> str:
    """Enough to see whether two machines have the same secret, far too little to find it."""
    return f"sha256:{hashlib.sha256(secret.encode()).hexdigest()[:4]}…"


def _secrets(value: object, key: str) -> Iterator[tuple[str, SecretStr]]:
    if isinstance(value, SecretStr):
        yield key, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name), f"{key}.{name}" if key else name)
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _secrets(part, f"{key}.{name}")


def _parts(secret: str) -> Iterator[str]:
    """The secret itself, and of a URL also its password and the values of its query."""
    yield secret
    if "://" not in secret:
        return
    try:
        parts = urlsplit(secret)
        password = parts.password
    except ValueError:
        return
    if password:
        yield password
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if "password" in name.casefold() and value:
            yield value
    if parts.scheme not in _PLACES:
        yield from filter(_token_like, re.split(r"[/:@?&=#,]+", secret.partition("://")[2]))


def _token_like(word: str) -> bool:
    """Not `services` or a host's name: these are in other texts, too."""
    odd = any(sign.isdigit() or sign.isupper() for sign in word)
    return len(word) >= (8 if odd else 16) and "." not in word


def _spellings(secret: str) -> Iterator[str]:
    for plain in {secret, unquote(secret), unquote_plus(secret)}:
        for form in (plain, quote(plain), quote(plain, safe=""), quote_plus(plain), repr(plain)[1:-1], _json(plain)):
            if len(form) >= _SHORT:
                yield form


def _json(text: str) -> str:
    import json

    return json.dumps(text)[1:-1]


def _pattern(secret: str) -> str:
    """A short secret only as a whole word: it may be a part of ordinary ones."""
    escaped = re.escape(secret)
    return escaped if len(secret) >= 8 else rf"(?<![^\W_]){escaped}(?![^\W_])"
