"""What can go wrong on the way, as values that the server acts out on a real socket."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """Base of all. Each replaces or spoils one answer."""


@dataclass(frozen=True)
class Stall(Fault):
    """The answer comes `seconds` late; a core keeps its worker busy all that time."""

    seconds: float


@dataclass(frozen=True)
class Reset(Fault):
    """The connection is reset after half of the body; `early` before any byte of the answer."""

    early: bool = False


@dataclass(frozen=True)
class Html(Fault):
    """A page of the gateway: 502, 504, 413 ..."""

    status: int


@dataclass(frozen=True)
class Truncated(Fault):
    """A complete HTTP answer whose JSON ends in the middle."""


@dataclass(frozen=True)
class Drip(Fault):
    """Headers at once, then one byte of the body every `seconds`."""

    seconds: float


@dataclass(frozen=True)
class Oversize(Fault):
    """A 200 with this many bytes of JSON white space before the answer."""

    size: int


@dataclass(frozen=True)
class Throttle(Fault):
    """Come back later."""

    status: int = 429
    retry_after: str | None = "7"


@dataclass(frozen=True)
class Canned(Fault):
    """Any other answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
