"""How long do an app's statements wait while `lomi migrate apply` runs on its table?

    .venv/bin/python -m benchmarks.migrate.live [--rows 1000000] [--readers 2] [--writers 2] [--control 20]

Makes a table `media` as it was before the moderation migration, with `--rows` rows (ten million: --rows 10000000),
and lets readers and writers go on with single rows while `lomi migrate apply` runs in a process of its own. Measured
are the same statements in a control phase before it, and in one after it that lasts as long as apply did. Prints
Markdown: what each kind of statement took at most, the 99th percentile, and how busy the machine was. The server is
one of its own and does not wait for its disk.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from benchmarks.queue.figures import percentile
from lomi_ops.db.queries import script
from tests.services import running_postgres

USERS = 1_000
KEYS = 5_000
"""Rows that the app looks at, drawn from the whole table."""
PAUSE_S = 0.002
"""Between two statements of one client: a busy app, and a machine that is not full."""

FILL = """
INSERT INTO media (user_id, media_type, url, is_approved, created_at)
SELECT (SELECT array_agg(id) FROM users)[1 + n %% %(users)s], 'photo', 'users/photo/' || n || '.jpg', n %% 10 < 6,
       now() - n * interval '10 seconds'
FROM generate_series(1, %(rows)s) AS n
"""


@dataclass
class Took:
    """Seconds by kind of statement."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, kind: str, seconds: float) -> None:
        self.seconds.setdefault(kind, []).append(seconds)


@dataclass
class Phase:
    name: str
    lasted_s: float
    took: dict[str, list[float]]
    load: float
    """The machine's load average of one minute at its end."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of media")
    parser.add_argument("--readers", type=int, default=2, help="clients that read single rows")
    parser.add_argument("--writers", type=int, default=2, help="clients that change and add single rows")
    parser.add_argument("--control", type=float, default=20.0, help="seconds of the phase before")
    return parser.parse_args()


def build(url: str, rows: int) -> list[uuid.UUID]:
    """The tables before the moderation migration; some ids of `media`."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(script("contract/uuid.sql"))
        connection.execute(script("contract/tables.sql"))
        connection.execute("CREATE INDEX media_user_id ON media (user_id)")
        connection.execute("INSERT INTO users (telegram_id) SELECT generate_series(1, %s)", (USERS,))
        connection.execute(FILL, {"users": USERS, "rows": rows})
        connection.execute("ANALYZE media")
        share = min(100.0, 200.0 * KEYS / rows)
        sample = "SELECT id FROM media TABLESAMPLE BERNOULLI (%s) LIMIT %s"
        return [found for (found,) in connection.execute(sample, (share, KEYS)).fetchall()]


def reading(connection: psycopg.Connection[Any], keys: list[uuid.UUID], chance: random.Random) -> str:
    # Not *: a prepared statement with it fails once after every change of the columns, here as in any app.
    connection.execute("SELECT user_id, url, is_approved FROM media WHERE id = %s", (chance.choice(keys),)).fetchall()
    return "read a row"


def writing(connection: psycopg.Connection[Any], keys: list[uuid.UUID], chance: random.Random) -> str:
    if chance.random() < 0.2:
        connection.execute(
            "INSERT INTO media (user_id, media_type, url) SELECT user_id, 'photo', 'new' FROM media WHERE id = %s",
            (chance.choice(keys),),
        )
        return "add a row"
    connection.execute("UPDATE media SET display_order = display_order + 1 WHERE id = %s", (chance.choice(keys),))
    return "change a row"


class App:
    """Clients that go on until they are told to stop; what each statement took, in the phase that it ended in."""

    def __init__(self, url: str, keys: list[uuid.UUID], readers: int, writers: int) -> None:
        self._over = threading.Event()
        self._took = Took()
        self._guard = threading.Lock()
        acts: list[Callable[..., str]] = [reading] * readers + [writing] * writers
        self._threads = [
            threading.Thread(target=self._go, args=(url, act, keys, random.Random(number)))
            for number, act in enumerate(acts)
        ]

    def __enter__(self) -> App:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _go(self, url: str, act: Callable[..., str], keys: list[uuid.UUID], chance: random.Random) -> None:
        with psycopg.connect(url, autocommit=True, application_name="app") as connection:
            while not self._over.wait(PAUSE_S):
                began = time.perf_counter()
                kind = act(connection, keys, chance)
                took = time.perf_counter() - began
                with self._guard:
                    self._took.add(kind, took)

    @contextmanager
    def phase(self, name: str, phases: list[Phase]) -> Iterator[None]:
        with self._guard:
            self._took = Took()
        began = time.perf_counter()
        yield
        with self._guard:
            took = self._took
            self._took = Took()
        phases.append(Phase(name, time.perf_counter() - began, took.seconds, os.getloadavg()[0]))


def apply(url: str) -> None:
    environ = {**os.environ, "LOMI_DATABASE_URL": url}
    subprocess.run([sys.executable, "-m", "lomi_ops", "migrate", "apply"], env=environ, check=True)


def show(phases: list[Phase], rows: int) -> None:
    print(f"\n{rows:,} rows, {os.cpu_count()} cores\n")
    print("| phase | lasted | load | statement | count | p99 | longest |\n| --- | --- | --- | --- | --- | --- | --- |")
    for phase in phases:
        for kind, seconds in sorted(phase.took.items()):
            p99, longest = (f"{1000 * value:.1f} ms" for value in (percentile(seconds, 0.99), max(seconds)))
            cells = (
                phase.name,
                f"{phase.lasted_s:.0f} s",
                f"{phase.load:.1f}",
                kind,
                f"{len(seconds):,}",
                p99,
                longest,
            )
            print(f"| {' | '.join(cells)} |")


def main() -> None:
    asked = arguments()
    phases: list[Phase] = []
    with ExitStack() as stack:
        url = stack.enter_context(running_postgres())
        print(f"filling media with {asked.rows:,} rows", file=sys.stderr)
        keys = build(url, asked.rows)
        app = stack.enter_context(App(url, keys, asked.readers, asked.writers))
        with app.phase("before", phases):
            time.sleep(asked.control)
        with app.phase("apply", phases):
            apply(url)
        with app.phase("after", phases):
            time.sleep(phases[1].lasted_s)
    show(phases, asked.rows)


if __name__ == "__main__":
    main()
