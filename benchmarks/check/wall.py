"""How long a run of checks takes: `python -m benchmarks.check.wall`.

Three questions. How far is the scheduler from the slowest check, with checks that only sleep? How long does a whole
process of `lomi check` take on a healthy stack, beside bare Python? And does it end in time where nobody answers?
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from benchmarks.queue.figures import Figure, middle, percentile, table
from lomi_ops.domain.check import CheckSpec, Found, Status
from lomi_ops.domain.check_choice import Choice, choose
from lomi_ops.ops.checks.handles import Check, Handles, Probe
from lomi_ops.ops.checks.run import run_checks
from tests.doubles.compreface import CompreFaceDouble
from tests.doubles.telegram import running_telegram
from tests.integration.ops.black_hole import black_hole

LOMI = Path(sys.executable).with_name("lomi")
BARE = (sys.executable, "-c", "pass")
GOAL_RATIO, GOAL_OVER_MS = 1.1, 150.0
GOAL_P50_S, GOAL_P95_S = 1.0, 2.0
GOAL_LATE_S = 0.5
SHORTEST_MS, LONGEST_MS = 50, 1000
TARGETS = 8
"""As many as the real checks ask; four of one target's run at once."""


# --- the scheduler ----------------------------------------------------------------------------------------------------


def asleep(number: int) -> list[Check]:
    """Checks of 50 to 1000 ms in even steps, the longest anywhere, dealt out to the targets in turn."""
    step = (LONGEST_MS - SHORTEST_MS) / (number - 1)
    # A prime apart, so that no target gets the long ones only.
    naps = [(SHORTEST_MS + step * (7 * place % number)) / 1000 for place in range(number)]
    return [
        Check(CheckSpec(f"LOMI-FAKE-{place:03}", f"t{place % TARGETS}.c{place}", "", ""), _nap(seconds))
        for place, seconds in enumerate(naps)
    ]


def _nap(seconds: float) -> Probe:
    def probe(at: Handles) -> Found:
        time.sleep(seconds)
        return Found(Status.PASS)

    return probe


def scheduler(number: int, rounds: int) -> list[Figure]:
    checks = asleep(number)
    chosen = choose([check.spec for check in checks], Choice())
    walls, slowest, sums = [], [], []
    for _ in range(rounds):
        began = time.perf_counter()
        took = [result.duration_ms for result in run_checks(cast(Handles, None), checks, chosen)]
        walls.append((time.perf_counter() - began) * 1000)
        slowest.append(max(took))
        sums.append(sum(took))
    wall, longest = middle(walls), middle(slowest)
    limit = GOAL_RATIO * LONGEST_MS + GOAL_OVER_MS
    note = f"the slowest {longest:.0f} ms, p95 {percentile(walls, 0.95):.0f}; one after another {middle(sums):,.0f} ms"
    what, ratio = f"{number} checks that sleep {SHORTEST_MS} to {LONGEST_MS} ms", middle(sums) / wall
    beside = Figure(f"{number} checks, faster than one after another by", ratio, "x", note=f"{rounds} runs")
    if number > 4 * TARGETS:
        return [Figure(what, wall, "ms", note=f"{note}; no more than 4 ask one target"), beside]
    return [Figure(what, wall, "ms", f"≤ {limit:,.0f} ms", wall <= limit, note), beside]


# --- whole processes --------------------------------------------------------------------------------------------------


@contextmanager
def home() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder of one's own, and an environment in which Python keeps compiled modules, as for an installed package."""
    with tempfile.TemporaryDirectory(prefix="lomi-check-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        foreign = ("LOMI_", "REDIS_", "DB_", "S3_", "TELEGRAM_", "COMPREFACE_", "DOCKER_", "PYTHONDONTWRITEBYTECODE")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        yield folder, kept | {"HOME": name, "XDG_STATE_HOME": name, "PYTHONPYCACHEPREFIX": f"{name}/compiled"}


@contextmanager
def healthy() -> Iterator[dict[str, str]]:
    """A local stack with one worker, CompreFace and a bot; the variables that lead there."""
    with home() as (folder, environ), CompreFaceDouble() as faces, running_telegram() as bot:
        stack = folder / "stack"
        environ |= {
            "LOMI_COMPREFACE_URL": faces.url, "LOMI_CHECKS__WORKERS": "1", "TELEGRAM_BOT_TOKEN": bot.token,
            "LOMI_TELEGRAM__API_URL": bot.url,
        }  # fmt: skip
        subprocess.run([LOMI, "up", "--data", stack, "--workers", "1"], env=environ, check=True, capture_output=True)
        try:
            yield environ | {"LOMI_DATA": str(stack)}
        finally:
            subprocess.run([LOMI, "down", "--data", stack], env=environ, check=False, capture_output=True)


def _started(line: Sequence[str | Path], environ: Mapping[str, str]) -> tuple[float, subprocess.CompletedProcess[str]]:
    began = time.perf_counter()
    done = subprocess.run(line, env=environ, capture_output=True, text=True, check=False)
    return time.perf_counter() - began, done


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def whole(rounds: int) -> list[Figure]:
    bare: list[float] = []
    walls: list[float] = []
    cpu: list[float] = []
    runs: list[dict[str, Any]] = []
    with healthy() as environ:
        for turn in range(rounds + 1):
            start = _started(BARE, environ)[0]
            before = _children_s()
            wall, done = _started((LOMI, "check", "-o", "json"), environ)
            used = _children_s() - before
            document = json.loads(done.stdout)
            if done.returncode:
                sys.exit(f"the stack is not healthy: {_troubles(document)}")
            if turn:
                bare.append(start)
                walls.append(wall)
                cpu.append(used)
                runs.append(document)
    p50, p95 = middle(walls), percentile(walls, 0.95)
    looked_at = sum(check["status"] != "skip" for check in runs[-1]["checks"])
    inside = middle([run["duration_ms"] for run in runs])
    longest = middle([max(check["duration_ms"] for check in run["checks"]) for run in runs])
    note = f"{middle(cpu):.2f} s of a core; {looked_at} checks in {inside:.0f} ms, the slowest {longest:.0f} ms"
    return [
        Figure("bare Python", middle(bare) * 1000, "ms", note=f"p95 {percentile(bare, 0.95) * 1000:.0f}"),
        Figure("`lomi check`, a healthy stack, p50", p50, "s", f"≤ {GOAL_P50_S:g} s", p50 <= GOAL_P50_S, note),
        Figure("the same, p95", p95, "s", f"≤ {GOAL_P95_S:g} s", p95 <= GOAL_P95_S, f"{rounds} processes"),
        Figure("the same, more than bare Python", (p50 - middle(bare)) * 1000, "ms"),
    ]


def holes(limit_s: float, rounds: int) -> list[Figure]:
    """Every endpoint takes connections and says nothing."""
    late, walls, bare = [], [], []
    with black_hole() as hole, home() as (_, environ):
        environ |= {
            "LOMI_REDIS_URL": f"redis://:long-enough@127.0.0.1:{hole.port}/0",
            "LOMI_DATABASE_URL": f"postgresql://lomi:long-enough@127.0.0.1:{hole.port}/x",
            "S3_ENDPOINT": f"http://127.0.0.1:{hole.port}", "S3_ACCESS_KEY": "AKIDEXAMPLE",
            "S3_SECRET_KEY": "long-enough", "LOMI_COMPREFACE_URL": f"http://127.0.0.1:{hole.port}",
            "TELEGRAM_BOT_TOKEN": "1:long-enough", "LOMI_TELEGRAM__API_URL": f"http://127.0.0.1:{hole.port}",
            "LOMI_BACKEND__URL": f"http://127.0.0.1:{hole.port}", "LOMI_BACKEND__TOKEN": "long-enough",
            "DOCKER_HOST": f"tcp://127.0.0.1:{hole.port}",
        }  # fmt: skip
        for turn in range(rounds + 1):
            start = _started(BARE, environ)[0]
            wall, done = _started((LOMI, "check", "-o", "json", "--timeout", f"{limit_s:g}s"), environ)
            document = json.loads(done.stdout)
            roots = [check for check in document["checks"] if check["status"] == "unknown"]
            if done.returncode != 3 or not all("timeout" in check["detail"] for check in roots):
                sys.exit(f"it did not end as it should: exit {done.returncode}, {_troubles(document)}")
            if turn:
                bare.append(start)
                walls.append(wall)
                late.append(document["duration_ms"] / 1000 - limit_s)
    worst = max(late)
    note = f"the worst of {rounds}, {len(roots)} timeouts named; the whole process {middle(walls):.2f} s"
    what = f"nobody answers, `--timeout {limit_s:g}s`: the run ends later than that by"
    return [Figure(what, worst, "s", f"≤ {GOAL_LATE_S:g} s", worst <= GOAL_LATE_S, note)]


def _troubles(document: dict[str, Any]) -> list[str]:
    return [f"{check['slug']} {check['status']}: {check['detail']}" for check in document["checks"]
            if check["status"] not in ("pass", "skip", "blocked")]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="runs of each; at least 20 for a figure that counts")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    found = [*scheduler(25, options.rounds), *scheduler(60, max(3, options.rounds // 4))]
    found += whole(options.rounds)
    for limit_s in (1.0, 15.0):
        found += holes(limit_s, max(3, options.rounds // 4))
    print(table(found))
    print()
    print(
        f"{options.rounds} rounds, cores {os.cpu_count()}, python {platform.python_version()}, "
        f"load {before:.1f} before and {os.getloadavg()[0]:.1f} after"
    )
    return int(any(figure.meets is False for figure in found))


if __name__ == "__main__":
    sys.exit(main())
