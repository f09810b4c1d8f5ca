"""What it costs to look for the bytes of a photo, and what is saved where they are known.

    python -m benchmarks.reuse photo [--rounds 5] [--photos 40]
    python -m benchmarks.reuse log [--rows 10000000]

`photo` has the same photos of 1600 pixels judged in turn without a look-up, with one that finds nothing, and with one
that finds them, and counts the processor time of worker, judging process and Postgres. `log` fills a decision log and
measures the index and the look-up. Both make a Postgres of their own that does not wait for its disk.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg.types.json import Jsonb

from benchmarks.worker.photos import photos
from benchmarks.worker.processes import busy_s, cpu_s
from lomi_ops.clients.objects.directory import DirectoryStore
from lomi_ops.clients.objects.keys import Buckets
from lomi_ops.config.schema import Settings
from lomi_ops.db import reuse
from lomi_ops.db.bootstrap import prepare
from lomi_ops.db.documents import jsonb, log_columns
from lomi_ops.db.pool import Database
from lomi_ops.domain.decision import PhotoDecision
from lomi_ops.domain.job import PhotoRef
from lomi_ops.domain.regime import Rule
from tests.services import postgres_server
from worker.batch import BatchJudge
from worker.judging.host import JudgingProcess
from worker.judging.wire import Begin
from worker.reuse import Recall

BUCKET = "lomi-photos"
LOOK_UPS = 2000
KNOWN = """
INSERT INTO lomi.decisions (at, media_id, user_id, job_id, actor, status, outcome, policy, photo, engines, findings,
                            photo_sha256, processing_ms, inputs)
SELECT now(), gen_random_uuid(), gen_random_uuid(), 'j', 'worker', d.status, d.outcome, d.policy, d.photo, d.engines,
       d.findings, d.photo_sha256, d.processing_ms, d.inputs
FROM jsonb_to_recordset(%s::jsonb) AS d (
    status text, outcome text, policy text, photo jsonb, engines jsonb, findings jsonb, photo_sha256 text,
    processing_ms float8, inputs text)
"""
FILL = """
INSERT INTO lomi.decisions (at, media_id, user_id, job_id, actor, status, outcome, policy, photo, engines, findings,
                            photo_sha256, processing_ms, inputs)
SELECT now() - n * interval '0.25 s', gen_random_uuid(), gen_random_uuid(), 'j', 'worker', 'approved', 'approve',
       'local@1', '{"width": 1600, "height": 1200}', %(engines)s, %(findings)s,
       encode(sha256(int8send(n)), 'hex'), 61.5, %(inputs)s
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""
WHERE = "WHERE photo_sha256 IS NOT NULL AND (inputs IS NOT NULL OR actor <> 'worker')"
EMPTY = WHERE.replace("IS NOT NULL OR", "IS NULL OR")
INDEXES = {
    "index without a row, all that a migration finds": f"(left(photo_sha256, 16)) {EMPTY}",
    "the same as a hash index": f"USING hash (photo_sha256) {EMPTY}",
    "hash index of all rows": f"USING hash (photo_sha256) {WHERE}",
    "index of all rows": f"(left(photo_sha256, 16)) {WHERE}",
}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("photo", "log"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--rows", type=int, default=10_000_000)
    asked = parser.parse_args(arguments)
    with postgres_server("shared_buffers=1GB") as server:
        prepare(server.url)
        if asked.what == "photo":
            judging(server.url, asked.rounds, asked.photos)
        else:
            log(server.url, asked.rows)
    return 0


# --- a photo ----------------------------------------------------------------------------------------------------------


def judging(url: str, rounds: int, number: int) -> None:
    """Medians of rounds, and the spread of their ratios."""
    settings = Settings.model_validate(
        {"policy": {"active": "local"}, "worker": {"reuse_days": 30}, "database": {"url": url}}
    )
    took: dict[str, list[float]] = {"off": [], "miss": [], "hit": []}
    with psycopg.connect(url, autocommit=True) as connection, bench(settings) as judge:
        recall = judge.recall
        roots = [os.getpid(), postmaster(connection)]
        files = photos("jpeg")
        for turn in range(rounds + 1):
            fresh = [files[n % len(files)] + f"{turn}/{n}".encode() for n in range(number)]
            refs = put(judge, fresh)
            began = busy_s(), time.perf_counter(), cpu_s(roots)
            # Whoever comes first in a round comes second in the next.
            if turn % 2:
                off = spent(roots, lambda: replace(judge, recall=None), refs)
                miss = spent(roots, lambda: replace(judge, recall=recall), refs)
            else:
                miss = spent(roots, lambda: replace(judge, recall=recall), refs)
                off = spent(roots, lambda: replace(judge, recall=None), refs)
            keep(connection, miss[1])
            hit = spent(roots, lambda: replace(judge, recall=recall), refs)
            others = (busy_s() - began[0] - (cpu_s(roots) - began[2])) / (time.perf_counter() - began[1])
            assert [bool(each.taken) for each in hit[1]] == [True] * number
            assert [bool(each.taken) for each in miss[1]] == [False] * number
            if turn:  # the first round warms everything up
                for name, (seconds, _) in (("off", off), ("miss", miss), ("hit", hit)):
                    took[name].append(seconds / number * 1000)
                print(
                    f"round {turn}: "
                    + ", ".join(f"{n} {v[-1]:.2f} ms" for n, v in took.items())
                    + f"; others {others:.2f}"
                )
    for name, values in took.items():
        print(f"{name:5} {shown(values)} ms of a core for a photo")
    for name in ("miss", "hit"):
        ratios = [value / off for value, off in zip(took[name], took["off"], strict=True)]
        print(f"{name} to off: {shown(ratios)}; mean {settled(ratios)}")
    print(f"miss without off: mean {settled([m - o for m, o in zip(took['miss'], took['off'], strict=True)])} ms")


def settled(values: Sequence[float]) -> str:
    """With its standard error, where there is more than one."""
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else math.nan
    return f"{statistics.mean(values):.3f} ± {error:.3f}"


def shown(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


@contextmanager
def bench(settings: Settings) -> Iterator[BatchJudge]:
    with ExitStack() as stack:
        store = DirectoryStore(Path(stack.enter_context(TemporaryDirectory())), Buckets(frozenset({BUCKET})))
        store.ensure_bucket(BUCKET)
        begin = Begin(settings.images, settings.models, settings.active_policy())
        process = JudgingProcess(begin, timeout_s=60)
        stack.callback(process.close)
        process.start()
        recall = Recall.of(settings)
        assert recall is not None
        stack.callback(recall.close)
        recall._patience_s = 10.0  # what others do here is no fault of the look-up
        pool = stack.enter_context(ThreadPoolExecutor(9))
        yield BatchJudge(process, store, None, Rule(settings.active_policy()), settings, pool, recall)


def put(judge: BatchJudge, files: Sequence[bytes]) -> list[PhotoRef]:
    refs = []
    for data in files:
        key = f"users/bench/photo/{uuid.uuid4()}.jpg"
        judge.store.put(BUCKET, key, data)
        refs.append(PhotoRef(media_id=uuid.uuid4(), bucket=BUCKET, key=key))
    return refs


def spent(
    roots: list[int], judge: Callable[[], BatchJudge], refs: Sequence[PhotoRef]
) -> tuple[float, tuple[PhotoDecision, ...]]:
    """Seconds on a core, in batches of nine as they are uploaded."""
    decided: list[PhotoDecision] = []
    before = cpu_s(roots)
    for start in range(0, len(refs), 9):
        outcome = judge().judge(refs[start : start + 9], NoCrash(), lambda: None)
        assert not outcome.waiting
        decided += outcome.decisions
    return cpu_s(roots) - before, tuple(decided)


class NoCrash:
    def note_crash(self, media_id: uuid.UUID) -> int:
        raise AssertionError(media_id)


def keep(connection: psycopg.Connection[tuple[object, ...]], decisions: Sequence[PhotoDecision]) -> None:
    rows = [log_columns(each, None) | {"media_id": str(each.media_id)} for each in decisions]
    assert all(row["inputs"] for row in rows)
    connection.execute(KNOWN, [jsonb(rows)])


def postmaster(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    """The server's first process: those of connections are below it."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(Path(f"/proc/{row[0]}/stat").read_text().rpartition(")")[2].split()[1])


# --- the log ----------------------------------------------------------------------------------------------------------


def log(url: str, rows: int) -> None:
    inputs = "d" * 32
    engines, findings = documents()
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("decisions_bytes", "decisions_at", "decisions_media_id", "decisions_user_id", "decisions_notable"):
            connection.execute(f"DROP INDEX lomi.{name}".encode())
        for first in range(0, rows, 500_000):
            values = {"engines": engines, "findings": findings, "inputs": inputs}
            connection.execute(FILL, values | {"first": first, "last": min(rows, first + 500_000) - 1})
        connection.execute("VACUUM (ANALYZE) lomi.decisions")
        print(f"{rows:,} decisions, {size(connection, 'lomi.decisions')} of table")
        for words, index in INDEXES.items():
            connection.execute("DROP INDEX IF EXISTS lomi.decisions_bytes")
            began = time.perf_counter()
            connection.execute(f"CREATE INDEX decisions_bytes ON lomi.decisions {index}".encode())
            print(f"{words}: {time.perf_counter() - began:.1f} s, {size(connection, 'lomi.decisions_bytes')}")
        with Database(url) as database:
            look_ups(database, rows, inputs, [os.getpid(), postmaster(connection)])


def look_ups(database: Database, rows: int, inputs: str, roots: list[int]) -> None:
    since = datetime.now(UTC) - timedelta(days=3650)
    step = max(1, rows // LOOK_UPS)
    for name, shift in (("miss", rows), ("hit", 0), ("miss again", rows), ("hit again", 0)):
        took, before = [], cpu_s(roots)
        for n in range(LOOK_UPS):
            sha256 = hashlib.sha256((n * step + shift).to_bytes(8)).hexdigest()
            began = time.perf_counter()
            found = reuse.find(database, sha256, inputs, since=since)
            took.append((time.perf_counter() - began) * 1000)
            assert (found.known is not None) is name.startswith("hit")
        took.sort()
        spent_ms = (cpu_s(roots) - before) / LOOK_UPS * 1000
        p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
        print(f"{name}: {spent_ms:.2f} ms of a core; waited p50 {p50:.2f} ms, p99 {p99:.2f} ms")


def documents() -> tuple[Jsonb, Jsonb]:
    """Of a portrait, as short as they get."""
    engines = [
        {"engine": name, "model": "m", "version": "v" * 64, "status": "answered", "detail": "", "elapsed_ms": 1.0}
        for name in ("blur", "faces", "nsfw")
    ]
    found = {
        "engine": "blur",
        "label": "sharpness",
        "score": 1.0,
        "box": None,
        "raw_label": "",
        "value": 9.0,
        "age": None,
    }
    return Jsonb(engines), Jsonb([found])


def size(connection: psycopg.Connection[tuple[object, ...]], name: str) -> str:
    row = connection.execute("SELECT pg_size_pretty(pg_relation_size(%s::regclass))", [name]).fetchone()
    assert row is not None
    return str(row[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
