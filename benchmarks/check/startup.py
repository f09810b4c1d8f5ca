"""How long a command line takes before it does anything: `python -m benchmarks.check.startup`.

Bare Python, `lomi --version`, `lomi --help` and completions are started in turn, so that what else the machine does
hits all of them alike. Only differences and ratios within one run compare.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.queue.figures import Figure, middle, percentile, table

LOMI = Path(sys.executable).with_name("lomi")
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


def measure(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of every start, by line. One start of each comes first and does not count."""
    found: dict[str, list[float]] = {name: [] for name in ("bare Python", *LINES)}
    with tempfile.TemporaryDirectory(prefix="lomi-startup-") as home:
        environ = {**os.environ, "HOME": home, "XDG_CACHE_HOME": home}
        for turn in range(rounds + 1):
            for name, line in (("bare Python", BARE), *LINES.items()):
                took = _start(line, environ)
                if turn:
                    found[name].append(took)
    return found


def _start(line: Sequence[str], environ: Mapping[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(line, env=environ, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - started) * 1000


def figures(found: Mapping[str, Sequence[float]]) -> list[Figure]:
    bare = middle(found["bare Python"])
    shown = [Figure("bare Python", bare, "ms", note=_spread(found["bare Python"]))]
    for name in LINES:
        over, ratio = middle(found[name]) - bare, middle(found[name]) / bare
        goal = GOALS_MS.get(name)
        limit = GOAL_RATIO.get(name)
        shown.append(
            Figure(
                f"{name}, over bare Python", over, "ms",
                f"≤ {goal:g} ms" if goal else f"≤ {limit:g} x" if limit else "",
                over <= goal if goal else ratio <= limit if limit else None,
                f"{ratio:.2f} x; {_spread(found[name])}",
            )
        )  # fmt: skip
    return shown


def _spread(values: Sequence[float]) -> str:
    return f"median {middle(values):.0f} ms, p10 {percentile(values, 0.1):.0f}, p90 {percentile(values, 0.9):.0f}"


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
