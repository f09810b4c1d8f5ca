"""How long `lomi scale` takes: `python -m benchmarks.scale`.

Four workers become six and four again, in rounds. Beside it, in the same round, stands the floor: two containers that
the SDK makes and starts, and nobody waits for.

Without options it starts an engine and a Redis of its own, and the workers are shells that register at once: then the
figures are lomi's and the engine's own share. With `--project NAME` it scales the workers of a project that runs on the
engine and with the Redis that lomi's settings name: then they have the loading of the model in them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.queue.figures import Figure, middle, percentile, table

LOMI = str(Path(sys.executable).with_name("lomi"))
FEW, MANY = 4, 6


@dataclass(slots=True)
class Rounds:
    """Seconds of each round."""

    up: list[float] = field(default_factory=list)
    """The whole command, its start included."""
    ready: list[float] = field(default_factory=list)
    """From the first container until both were ready, as the command says it."""
    down: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)


def scaled(number: int, environ: Mapping[str, str]) -> tuple[float, float]:
    """Seconds of the whole command, and of the wait for those that are new."""
    began = time.perf_counter()
    done = subprocess.run(
        [LOMI, "scale", str(number), "-o", "json"], env=dict(environ), capture_output=True, text=True, timeout=600
    )
    took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"lomi scale {number} ended with {done.returncode}: {done.stderr}")
    return took, float(json.loads(done.stdout)["ready_s"])


@contextmanager
def shells() -> Iterator[tuple[dict[str, str], str]]:
    """A project of shells that register at once; the environment that names it, and the engine."""
    from tests.docker_engine import Fleet, running_engine
    from tests.integration.scale.conftest import WORK, WORKERS, Registrar
    from tests.services import running_redis

    with running_engine() as url, running_redis() as redis:
        fleet = Fleet(url)
        registrar = Registrar(redis.url, fleet)
        try:
            for number in range(1, FEW + 1):
                fleet.run(WORKERS, WORK, number=number, mem_limit="64m", mem_reservation="32m")
            registrar.once()
            named = {"LOMI_REDIS_URL": redis.url, "LOMI_DOCKER__HOST": url, "LOMI_DOCKER__PROJECT": fleet.project}
            yield os.environ | named, url
        finally:
            registrar.close()
            for each in fleet.api.containers(all=True, filters={"label": f"lomi-test={fleet.project}"}):
                fleet.api.remove_container(each["Id"], force=True)
            fleet.close()


def floor(engine: str) -> float:
    """Two containers of the SDK's, made and started one after the other."""
    import docker

    client = docker.DockerClient(base_url=engine, timeout=30)
    began = time.perf_counter()
    made = [
        client.containers.run("lomi-test/busybox:1", ["/bin/sh", "-c", "sleep 60"], detach=True, network_mode="none")
        for _ in range(MANY - FEW)
    ]
    took = time.perf_counter() - began
    for each in made:
        each.remove(force=True)
    client.close()
    return took


def measure(rounds: int, environ: Mapping[str, str], engine: str) -> Rounds:
    """One round comes first and does not count."""
    found = Rounds()
    scaled(FEW, environ)
    for turn in range(rounds + 1):
        up, ready = scaled(MANY, environ)
        down, _ = scaled(FEW, environ)
        bare = floor(engine) if engine else 0.0
        if turn:
            found.up.append(up)
            found.ready.append(ready)
            found.down.append(down)
            found.floor.append(bare)
    return found


def figures(found: Rounds) -> list[Figure]:
    lines = [
        _line(f"`lomi scale {MANY}` from {FEW}, the whole command", found.up),
        _line("of it, until both were ready", found.ready),
        _line(f"`lomi scale {FEW}` from {MANY}, drained", found.down),
    ]
    return lines if not any(found.floor) else [*lines, _line("two containers of the SDK's alone", found.floor)]


def _line(what: str, values: list[float]) -> Figure:
    return Figure(what, middle(values), "s", note=f"p95 {percentile(values, 0.95):.2f} s, {len(values)} rounds")


def describe(engine: str) -> str:
    """What it ran on."""
    cores = len(os.sched_getaffinity(0))
    return f"cores {cores}, python {platform.python_version()}, {engine or 'the workers of a project'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--project", help="scale the workers of this project instead of shells")
    parser.add_argument("-o", dest="format", choices=("text", "json"), default="text")
    asked = parser.parse_args()
    if asked.project:
        on = describe("")
        found = figures(measure(asked.rounds, os.environ | {"LOMI_DOCKER__PROJECT": asked.project}, ""))
    else:
        with shells() as (environ, engine):
            on = describe("shells as workers")
            found = figures(measure(asked.rounds, environ, engine))
    if asked.format == "json":
        print(json.dumps({"on": on, "figures": [asdict(each) for each in found]}, indent=2))
    else:
        print(f"Run with {on}:\n\n{table(found)}")


if __name__ == "__main__":
    main()
