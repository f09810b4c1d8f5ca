"""How long a command line takes before it does anything: `python -m benchmarks.check.startup`.

Bare Python, `lomi --version`, `lomi --help` and completions are started in turn, so that what else the machine does
hits all of them alike. Only differences and ratios within one run compare.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.queue.figures import Figure, middle, percentile, table

LOMI = Path(sys.executable).with_name("lomi")
BARE_NAME = "bare Python"
BARE = (sys.executable, "-c", "pass")
LINES: Mapping[str, tuple[str, ...]] = {
    "lomi --version": (str(LOMI), "--version"),
    "lomi --help": (str(LOMI), "--help"),
    "lomi queue --help": (str(LOMI), "queue", "--help"),
    "lomi help exit-codes": (str(LOMI), "help", "exit-codes"),
    "lomi _complete topics, kept": (str(LOMI), "_complete", "topics"),
}
GOALS_MS = {"lomi --version": 80.0, "lomi --help": 150.0}
GOAL_RATIO = {"lomi _complete topics, kept": 2.0}


@dataclass(slots=True)
class Starts:
    """Every start of one line, in ms."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def measure(rounds: int) -> dict[str, Starts]:
    """By line. One start of each comes first and does not count."""
    found = {name: Starts() for name in (BARE_NAME, *LINES)}
    with tempfile.TemporaryDirectory(prefix="lomi-startup-") as home:
        environ = {**os.environ, "HOME": home, "XDG_CACHE_HOME": home}
        for turn in range(rounds + 1):
            for name, line in ((BARE_NAME, BARE), *LINES.items()):
                wall, cpu = _start(line, environ)
                if turn:
                    found[name].wall.append(wall)
                    found[name].cpu.append(cpu)
    return found


def _start(line: Sequence[str], environ: Mapping[str, str]) -> tuple[float, float]:
    before, started = _children_s(), time.perf_counter()
    subprocess.run(line, env=environ, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - started) * 1000, (_children_s() - before) * 1000


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def figures(found: Mapping[str, Starts]) -> list[Figure]:
    bare = found[BARE_NAME]
    shown = [Figure(BARE_NAME, middle(bare.wall), "ms", note=_spread(bare))]
    for name in LINES:
        over = middle(found[name].wall) - middle(bare.wall)
        ratio = middle(found[name].wall) / middle(bare.wall)
        goal, limit = GOALS_MS.get(name), GOAL_RATIO.get(name)
        note = f"{ratio:.2f} x; {_spread(found[name])}"
        if goal is not None:
            shown.append(Figure(f"{name}, more than that", over, "ms", f"≤ {goal:g} ms", over <= goal, note))
        elif limit is not None:
            shown.append(Figure(f"{name}, as a multiple", ratio, "x", f"≤ {limit:g} x", ratio <= limit, note))
        else:
            shown.append(Figure(f"{name}, more than that", over, "ms", note=note))
    return shown


def _spread(starts: Starts) -> str:
    low, high = percentile(starts.wall, 0.1), percentile(starts.wall, 0.9)
    return f"median {middle(starts.wall):.0f} ms, p10 {low:.0f}, p90 {high:.0f}; {middle(starts.cpu):.0f} ms of a core"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="starts of each; at least 20 for a figure that counts")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    found = figures(measure(options.rounds))
    print(table(found))
    print()
    print(
        f"{options.rounds} starts of each in turn, cores {os.cpu_count()}, python {platform.python_version()}, "
        f"load {before:.1f} before and {os.getloadavg()[0]:.1f} after"
    )
    return int(any(figure.meets is False for figure in found))


if __name__ == "__main__":
    sys.exit(main())
