"""From the bytes of a log to lines, each with its time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from lomi_ops.clients.containers.answers import moment
from lomi_ops.domain.container import LONGEST_LINE, log_line

LONGEST = 64 * 1024
"""Bytes of a line that are kept; the rest of a longer one is dropped."""
_HEADER = 8


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a container's log."""

    at: datetime | None
    text: str


def lines(chunks: Iterable[bytes], *, tty: bool, longest: int = LONGEST_LINE) -> Iterator[LogLine]:
    """The lines of a log that was asked for with timestamps; an unfinished last one counts.

    Without a terminal the engine sends frames: a byte for stdout or stderr, three of nothing, four for the length, and
    so many bytes. Halves of lines of the two must not be joined.
    """
    rests: dict[int, bytes] = {}
    for source, part in ((0, chunk) for chunk in chunks) if tty else _frames(chunks):
        *whole, rest = (rests.get(source, b"") + part).split(b"\n")
        rests[source] = rest[:LONGEST]
        yield from (_line(each, longest) for each in whole)
    yield from (_line(rest, longest) for _, rest in sorted(rests.items()) if rest)


def _frames(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """What a broken-off stream has of its last frame is given out, too."""
    source, left, buffer = 0, 0, b""
    for chunk in chunks:
        buffer += chunk
        while buffer and (left or len(buffer) >= _HEADER):
            if not left:
                source, left = buffer[0], int.from_bytes(buffer[4:_HEADER], "big")
                buffer = buffer[_HEADER:]
            part, buffer = buffer[:left], buffer[left:]
            left -= len(part)
            yield source, part


def _line(raw: bytes, longest: int) -> LogLine:
    stamp, _, text = raw[:LONGEST].decode("utf-8", "replace").partition(" ")
    at = moment(stamp)
    return LogLine(at, log_line(text if at else f"{stamp} {text}", longest))
