"""What made-up photos look like: hashes of 128 ones, as the median makes them, and now and then a copy of one."""

from __future__ import annotations

import time
from collections.abc import Iterable
from hashlib import md5

import numpy as np
import numpy.typing as npt
import psycopg

COPIED = 1000
"""One photo in so many looks like the one before it, a few bits away."""
CHUNK = 20_000
COPY = "COPY lomi.photo_hashes (media_id, user_id, hash, bands, at) FROM STDIN (FORMAT binary)"
HEAD, TAIL = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
ROW = np.dtype([
    ("fields", ">i2"), ("media_size", ">i4"), ("media", "V16"), ("user_size", ">i4"), ("user", "V16"),
    ("hash_size", ">i4"), ("hash", "V32"), ("bands_size", ">i4"), ("dimensions", ">i4", 3), ("bounds", ">i4", 2),
    ("bands", [("size", ">i4"), ("band", ">i4")], 16), ("at_size", ">i4"), ("at", ">i8"),
])  # fmt: skip
_INT4 = 23
_EPOCH_S = 946_684_800
"""Of Postgres: the year 2000."""
Hashes = npt.NDArray[np.uint8]


def fill(connection: psycopg.Connection[tuple[object, ...]], rows: int) -> None:
    """The photos 1 to `rows` of `benchmarks.report`, in a table without indexes."""
    with connection.cursor().copy(COPY) as copy:
        copy.write(HEAD)
        for first in range(1, rows + 1, CHUNK):
            copy.write(_rows(first, hashes(min(CHUNK, rows + 1 - first), np.random.default_rng(first))).tobytes())
        copy.write(TAIL)


def hashes(number: int, chance: np.random.Generator) -> Hashes:
    """As rows of bytes."""
    order = chance.integers(0, 1 << 16, (number, 256), dtype=np.uint16).argpartition(128, axis=1)
    bits = np.zeros((number, 256), np.uint8)
    np.put_along_axis(bits, order[:, :128], 1, axis=1)
    for copied in range(COPIED, number, COPIED):
        flips = copied // COPIED % 16
        bits[copied] = bits[copied - 1]
        # A one against a zero each time, so that they stay as many.
        bits[copied, order[copied - 1, :flips]] = 0
        bits[copied, order[copied - 1, 128 : 128 + flips]] = 1
    return np.packbits(bits, axis=1)


def _rows(first: int, found: Hashes) -> npt.NDArray[np.void]:
    rows = np.zeros(len(found), ROW)
    rows["fields"], rows["media_size"], rows["user_size"], rows["hash_size"], rows["at_size"] = 5, 16, 16, 32, 8
    rows["media"] = _ids(f"m{n}" for n in range(first, first + len(found)))
    rows["user"] = _ids(f"u{n // 9 % 400000}" for n in range(first, first + len(found)))
    rows["hash"] = found.view("V32")[:, 0]
    rows["bands_size"], rows["dimensions"], rows["bounds"] = 5 * 4 + 16 * 8, (1, 0, _INT4), (16, 1)
    rows["bands"]["size"] = 4
    rows["bands"]["band"] = found.view(">u2").astype(np.int64) + (np.arange(16) << 16)
    rows["at"] = int((time.time() - _EPOCH_S) * 1e6)
    return rows


def _ids(texts: Iterable[str]) -> npt.NDArray[np.void]:
    made = b"".join(md5(text.encode(), usedforsecurity=False).digest() for text in texts)
    return np.frombuffer(made, "V16")
