"""The form in which the queue is saved: JSON lines, each a page of one key.

Not DUMP: its bytes carry the version of the server that made them, and an older one, or Valkey beside Redis, refuses
to RESTORE them. Types and commands are the same everywhere since 6.2, and `zcat … | grep JOB` is possible.

Bytes that are no UTF-8 travel as lone surrogates in JSON's escapes, so any bytes come back as they were.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

SCHEMA = "lomi.backup.queue/v1"
_GZIP = 31
"""zlib's window for a gzip header and trailer."""
_CHUNK = 1 << 16


class Kind(StrEnum):
    """Types of keys, by Redis's names."""

    STRING = "string"
    LIST = "list"
    HASH = "hash"
    SET = "set"
    ZSET = "zset"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of one key. A long key has several, one after another."""

    key: str
    kind: Kind
    items: tuple[Any, ...]
    """Bytes for a string (one), a list and a set; (field, value) for a hash; (member, score) for a sorted set;
    (id, ((field, value), …)) for a stream."""
    ttl_ms: int | None = None
    """What was left of its life; None for a key that lives on."""


Pages = Callable[[], Iterator[Page]]
"""The whole, as often as it is asked for."""


class Damaged(ValueError):
    """The file is not what `written` wrote."""


def written(list_name: str, pages: Iterable[Page]) -> Iterator[bytes]:
    """The file, compressed, piece by piece."""
    packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
    yield packer.compress(_line({"schema": SCHEMA, "list": list_name}))
    for page in pages:
        if packed := packer.compress(_line(_plain(page))):
            yield packed
    yield packer.flush()


def read(path: Path) -> Iterator[Page]:
    """Raises Damaged."""
    lines = _lines(path)
    try:
        head = json.loads(next(lines, b""))
        if not isinstance(head, dict) or head.get("schema") != SCHEMA:
            raise Damaged(f"not {SCHEMA}")
        for line in lines:
            yield _page(json.loads(line))
    except (ValueError, KeyError, TypeError, zlib.error) as damage:
        if isinstance(damage, Damaged):
            raise
        raise Damaged(f"{type(damage).__name__} in {path.name}") from None


def _lines(path: Path) -> Iterator[bytes]:
    unpacker, rest = zlib.decompressobj(_GZIP), b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            *whole, rest = (rest + unpacker.decompress(chunk)).split(b"\n")
            yield from whole
    if rest or not unpacker.eof:
        raise Damaged(f"{path.name} ends too early")


def _line(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode() + b"\n"


def _plain(page: Page) -> dict[str, Any]:
    body: dict[str, Any] = {"key": page.key, "type": page.kind.value, "items": [_out(item) for item in page.items]}
    return body if page.ttl_ms is None else body | {"ttl_ms": page.ttl_ms}


def _page(body: dict[str, Any]) -> Page:
    ttl = body.get("ttl_ms")
    items = tuple(_in(item) for item in body["items"])
    return Page(str(body["key"]), Kind(body["type"]), items, None if ttl is None else int(ttl))


def _out(item: Any) -> Any:
    if isinstance(item, bytes):
        return item.decode("utf-8", "surrogateescape")
    return [_out(part) for part in item] if isinstance(item, tuple) else item


def _in(item: Any) -> Any:
    if isinstance(item, str):
        return item.encode("utf-8", "surrogateescape")
    return tuple(_in(part) for part in item) if isinstance(item, list) else item
