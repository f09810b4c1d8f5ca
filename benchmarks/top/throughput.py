"""How many photos fewer do workers judge while somebody looks with `lomi top`?

    .venv/bin/python -m benchmarks.top.throughput [--pairs 30] [--block 30] [--workers 2] [--limit 0]
        [--photos 9] [--compreface]

Starts a stack with real workers and the small detector (`lomi models add nudenet-320n --accept-licence`), keeps its
list from running empty, and counts decided photos in blocks: one without the view and one with it, in a
pseudo-terminal of 200x50 with its recording, side by side and in an order that chance decides. Prints Markdown: the
median of the pairs, and where it lies with a probability of 95 %. Everything shares this machine, the view as well: on
one whose cores are all at work it takes what it uses. With `--compreface` workers wait for a double of CompreFace with
two workers of 160 ms, as in the cluster that lomi is for: 12.5 photos a second, whatever the cores could do.

Beside other work a rate says little; photos for each second of the stack's own processor time say whether the view
holds workers up in any other way.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis

from benchmarks.top.live import TICK, Reader
from lomi_ops.ops.demo.samples import build_samples
from lomi_ops.queue.keys import Keys
from tests.integration.tui.terminal import Terminal

SETTLE_S = 5.0
"""Of each block that is not counted: the view starts in it."""
WAITING = 180
"""Photos that are added at once."""
BUCKET, FOLDER = "lomi-photos", "users/bench/photo"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--block", type=float, default=30.0, help="seconds that are counted of each")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--limit", type=float, default=0.0, help="photos a second that are sent; 0: as many as are taken"
    )
    parser.add_argument("--photos", type=int, default=9, help="of a batch; a photo counts when its batch is done")
    parser.add_argument("--compreface", action="store_true", help="faces by a double of CompreFace")
    wanted = parser.parse_args()
    with (
        faces(wanted.compreface) as urls,
        running_stack(wanted.workers, urls) as stack,
        fed(stack, wanted.photos, wanted.limit),
    ):
        counted_for(stack, 20.0)  # workers warm up
        pairs = [pair(stack, wanted.block, number) for number in range(wanted.pairs)]
    show(pairs, wanted)


@dataclass(frozen=True, slots=True)
class Stack:
    data: Path
    redis: redis.Redis
    pg: psycopg.Connection[Any]
    objects: Path
    environ: dict[str, str]
    supervisor: int
    """Its process."""

    @property
    def decided(self) -> int:
        counters: Any = self.redis.hgetall(Keys().measured)
        return sum(int(number) for name, number in counters.items() if name.startswith(b"n:photo:"))

    @property
    def cpu_s(self) -> float:
        """Of all its processes, with those that have ended below one that is there."""
        seen = {int(each.name): stat_of(each) for each in Path("/proc").iterdir() if each.name.isdigit()}
        known = {pid: stat for pid, stat in seen.items() if stat}
        found, spent = [self.supervisor], 0
        while found:
            pid = found.pop()
            spent += sum(known[pid][1:])
            found += [other for other, stat in known.items() if stat[0] == pid]
        return spent / TICK


@dataclass(frozen=True, slots=True)
class Pair:
    """Photos a second."""

    without: float
    watched: float
    thrift_without: float
    """Photos for each second of processor time of the stack."""
    thrift_watched: float
    cpu: float
    """Of one core, that the view took meanwhile."""

    @property
    def change(self) -> float:
        return self.watched / self.without - 1

    @property
    def thriftier(self) -> float:
        return self.thrift_watched / self.thrift_without - 1


@contextmanager
def faces(wanted: bool) -> Iterator[dict[str, str]]:
    """What tells workers of CompreFace; nothing where it is not wanted."""
    if not wanted:
        yield {}
        return
    double = subprocess.Popen(
        [sys.executable, "-m", "tests.doubles.compreface"], stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    try:
        assert double.stdout is not None
        yield {"LOMI_COMPREFACE_URL": json.loads(double.stdout.readline())["core"]}
    finally:
        double.terminate()
        double.wait()


@contextmanager
def running_stack(workers: int, further: dict[str, str]) -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="lomi-throughput-"))
    folder.chmod(0o755)
    data = folder / "stack"
    kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH", "HOME") if key in os.environ} | further
    try:
        lomi(kept, "up", "--data", str(data), "--workers", str(workers))
        where = json.loads(lomi(kept, "env", "--data", str(data), "-o", "json"))
        objects = Path(where["objects"].removeprefix("file://"))
        environ = kept | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "XDG_STATE_HOME": str(folder / "state")}
        with (
            redis.Redis.from_url(where["redis_url"]) as client,
            psycopg.connect(where["database_url"], autocommit=True) as pg,
        ):
            state = json.loads(lomi(kept, "status", "--data", str(data), "-o", "json"))
            yield Stack(data, client, pg, objects, environ, int(state["supervisor"]["pid"]))
    finally:
        lomi(kept, "down", "--data", str(data))
        shutil.rmtree(folder, ignore_errors=True)


def stat_of(folder: Path) -> tuple[int, ...]:
    """Parent, and ticks of a process and of its children that have ended; empty where it is gone."""
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ()
    return int(fields[1]), *(int(each) for each in fields[11:15])


def lomi(environ: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "lomi_ops", *words], env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"lomi {words[0]}: {done.stderr}")
    return done.stdout


@contextmanager
def fed(stack: Stack, photos: int, limit: float) -> Iterator[None]:
    """A list that never runs empty; or one that gets so many photos a second."""
    over = threading.Event()
    user = uuid.uuid4()
    stack.pg.execute("INSERT INTO users (id, telegram_id) VALUES (%s, 1)", (user,))
    portrait = next(each for each in build_samples() if each.name == "portrait")
    (stack.objects / BUCKET / FOLDER).mkdir(parents=True, exist_ok=True)

    def run() -> None:
        sent, began = 0, time.monotonic()
        while not over.wait(0.2):
            if limit:
                due = (time.monotonic() - began) * limit - sent
                batches = int(due // photos)
            else:
                batches = WAITING // photos if stack.redis.llen(Keys().ready) < WAITING // photos else 0
            if batches:
                push(stack, user, portrait.data, batches, photos)
                sent += batches * photos

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def push(stack: Stack, user: uuid.UUID, data: bytes, batches: int, photos: int) -> None:
    """Each photo has bytes of its own: a comment in it is its name."""
    rows: list[tuple[uuid.UUID, uuid.UUID, str, uuid.UUID]] = []
    jobs: list[str] = []
    for _ in range(batches):
        batch = uuid.uuid4()
        keys = {photo: f"{FOLDER}/{photo}.jpg" for photo in (uuid.uuid4() for _ in range(photos))}
        for photo, key in keys.items():
            (stack.objects / BUCKET / key).write_bytes(commented(data, photo.bytes))
        rows += [(photo, user, key, batch) for photo, key in keys.items()]
        refs = [{"media_id": str(photo), "r2_url": "", "r2_key": key, "bucket": BUCKET} for photo, key in keys.items()]
        jobs.append(json.dumps({
            "job_id": str(uuid.uuid4()), "batch_id": str(batch), "user_id": str(user), "telegram_id": 1,
            "photos": refs, "created_at": "2026-11-20T12:00:00Z", "retry_count": 0, "priority": 1,
        }))  # fmt: skip
    with (
        stack.pg.cursor() as cursor,
        cursor.copy("COPY media (id, user_id, url, batch_id, media_type) FROM STDIN") as to,
    ):
        for row in rows:
            to.write_row((*row, "photo"))
    stack.redis.lpush(Keys().ready, *jobs)


def commented(jpeg: bytes, comment: bytes) -> bytes:
    """With a comment segment (ITU T.81, B.2.4.5) behind the first marker."""
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


def counted_for(stack: Stack, seconds: float) -> tuple[float, float]:
    """Photos a second, and for each second of the stack's processor time."""
    spent, before, began = stack.cpu_s, stack.decided, time.monotonic()
    time.sleep(seconds)
    passed, photos = time.monotonic() - began, stack.decided - before
    return photos / passed, photos / (stack.cpu_s - spent)


def pair(stack: Stack, seconds: float, number: int) -> Pair:
    found: dict[bool, tuple[float, float]] = {}
    cpu = 0.0
    for watched in random.Random(number).sample((False, True), 2):
        if watched:
            with looked_at(stack) as reader:
                time.sleep(SETTLE_S)
                before = reader.cpu_s()
                found[watched] = counted_for(stack, seconds)
                cpu = (reader.cpu_s() - before) / seconds
        else:
            time.sleep(SETTLE_S)
            found[watched] = counted_for(stack, seconds)
    plain, looked = found[False], found[True]
    made = Pair(plain[0], looked[0], plain[1], looked[1], cpu)
    print(f"{number + 1}: {made.without:.1f} without, {made.watched:.1f} with: {made.change:+.2%}", file=sys.stderr)
    return made


@contextmanager
def looked_at(stack: Stack) -> Iterator[Reader]:
    over = threading.Event()
    with Terminal("top", "--data", str(stack.data), size=(200, 50), environ=stack.environ) as terminal:
        terminal.until("LIVE", "ready")
        reader = Reader(terminal)

        def read() -> None:
            while not over.is_set():
                reader.read_for(0.5)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            yield reader
        finally:
            over.set()
            thread.join()
            terminal.press("q")
            terminal.end()


def interval(values: Sequence[float]) -> tuple[float, float]:
    """In which the median lies with 95 %, whatever the values are spread like: by their order alone."""
    ranked, number = sorted(values), len(values)
    below, place = 0.0, 0
    while place < number // 2:
        below += math.comb(number, place) / 2**number
        if below > 0.025:
            break
        place += 1
    outer = max(0, place - 1)
    return ranked[outer], ranked[-1 - outer]


def show(pairs: Sequence[Pair], wanted: argparse.Namespace) -> None:
    changes = [each.change for each in pairs]
    low, high = interval(changes)
    without, watched = (
        statistics.median(rates) for rates in zip(*((p.without, p.watched) for p in pairs), strict=True)
    )
    cores = os.cpu_count()
    held_up = ", CompreFace with two workers of 160 ms" if wanted.compreface else ""
    print(f"{len(pairs)} pairs of {wanted.block:.0f} s, {wanted.workers} workers, {cores} cores{held_up}\n")
    print("| what | measured | goal |\n| --- | --- | --- |")
    print(f"| photos a second without the view, median | {without:.1f} | |")
    print(f"| photos a second with it, median | {watched:.1f} | |")
    print(f"| change, median of the pairs | {statistics.median(changes):+.2%} ({low:+.2%} to {high:+.2%}) | −0.5 % |")
    thriftier = [each.thriftier for each in pairs]
    low, high = interval(thriftier)
    thrift = statistics.median(each.thrift_without for each in pairs)
    print(f"| photos for a second of the stack's processor time without the view, median | {thrift:.2f} | |")
    print(f"| change of it with the view, median | {statistics.median(thriftier):+.2%} ({low:+.2%} to {high:+.2%}) | |")
    cpu = statistics.median(each.cpu for each in pairs)
    print(
        f"| CPU of one core that the view took, median | {cpu:.1%}, which is {cpu / (cores or 1):.1%} of all cores | |"
    )


if __name__ == "__main__":
    main()
