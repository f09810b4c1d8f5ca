"""Are `lomi policy verify` and `simulate` quicker here than in another checkout, and do they say the same?

    .venv/bin/python -m benchmarks.policy.turns OTHER [--rows 50000] [--times 5]

Both checkouts run the command on one database, in turn, so that whatever else the machine does meets both. No two
decisions have the same findings. What they print must be equal to the byte.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks.policy.rows import START, filled
from lomi_ops.config.schema import Settings
from lomi_ops.db.bootstrap import prepare
from tests.services import running_postgres

HERE = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--times", type=int, default=5)
    chosen = parser.parse_args()
    policy = Settings().active_policy("default")
    with running_postgres() as url:
        prepare(url)
        filled(url, chosen.rows, policy, kinds_=chosen.rows)
        print(f"{os.cpu_count()} cores, {chosen.rows:,} decisions, load average {os.getloadavg()[0]:.1f}\n")
        print("| command | there | here | quicker | CPU microseconds a decision | memory |")
        print("| --- | --- | --- | --- | --- | --- |")
        window = f"{START:%Y-%m-%d}..{START + timedelta(seconds=3 * chosen.rows + 86_400):%Y-%m-%d}"
        swept = ["simulate", "default", "--set", "nsfw.porn.reject_at=0.3", "--sweep", "nsfw.porn.reject_at"]
        for words in (["verify"], [*swept, "--window", window]):
            _compare(url, words, chosen.other.resolve(), chosen.rows, chosen.times)


def _compare(url: str, words: list[str], other: Path, rows: int, times: int) -> None:
    ran: dict[Path, list[Ran]] = {other: [], HERE: []}
    for _ in range(times):
        for checkout, runs in ran.items():
            runs.append(_ran(url, ["policy", *words, "-o", "json"], checkout))
        assert ran[other][-1].said == ran[HERE][-1].said, "they say something else"
    there, here = (statistics.median(each.took for each in ran[checkout]) for checkout in (other, HERE))
    cpu = [statistics.median(each.cpu for each in ran[checkout]) for checkout in (other, HERE)]
    sizes = [max(each.mib for each in ran[checkout]) for checkout in (other, HERE)]
    cpus = f"{cpu[0] / rows * 1e6:.0f} / {cpu[1] / rows * 1e6:.0f}"
    memory = f"{sizes[0]:.0f} / {sizes[1]:.0f} MiB"
    parts = (words[0], f"{there:.2f} s", f"{here:.2f} s", f"{there / here:.2f} x", cpus, memory)
    print(f"| {' | '.join(parts)} |", flush=True)


@dataclass(frozen=True, slots=True)
class Ran:
    """One command."""

    took: float
    cpu: float
    """Seconds of all its processes; not the server's."""
    mib: float
    """The most that they had at once."""
    said: bytes


def _ran(url: str, words: list[str], checkout: Path) -> Ran:
    environ = {**os.environ, "LOMI_DATABASE_URL": url, "PYTHONPATH": str(checkout)}
    with tempfile.TemporaryFile() as out:
        began, before = time.monotonic(), _cpu()
        child = subprocess.Popen([sys.executable, "-m", "lomi_ops", *words], cwd=checkout, env=environ, stdout=out)
        most = 0.0
        while child.poll() is None:
            most = max(most, _size(child.pid))
            time.sleep(0.05)
        took = time.monotonic() - began
        assert child.returncode == 0, f"{words}: exit {child.returncode}"
        out.seek(0)
        return Ran(took, _cpu() - before, most, out.read())


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _size(pid: int) -> float:
    """MiB of a process and those below it."""
    with suppress(OSError, IndexError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return pages * resource.getpagesize() / 2**20 + sum(_size(int(each)) for each in below)
    return 0.0


if __name__ == "__main__":
    main()
