"""Bad weather between a worker and one of its upstreams: slow, cut, silent; then calm again, and the audit.

The worker runs with the product's own leases, beats and timeouts. Each scene has a queue and a database of its own, so
that many can be played at once: they mostly wait.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis

from lomi_ops.db.bootstrap import prepare
from tests.chaos.audit import Findings, audit, read_state
from tests.chaos.ends import KEYS, Producer, Subscriber, Tail, direct, running
from tests.chaos.fleet import Fleet, Machine
from tests.chaos.run import logged, processes, quiet
from tests.chaos.servers import S3_KEY, S3_SECRET, restartable_postgres, running_s3
from tests.chaos.uploads import BUCKET, Uploads, make_slow
from tests.doubles.compreface import CompreFaceDouble
from tests.proxy import FaultProxy
from tests.services import open_folder, running_redis

UPSTREAMS = ("redis", "postgres", "objects", "compreface")
JOBS = 30
LONG_HOLE_S = 30.0
_START_S = 60.0


@dataclass(frozen=True)
class Weather:
    name: str
    begin: Callable[[FaultProxy], object]
    happened: Callable[[Counter[str]], int]
    """Whether the proxy's counts show it."""
    recut: bool = False
    """Every other second all connections are cut, so that new ones are made, and half of them doomed."""
    silent_s: float = 0.0


def weathers(hole_s: float) -> tuple[Weather, ...]:
    return (
        Weather("400 ms", lambda proxy: _slow(proxy, 0.4), lambda counts: counts["bytes_down"]),
        Weather("2000 ms", lambda proxy: _slow(proxy, 2.0), lambda counts: counts["bytes_down"]),
        Weather(
            "half of the connections cut",
            lambda proxy: proxy.doom(0.5, within=20_000),
            lambda counts: counts["cut"],
            recut=True,
        ),
        Weather(
            f"{hole_s:g} s of nothing",
            lambda proxy: proxy.black_hole(hole_s),
            lambda counts: counts["holes"],
            silent_s=hole_s,
        ),
    )


def _slow(proxy: FaultProxy, round_trip_s: float) -> None:
    """New connections have to be made in this weather, too."""
    proxy.delay(round_trip_s)
    proxy.cut_all()


@dataclass(frozen=True)
class Scene:
    """One weather before one upstream."""

    upstream: str
    weather: Weather

    @property
    def name(self) -> str:
        return f"{self.upstream}, {self.weather.name}"


@dataclass
class Ending:
    scene: Scene
    findings: Findings
    attempts: Counter[int]
    """Of the jobs that are done."""
    setbacks: int
    proxy: Counter[str]
    logged: Counter[str]
    face_models: frozenset[str]
    seconds_after: float
    """From calm weather to quiet."""


def scenes(hole_s: float) -> tuple[Scene, ...]:
    """Every weather before every upstream; and half a minute of nothing before Redis, whatever `hole_s` is."""
    usual = tuple(Scene(upstream, weather) for upstream in UPSTREAMS for weather in weathers(hole_s))
    return usual if hole_s >= LONG_HOLE_S else (*usual, Scene("redis", weathers(LONG_HOLE_S)[-1]))


def play_all(chosen: tuple[Scene, ...], *, seed: int, weather_s: float) -> dict[str, Ending]:
    """All scenes at once, by name."""
    with restartable_postgres() as postgres, ThreadPoolExecutor(len(chosen)) as pool:
        prepare(postgres.url)
        names = [f"weather_{number}" for number in range(len(chosen))]
        with psycopg.connect(postgres.url, autocommit=True) as admin:
            for name in names:
                admin.execute(f'CREATE DATABASE "{name}"')
        urls = [postgres.url.rsplit("/", 1)[0] + f"/{name}" for name in names]
        played = [
            pool.submit(play, scene, url, seed + number, max(weather_s, scene.weather.silent_s + 2))
            for number, (scene, url) in enumerate(zip(chosen, urls, strict=True))
        ]
        return {ending.scene.name: ending for ending in (each.result() for each in played)}


def play(scene: Scene, database_url: str, seed: int, weather_s: float) -> Ending:
    """One scene. The producer pushes all the time, so that jobs are in hand when the weather turns."""
    with ExitStack() as stack:
        server = stack.enter_context(running_redis())
        faces = stack.enter_context(CompreFaceDouble(service_s=0.05))
        folder = stack.enter_context(open_folder("lomi-weather-"))
        prepare(database_url)
        uploads = make_slow(seed, JOBS, (20, 200))
        uploads.insert(database_url)
        if scene.upstream != "objects":
            uploads.store(folder / "objects")
        s3 = stack.enter_context(running_s3(BUCKET, uploads.bytes_of)) if scene.upstream == "objects" else None
        ports = {"redis": server.port, "postgres": urlsplit(database_url).port, "compreface": urlsplit(faces.url).port}
        ports |= {"objects": s3} if s3 else {}
        ways = {
            name: stack.enter_context(FaultProxy("127.0.0.1", port or 0, seed=f"{seed}/{name}"))
            for name, port in ports.items()
        }
        fleet = _fleet(folder, ways, server.url, database_url)
        stack.callback(fleet.abandon)
        return _play(scene, fleet, ways[scene.upstream], uploads, weather_s)


def _fleet(folder: Path, ways: dict[str, FaultProxy], redis_url: str, database_url: str) -> Fleet:
    settings = {
        "LOMI_COMPREFACE_URL": f"http://127.0.0.1:{ways['compreface'].port}",
        "LOMI_POLICY": "default",
        "LOMI_WORKER__SLOTS": "2",
        "LOMI_LOG__SAMPLE_SUCCESS": "0",
    }
    objects: Path | None = folder / "objects"
    if "objects" in ways:
        objects = None
        settings["S3_ENDPOINT"] = f"http://127.0.0.1:{ways['objects'].port}"
        settings |= {"S3_ACCESS_KEY": S3_KEY, "S3_SECRET_KEY": S3_SECRET}
    machine = Machine("machine", ways["redis"], ways["postgres"])
    return Fleet(uuid.uuid4().hex, folder, [machine], redis_url, database_url, objects, settings, per_machine=1)


def _play(scene: Scene, fleet: Fleet, way: FaultProxy, uploads: Uploads, weather_s: float) -> Ending:
    url = fleet.redis_url
    subscriber, tail = Subscriber(url), Tail(url)
    client = direct(url)
    fleet.fill()
    _until(lambda: client.zcard(KEYS.workers))
    begun = time.monotonic()
    pace = weather_s / len(uploads.elements)
    producer = Producer(url, uploads, lambda: 3 + int((time.monotonic() - begun) / pace))
    with running(subscriber, tail, producer):
        _until(lambda: tail.jobs)
        scene.weather.begin(way)
        for second in range(int(weather_s)):
            if scene.weather.recut and second % 2 == 0:
                way.cut_all()
            time.sleep(1)
        way.calm()
        calm = time.monotonic()
        quiet(url, lambda: producer.done, fleet.fill, lambda _: None)
        after = time.monotonic() - calm
        fleet.drain(20)
    return _ending(scene, fleet, uploads, subscriber, tail, way, client, after)


def _ending(
    scene: Scene, fleet: Fleet, uploads: Uploads, subscriber: Subscriber, tail: Tail, way: FaultProxy,
    client: redis.Redis, after: float,
) -> Ending:  # fmt: skip
    tail.read()
    state = read_state(client, fleet.database_url)
    findings = audit(uploads, state, subscriber.heard, tail.entries)
    processes(fleet, findings)
    lines = logged(uploads, fleet, findings)
    jobs = state.jobs.values()
    return Ending(
        scene,
        findings,
        Counter(int(job.get("attempt", 0)) for job in jobs if job.get("state") == "done"),
        sum(int(job.get("setbacks", 0)) for job in jobs),
        way.counts,
        lines,
        state.face_models,
        after,
    )


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + _START_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the worker does not start")
        time.sleep(0.05)
