"""Settings that do not fit together."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr

from lomi_ops.config.keys import Key


@dataclass(frozen=True, slots=True)
class Misfit:
    """A setting that does not fit with others."""

    key: Key
    what: str
    others: tuple[Key, ...] = field(default=())
    nearest: str = ""

    @property
    def keys(self) -> tuple[Key, ...]:
        return (self.key, *self.others)


def is_web(secret: SecretStr) -> bool:
    """Whether it is the URL of something on the web, with or without a user and a password."""
    try:
        parts = urlsplit(secret.get_secret_value())
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
