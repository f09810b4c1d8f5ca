"""Writes worker/requirements.lock: those lines of requirements.lock that worker/requirements.in names.

`python worker/image/lock.py`, as a part of `make lock`. With `--for VERSION` it prints what of the lock that Python
needs: `pip download` fetches for another version, but reads the markers as if for its own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WHOLE = ROOT / "requirements.lock"
NAMES = ROOT / "worker" / "requirements.in"
LOCK = ROOT / "worker" / "requirements.lock"


def named(text: str) -> list[str]:
    """The packages of a `requirements.in`: one a line, and comments."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def blocks(lock: str) -> list[tuple[str, str]]:
    """Each requirement of a lock with its hashes, and its name; a name comes more than once where markers differ."""
    found = re.findall(r"^(?=\S).*(?:\n[ \t].*)*", lock, re.MULTILINE)
    return [(re.split(r"[=\[ ;]", block, maxsplit=1)[0], block) for block in found if not block.startswith("#")]


def subset(lock: str, names: Collection[str]) -> str:
    """Raises ValueError for a name that the lock does not have."""
    chosen = [(name, block) for name, block in blocks(lock) if name in names]
    if missing := sorted(set(names) - {name for name, _ in chosen}):
        raise ValueError(f"not in requirements.lock: {', '.join(missing)}")
    return "".join(f"{block}\n" for _, block in chosen)


def holding(lock: str, version: str) -> str:
    """What holds for a CPython of that full version on Linux, without markers."""
    from packaging.markers import Marker

    there = {
        "python_full_version": version,
        "python_version": version.rpartition(".")[0],
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "sys_platform": "linux",
    }
    found = ""
    for _, block in blocks(lock):
        first, *hashes = block.splitlines()
        pin, _, marker = first.removesuffix("\\").partition(";")
        if not marker or Marker(marker).evaluate(there):
            found += "\n".join([f"{pin.strip()} \\", *hashes]) + "\n"
    return found


def main() -> int:
    if sys.argv[1:2] == ["--for"]:
        sys.stdout.write(holding(LOCK.read_text(), sys.argv[2]))
        return 0
    try:
        LOCK.write_text(subset(WHOLE.read_text(), named(NAMES.read_text())))
    except ValueError as problem:
        sys.stderr.write(f"error: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
