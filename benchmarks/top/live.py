"""What does `lomi top` cost whoever runs it, and the services that it looks at?

    .venv/bin/python -m benchmarks.top.live [--seconds 120] [--jobs 100000] [--workers 16] [--photos 100000]

Starts the command in a pseudo-terminal of 200x50 against a Redis and a Postgres of its own, with a long list and
workers that beat, and reads: the process's CPU time while it looks once a second, and while it is paused; its memory;
Redis's own count of commands; Postgres's own time; key to paint; the bytes of an hour of recording, and how long going
back in it takes. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import redis

from lomi_ops.db.bootstrap import prepare
from lomi_ops.domain.frame import Frame
from lomi_ops.domain.measure import Measured
from lomi_ops.domain.worker import EngineInfo, WorkerInfo
from lomi_ops.ops.live.recording import Recording
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.workers import WorkerRegistry
from tests.integration.tui.terminal import Terminal
from tests.services import running_postgres, running_redis

TICK = os.sysconf("SC_CLK_TCK")
FILL = """
INSERT INTO media (id, user_id, media_type, url, batch_id, moderation_status, moderation_reason, created_at,
                   moderated_at)
SELECT gen_random_uuid(), %(user)s, 'photo', 'users/u/photo/' || n || '.jpg', gen_random_uuid(),
       CASE WHEN n %% 10 = 0 THEN 'rejected' ELSE 'approved' END, CASE WHEN n %% 10 = 0 THEN 'blurry' END,
       now() - n * interval '1 second', now() - n * interval '1 second'
FROM generate_series(1, %(photos)s) AS n
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--keys", type=int, default=60)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, running_redis() as server, running_postgres() as url:
        fill(server.url, url, wanted)
        environ = {
            **{key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ},
            "HOME": home, "TERM": "xterm-256color", "LANG": "C.UTF-8", "LOMI_OBJECTS": f"{home}/objects",
            "LOMI_DATABASE_URL": url, "LOMI_REDIS_URL": server.url,
        }  # fmt: skip
        Path(home, "objects", "lomi-photos").mkdir(parents=True)
        with beating(server.url, wanted.workers), Terminal("top", size=(200, 50), environ=environ) as terminal:
            # The beats call commands, too: what they call alone is taken off.
            terminal.process.send_signal(signal.SIGSTOP)
            time.sleep(6.0)  # the first beats are to come
            alone = commands_in(server.url, 20.0)
            terminal.process.send_signal(signal.SIGCONT)
            terminal.until("LIVE", "ready")
            reader = Reader(terminal)
            reader.read_for(15)  # what is asked for seldom was asked for once
            lines = watched(reader, server.url, url, wanted.seconds, alone)
            lines += pressed(reader, wanted.keys)
            terminal.press("p")
            terminal.until("PAUSED")
            lines += paused(reader, min(60.0, wanted.seconds))
            terminal.press("q")
            terminal.end()
        lines += recorded(Path(home, ".local/state/lomi/top/default.db"))
    print("| what | measured | goal |\n| --- | --- | --- |")
    for what, value, goal in lines:
        print(f"| {what} | {value} | {goal} |")


Line = tuple[str, str, str]


def fill(redis_url: str, url: str, wanted: argparse.Namespace) -> None:
    prepare(url)
    with psycopg.connect(url, autocommit=True) as plain:
        user: Any = plain.execute("INSERT INTO users (id, telegram_id) VALUES (gen_random_uuid(), 1) RETURNING id")
        plain.execute(FILL, {"user": user.fetchone()[0], "photos": wanted.photos})
        plain.execute("ANALYZE")
    client = redis.Redis.from_url(redis_url)
    pipe = client.pipeline(transaction=False)
    for number in range(wanted.jobs):
        body = {"job_id": str(uuid.UUID(int=number)), "batch_id": str(uuid.UUID(int=number)),
                "user_id": str(uuid.UUID(int=7)), "telegram_id": 7, "created_at": "2026-11-20T12:00:00Z",
                "media": [{"media_id": str(uuid.UUID(int=number)), "url": "users/u/photo/1.jpg"}]}  # fmt: skip
        pipe.lpush(Keys().ready, json.dumps(body))
        if number % 5000 == 4999:
            pipe.execute()
    pipe.execute()


@contextmanager
def beating(redis_url: str, number: int) -> Iterator[None]:
    """Registered workers that beat every five seconds and do nothing else."""
    client, over = redis.Redis.from_url(redis_url), threading.Event()
    registry, queue = WorkerRegistry(client), JobQueue(client)
    boots = [str(uuid.uuid4()) for _ in range(number)]
    for pid, boot in enumerate(boots, 1):
        engines = (EngineInfo("nsfw", "nudenet-320n@3.4.2", "0" * 64), EngineInfo("faces", "compreface"))
        registry.register(WorkerInfo(boot, f"web-{pid % 4}", pid, "0.1.0", 2, engines, "default@1"))

    def run() -> None:
        while not over.wait(5.0):
            for boot in boots:
                queue.beat(boot, {})

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Reader:
    """Reads what the command draws, as a terminal does, and the kernel's account of its process."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.pid = terminal.process.pid

    def read_for(self, seconds: float) -> int:
        """Bytes."""
        until, found = time.monotonic() + seconds, 0
        while (left := until - time.monotonic()) > 0:
            if select.select([self.terminal._ours], [], [], left)[0]:
                found += len(os.read(self.terminal._ours, 65536))
        return found

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def rss_mb(self) -> float:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1000
        return 0.0


def watched(reader: Reader, redis_url: str, url: str, seconds: float, alone: float) -> list[Line]:
    client = redis.Redis.from_url(redis_url)
    before, statements, cpu, memory = commands(client), postgres_ms(url), reader.cpu_s(), reader.rss_mb()
    drawn = reader.read_for(seconds)
    spent, after = reader.cpu_s() - cpu, commands(client)
    lines = [
        ("CPU of one core at 1 Hz", f"{spent / seconds:.1%}", "3 %"),
        ("memory", f"{reader.rss_mb():.0f} MB, {reader.rss_mb() - memory:+.1f} MB in {seconds:.0f} s", "100 MB"),
        ("drawn", f"{drawn / seconds / 1000:.1f} kB/s", ""),
        ("Redis commands a look, those of beats apart", f"{(after - before) / seconds - alone:.1f}", "12"),
    ]
    if statements is not None and (now := postgres_ms(url)) is not None:
        lines.append(("Postgres a look", f"{(now - statements) / seconds:.2f} ms", "5 ms"))
    return lines


def commands(client: redis.Redis) -> int:
    stats: Any = client.info("commandstats")
    return sum(int(said["calls"]) for said in stats.values())


def commands_in(redis_url: str, seconds: float) -> float:
    """A second."""
    client = redis.Redis.from_url(redis_url)
    before = commands(client)
    time.sleep(seconds)
    return (commands(client) - before) / seconds


def postgres_ms(url: str) -> float | None:
    """Time of all statements, from pg_stat_database where pg_stat_statements is not there."""
    with psycopg.connect(url, autocommit=True) as plain:
        row: Any = plain.execute("SELECT sum(active_time) FROM pg_stat_database").fetchone()
    return None if row is None or row[0] is None else float(row[0])


def pressed(reader: Reader, number: int) -> list[Line]:
    """From a key until the panel that it opens is drawn."""
    took: list[float] = []
    names = ("Queue", "Workers", "Decided", "Latency", "Services", "Alerts", "Events")
    chance = random.Random(7)
    last = -1
    for _ in range(number):
        place = chance.choice([each for each in range(len(names)) if each != last])
        last = place
        reader.read_for(chance.uniform(0.2, 0.5))
        began = time.perf_counter()
        reader.terminal.press(str(place + 1))
        reader.terminal.until(f" {place + 1} {names[place]}")
        took.append(time.perf_counter() - began)
    quantiles = statistics.quantiles(took, n=20)
    return [
        ("key to paint", f"p50 {statistics.median(took) * 1000:.0f} ms, p95 {quantiles[18] * 1000:.0f} ms", "50 ms")
    ]


def paused(reader: Reader, seconds: float) -> list[Line]:
    reader.read_for(2)
    cpu = reader.cpu_s()
    reader.read_for(seconds)
    return [("CPU of one core, paused", f"{(reader.cpu_s() - cpu) / seconds:.2%}", "0.5 %")]


def moved(value: float, chance: random.Random) -> float:
    """Up to a fifth away, with as many digits as the view keeps."""
    away = value * chance.uniform(0.8, 1.2)
    return float(round(away)) if value.is_integer() else float(f"{away:.4g}")


def recorded(path: Path) -> list[Line]:
    """An hour of what was just recorded, and going back in it."""
    recording = Recording(path, create=False)
    span = recording.span
    assert span is not None
    frames: list[Frame] = []
    frame = recording.at(span[0])
    while frame is not None:
        frames.append(frame)
        frame = recording.next(frame.at, 1)
    recording.close()
    with tempfile.TemporaryDirectory() as folder:
        day = Recording(Path(folder, "day.db"), bytes_=10**9)
        start = datetime(2026, 11, 20, tzinfo=UTC)
        chance = random.Random(7)
        for second in range(3600):
            source = frames[second % len(frames)]
            # Numbers that move as they do under load: the same frame again and again would pack too well.
            values = {key: moved(value, chance) for key, value in source.measured.values.items()}
            day.add(Frame(Measured(start + timedelta(seconds=second), values), source.workers, source.alerts))
        day.close()
        size = Path(folder, "day.db").stat().st_size
        day = Recording(Path(folder, "day.db"), create=False)
        took = []
        for _ in range(40):
            moment = start + timedelta(seconds=chance.uniform(0, 3600))
            began = time.perf_counter()
            day.at(moment)
            list(day.peaks(moment, 60))
            day.before(moment, 120)
            took.append(time.perf_counter() - began)
        day.close()
    p95 = statistics.quantiles(took, n=20)[18]
    return [
        ("recording, an hour at 1 Hz times 24, numbers moving by a fifth", f"{24 * size / 1e6:.0f} MB", "50 MB"),
        ("going back in it", f"p50 {statistics.median(took) * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms", "200 ms"),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
