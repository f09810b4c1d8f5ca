"""What processes take: processor time and memory, by what the kernel counts. Linux."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def tree(roots: Iterable[int]) -> list[int]:
    """These processes and all below them that are there."""
    parents = {pid: stat[0] for pid, stat in _all().items()}
    found = list(roots)
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def cpu_s(roots: Iterable[int]) -> float:
    """Seconds on a core that these processes, all below them, and those of them that have ended have taken."""
    known = _all()
    return sum(sum(known[pid][1:]) for pid in tree(roots) if pid in known) / TICK


def busy_s() -> float:
    """Seconds that the cores were at work, for whomever: what others took is the difference."""
    user, nice, system, _, _, irq, softirq, steal = (int(word) for word in _first_line().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICK


def _first_line() -> str:
    return Path("/proc/stat").read_text().partition("\n")[0]


def memory_mb(pid: int) -> tuple[float, float]:
    """Megabytes of one process that are in memory: all, and its share where pages are shared with others."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        found[name] = int(rest.split()[0]) / 1024
    return found["Rss"], found["Pss"]


def _all() -> dict[int, tuple[int, ...]]:
    """Parent, and ticks in user and kernel mode, of the process and of its children that have ended."""
    found = {}
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                fields = (each / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            found[int(each.name)] = (int(fields[1]), *(int(field) for field in fields[11:15]))
    return found
