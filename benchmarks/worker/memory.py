"""How much memory a worker and its judging process keep, over many photos of all kinds and sizes."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from benchmarks.queue.figures import Figure
from benchmarks.worker import processes
from benchmarks.worker.load import fed
from benchmarks.worker.stack import KEYS, Stack

LIMIT_MB = 512.0
GROWTH_MB = 16.0
"""Between the end of the first fifth and the end: more would be a leak, less may be an arena that found its size."""
EVERY_S = 2.0


def followed(stack: Stack, keys: Sequence[str], photos: int) -> list[tuple[int, float]]:
    """Photos so far and megabytes of the largest worker with its judging process, until so many are judged."""
    found: list[tuple[int, float]] = []
    with fed(stack, keys, 9):
        while not found or found[-1][0] < photos:
            time.sleep(EVERY_S)
            found.append((_decided(stack), max(_megabytes(each.pid) for each in stack.workers)))
            if len(found) % 30 == 0:
                print(f"  {found[-1][0]:,} photos, {found[-1][1]:.0f} MB", file=sys.stderr)
    return found


def figures(kind: str, found: Sequence[tuple[int, float]]) -> list[Figure]:
    """The most, and what was added after the first fifth."""
    most = max(megabytes for _, megabytes in found)
    photos = found[-1][0] - found[0][0]
    early = [megabytes for count, megabytes in found if count - found[0][0] <= photos / 5]
    late = [megabytes for count, megabytes in found if count - found[0][0] >= photos * 4 / 5]
    growth = sum(late) / len(late) - sum(early[-3:]) / len(early[-3:])
    note = f"{photos:,} photos; resident, worker and judging process together"
    limit = f"≤ {LIMIT_MB:g} MB" if kind == "jpeg" else ""
    return [
        Figure(f"memory of a worker, {kind}, most", most, "MB", limit, most <= LIMIT_MB if limit else None, note),
        Figure(f"memory of a worker, {kind}, growth", growth, "MB", f"≤ {GROWTH_MB:g} MB", growth <= GROWTH_MB,
               "mean of the last fifth beyond the end of the first"),
    ]  # fmt: skip


def _megabytes(pid: int) -> float:
    """Pages that several processes share are counted for each its part."""
    return sum(processes.memory_mb(each)[1] for each in processes.tree([pid]))


def _decided(stack: Stack) -> int:
    counters: dict[bytes, bytes] = stack.redis.hgetall(KEYS.measured)  # type: ignore[assignment]
    return sum(int(number) for name, number in counters.items() if name.startswith(b"n:photo:"))
