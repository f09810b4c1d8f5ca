"""How long `lomi scale` takes: `python -m benchmarks.scale`.

Four workers become six and four again, in rounds. In the same round two containers are made and started with the SDK
alone, and nobody waits for them: the floor.

It starts an engine of its own. Without options the workers are shells that are registered as soon as they run: then the
figures are lomi's and the engine's own share. With `--real` they are workers of the image, in the stack of the Compose
file that `lomi deploy render` writes, each with its model to load.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field

from benchmarks.queue.figures import Figure, middle, percentile, table

FEW, MANY = 4, 6
Said = Callable[[int], str]
"""`lomi scale N -o json`, by its output."""
Floor = Callable[[], float]


@dataclass(slots=True)
class Rounds:
    """Seconds of each round."""

    up: list[float] = field(default_factory=list)
    """The whole command, its start included."""
    ready: list[float] = field(default_factory=list)
    """From the first container until both were ready, as the command says it."""
    down: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)


@contextmanager
def shells() -> Iterator[tuple[Said, Floor]]:
    from tests.docker_engine import Fleet, running_engine
    from tests.integration.scale.conftest import WORK, WORKERS, Registrar
    from tests.services import running_redis

    with running_engine() as url, running_redis() as redis:
        fleet = Fleet(url)
        registrar = Registrar(redis.url, fleet)
        named = {"LOMI_REDIS_URL": redis.url, "LOMI_DOCKER__HOST": url, "LOMI_DOCKER__PROJECT": fleet.project}
        try:
            for number in range(1, FEW + 1):
                fleet.run(WORKERS, WORK, number=number, mem_limit="64m", mem_reservation="32m")
            registrar.once()
            yield lambda number: _lomi(number, named), lambda: floor(url, fleet.image(), ["/bin/sh", "-c", "sleep 60"])
        finally:
            registrar.close()
            for each in fleet.api.containers(all=True, filters={"label": f"lomi-test={fleet.project}"}):
                fleet.api.remove_container(each["Id"], force=True)
            fleet.close()


def _lomi(number: int, named: dict[str, str]) -> str:
    command = [sys.executable, "-m", "lomi_ops", "scale", str(number), "-o", "json"]
    done = subprocess.run(command, env=os.environ | named, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise SystemExit(f"lomi scale {number} ended with {done.returncode}: {done.stderr}")
    return done.stdout


@contextmanager
def real() -> Iterator[tuple[Said, Floor]]:
    import docker

    from tests.docker.images import WORKER, Builder
    from tests.docker.stack import running_stack
    from tests.docker_engine import running_engine
    from tests.services import open_folder

    with ExitStack() as stack:
        url = stack.enter_context(running_engine())
        client = docker.DockerClient(base_url=url, timeout=300)
        Builder(url, client.api, stack.enter_context(open_folder("lomi-images-"))).make()
        client.close()
        cluster = stack.enter_context(running_stack(url, stack.enter_context(open_folder("lomi-stack-")), workers=FEW))
        yield (
            lambda number: cluster.lomi("scale", str(number), "-o", "json").stdout,
            lambda: floor(url, WORKER, ["--help"]),
        )


def floor(engine: str, image: str, command: list[str]) -> float:
    """Two containers of the SDK's, made and started one after the other."""
    import docker

    client = docker.DockerClient(base_url=engine, timeout=60)
    began = time.perf_counter()
    made = [client.containers.run(image, command, detach=True, network_mode="none") for _ in range(MANY - FEW)]
    took = time.perf_counter() - began
    for each in made:
        each.remove(force=True)
    client.close()
    return took


def measure(rounds: int, said: Said, bare: Floor) -> Rounds:
    """One round comes first and does not count."""
    found = Rounds()
    said(FEW)
    for turn in range(rounds + 1):
        up, answer = timed(said, MANY)
        down, _ = timed(said, FEW)
        least = bare()
        if turn:
            found.up.append(up)
            found.ready.append(float(json.loads(answer)["ready_s"]))
            found.down.append(down)
            found.floor.append(least)
    return found


def timed(said: Said, number: int) -> tuple[float, str]:
    began = time.perf_counter()
    answer = said(number)
    return time.perf_counter() - began, answer


def figures(found: Rounds) -> list[Figure]:
    return [
        _line(f"`lomi scale {MANY}` from {FEW}, the whole command", found.up),
        _line("of it, until both were ready", found.ready),
        _line(f"`lomi scale {FEW}` from {MANY}, drained", found.down),
        _line("two containers of the SDK's alone", found.floor),
    ]


def _line(what: str, values: list[float]) -> Figure:
    return Figure(what, middle(values), "s", note=f"p95 {percentile(values, 0.95):.2f} s, {len(values)} rounds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--real", action="store_true", help="workers of the image instead of shells")
    parser.add_argument("-o", dest="format", choices=("text", "json"), default="text")
    asked = parser.parse_args()
    with real() if asked.real else shells() as (said, bare):
        found = figures(measure(asked.rounds, said, bare))
    kind = "workers of the image" if asked.real else "shells as workers"
    on = f"cores {len(os.sched_getaffinity(0))}, python {platform.python_version()}, {kind}"
    if asked.format == "json":
        print(json.dumps({"on": on, "figures": [asdict(each) for each in found]}, indent=2))
    else:
        print(f"Run with {on}:\n\n{table(found)}")


if __name__ == "__main__":
    main()
