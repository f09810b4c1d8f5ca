"""The one change that would help most, by what a run of `lomi bench` has seen. Pure: one rule after the other, the most
helpful first; where none applies the narrowest figure is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lomi_ops.domain.bench import Advice, Figure, nearest

FAR_S = 0.002
"""A round trip that takes longer leaves the machine's own network."""
MOST = 0.5
"""A part that takes more than that of the whole is where to begin."""
DEFAULT_BUFFERS = 128 * 1024**2
"""`shared_buffers` as Postgres is delivered."""
LATE_S = 5.0
COMFORT = 0.5
"""Of its room: a figure that uses less needs no change."""


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What decides how fast the queue is."""

    round_trip_s: float
    appendonly: bool
    fsync: str
    """`always`, `everysec` or `no`; empty where nobody tells."""
    server: str
    """Name and version."""


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What decides how fast a batch is written."""

    round_trip_s: float
    commit_s: float
    """What the smallest transaction takes beyond a round trip: the server's disk."""
    write_s: float
    """A batch, median."""
    synchronous: str
    """`synchronous_commit`"""
    buffers: int
    """Bytes of `shared_buffers`."""
    connections: float
    """The share of the allowed ones that is in use."""


@dataclass(frozen=True, slots=True)
class StorageFacts:
    """What decides how fast objects are read."""

    first_s: float
    """The smallest object, median: what each request costs, however small."""
    read_s: float
    """An object of the size that was asked for, median."""
    bytes_per_s: float
    at_once: int
    size: int
    """Bytes of that object."""


@dataclass(frozen=True, slots=True)
class FacesFacts:
    """What decides how many photos CompreFace sees."""

    alone_s: float
    """One photo at a time, median."""
    per_minute: float
    """With all places taken."""
    endpoints: int
    at_once: int
    """Calls to each endpoint."""
    crowd_s: float
    """A photo among many, median."""


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What decides how many photos a worker judges."""

    per_minute: float
    """Of all processes."""
    processes: int
    cores: int
    faces_ms: float
    """Of a photo, median; 0 where no face service was asked."""
    total_ms: float
    engines: dict[str, float]
    """Milliseconds of a photo by step, medians."""


@dataclass(frozen=True, slots=True)
class LoadFacts:
    """What decides how many users the whole system bears."""

    workers: int
    offered: float
    """Photos a minute that were sent."""
    decided: float
    """Photos a minute that were decided while the rest was sent."""
    grew: bool
    """Whether the queue grew all the while."""
    cpu: float | None
    """Of the cores of the machine, by Postgres; None where nobody sees it."""
    late_s: float
    """By how much the driver itself was behind its plan."""
    local: bool = False
    """The workers are a local stack's."""


def for_load(facts: LoadFacts, figures: Sequence[Figure] = ()) -> Advice:
    missed = {figure.name for figure in figures if figure.met is False}
    if facts.workers == 0:
        return Advice("no worker is registered", "lomi workers list")
    if "lost" in missed or "duplicates" in missed:
        return Advice(
            "first find out where photos stay or come twice: nothing else matters as long", "lomi doctor flow"
        )
    if facts.grew and facts.decided > 0:
        wanted = -(-facts.workers * facts.offered // facts.decided)
        text = f"{facts.workers} {_plural(facts.workers, 'worker', 'workers')} decided {facts.decided:.0f} of"
        text = f"{text} {facts.offered:.0f} photos a minute: about {wanted:.0f} workers keep up"
        return Advice(text, _scale(facts, round(wanted)))
    if {"write_p95", "database_cpu"} & missed:
        return Advice("Postgres is what is slow: begin there", "lomi bench database")
    if "start_p95" in missed:
        more = facts.workers + 1
        return Advice(f"bursts wait for a worker: with {more} they wait for less", _scale(facts, more))
    if "batch_p95" in missed:
        return Advice("a batch takes long once a worker has it: see which step", "lomi bench worker")
    if "answer_p95" in missed:
        return Advice("the answer to the user is slow, which is rows and one push", "lomi bench database")
    if "memory_growth" in missed:
        text = "workers grew with the photos: repeat it, longer; where they go on, restart them until it is found why"
        return Advice(text, "lomi workers list")
    if facts.late_s > LATE_S:
        return Advice(f"this machine was {facts.late_s:.0f} s behind its plan: drive the load from another one")
    return none_needed(figures)


def for_queue(facts: QueueFacts, figures: Sequence[Figure] = ()) -> Advice:
    if facts.round_trip_s > FAR_S:
        text = f"a round trip takes {facts.round_trip_s * 1000:.1f} ms: run workers in the network of Redis"
        return Advice(f"{text}; every claim and finish is one")
    if facts.appendonly and facts.fsync == "always":
        text = "appendfsync is always: each job waits for the disk; everysec risks one second, which reconcile repairs"
        return Advice(text, "redis-cli CONFIG SET appendfsync everysec")
    if not facts.appendonly:
        text = "speed needs no change; appendonly is off, so a restart of Redis forgets jobs until they are reconciled"
        return Advice(text, "redis-cli CONFIG SET appendonly yes")
    return none_needed(figures)


def for_database(facts: DatabaseFacts, figures: Sequence[Figure] = ()) -> Advice:
    if facts.connections > 0.8:
        text = f"{facts.connections:.0%} of the connections are in use: put a pooler in front, or raise max_connections"
        return Advice(text, "lomi check --only 'postgres.*'")
    if facts.round_trip_s > FAR_S:
        text = f"a round trip takes {facts.round_trip_s * 1000:.1f} ms, and a batch needs several"
        return Advice(f"{text}: run workers in the network of Postgres")
    if facts.commit_s > MOST * facts.write_s and not _easy(figures):
        text = f"a commit takes {facts.commit_s * 1000:.1f} of the {facts.write_s * 1000:.1f} ms of a batch"
        return Advice(f"{text}: put pg_wal on a faster disk")
    if facts.buffers <= DEFAULT_BUFFERS and not _easy(figures):
        text = f"shared_buffers is {facts.buffers // 1024**2} MB, as delivered: a quarter of the memory is usual"
        return Advice(text, "ALTER SYSTEM SET shared_buffers = '1GB', and restart Postgres")
    return none_needed(figures)


def for_storage(facts: StorageFacts, figures: Sequence[Figure] = ()) -> Advice:
    if _easy(figures):
        return none_needed(figures)
    if facts.first_s > MOST * facts.read_s:
        text = f"a request costs {facts.first_s * 1000:.0f} ms before its first byte"
        helps = "a bucket in the region of the workers helps, or two jobs in hand (worker.slots: 2)"
        return Advice(f"{text}: {helps}; more bandwidth does not")
    megabytes = facts.bytes_per_s / 1e6
    text = f"{megabytes:.0f} MB/s came with {facts.at_once} reads at once: smaller uploads help most"
    return Advice(f"{text} (1600 px are enough for every engine)")


def for_faces(facts: FacesFacts, figures: Sequence[Figure] = (), wanted: float = 500.0) -> Advice:
    if 0 < facts.per_minute < wanted:
        more = -(-wanted * facts.endpoints // facts.per_minute) - facts.endpoints
        sees = _plural(facts.endpoints, "1 endpoint sees", f"{facts.endpoints} endpoints see")
        text = f"{sees} {facts.per_minute:.0f} photos/min"
        return Advice(f"{text}; for {wanted:.0f} start {more:.0f} more", "lomi config show")
    if facts.crowd_s > 2 * facts.alone_s * max(1, facts.at_once / 2) and not _easy(figures):
        text = f"with {facts.at_once} calls at once a photo takes {facts.crowd_s / facts.alone_s:.1f} times as long"
        return Advice(f"{text}: give the core more workers (UWSGI_PROCESSES), or set compreface.concurrency lower")
    return none_needed(figures)


def for_worker(facts: WorkerFacts, figures: Sequence[Figure] = ()) -> Advice:
    if facts.faces_ms > MOST * facts.total_ms > 0:
        text = f"CompreFace takes {facts.faces_ms:.0f} of the {facts.total_ms:.0f} ms of a photo: begin there"
        return Advice(text, "lomi doctor compreface")
    if not _easy(figures) and facts.engines:
        name, took = max(facts.engines.items(), key=lambda each: each[1])
        text = f"{name} takes {took:.0f} of the {facts.total_ms:.0f} ms of a photo: a smaller model, or more cores"
        return Advice(text, "lomi models list")
    return none_needed(figures)


def none_needed(figures: Sequence[Figure]) -> Advice:
    """Where no rule applies."""
    found = nearest(figures)
    if found is None or found.used is None:
        return Advice("nothing that was measured has a target")
    if found.met is False:
        return Advice(f"begin with: {found.text}")
    used = "below 1 %" if found.used < 0.01 else f"at {found.used * 100:.0f} %"
    return Advice(f"nothing needs a change; nearest to its limit: {found.text}, {used} of it")


def _scale(facts: LoadFacts, number: int) -> str:
    return f"lomi up --workers {number}" if facts.local else f"lomi scale {number}"


def _easy(figures: Sequence[Figure]) -> bool:
    """Whether all that was measured uses less than half of its room."""
    found = nearest(figures)
    return found is None or (found.used or 0.0) < COMFORT


def _plural(number: int, one: str, many: str) -> str:
    return one if number == 1 else many
