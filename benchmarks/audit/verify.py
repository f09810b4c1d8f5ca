"""How long does `lomi audit verify` take, and how much memory?

    .venv/bin/python -m benchmarks.audit.verify [--entries 10000 1000000]

Fills an audit with entries, through the trigger as ever, then verifies it, exports it and verifies the export, each in
a process of its own. Prints Markdown. The server is one of its own and does not wait for its disk.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from lomi_ops.db.bootstrap import prepare
from tests.services import running_postgres

AT_ONCE = 500
"""Each entry changes the row of the head: a transaction with very many of them walks over what it has left of it."""

FILL = """
INSERT INTO lomi.audit (at, actor, action, subject, reason, before, after)
SELECT now(), 'almaz', 'review.approve', 'media:' || gen_random_uuid(), 'a sharp portrait',
       '{"status": "rejected", "reason": "blurry"}', '{"status": "approved", "reason": null}'
FROM generate_series(1, %(entries)s)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, nargs="+", default=[10_000, 1_000_000])
    wanted = parser.parse_args().entries
    print("| entries | what | took | a second | memory at most |\n| --- | --- | --- | --- | --- |")
    with running_postgres() as url, tempfile.TemporaryDirectory() as folder:
        prepare(url)
        before = 0
        for entries in wanted:
            with psycopg.connect(url, autocommit=True) as connection:
                began = time.monotonic()
                for _ in range((entries - before) // AT_ONCE):
                    connection.execute(FILL, {"entries": AT_ONCE})
                row(entries, f"added, {AT_ONCE} in a transaction", time.monotonic() - began, entries - before)
            before, file = entries, Path(folder) / f"{entries}.jsonl"
            for what, words in (
                ("verify", ["verify"]),
                ("export", ["export", "--out", str(file)]),
                ("verify --from", ["verify", "--from", str(file)]),
            ):
                row(entries, what, *command(url, words))


def command(url: str, words: list[str]) -> tuple[float, int, float]:
    """Seconds, how many, and MB at most, of one run."""
    began = time.monotonic()
    run = subprocess.Popen(
        [sys.executable, "-m", "lomi_ops", "audit", *words],
        env={**os.environ, "LOMI_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    run.stdout.read()
    _, status, used = os.wait4(run.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return time.monotonic() - began, 0, used.ru_maxrss / (1 if sys.platform == "darwin" else 1024)


def row(entries: int, what: str, took_s: float, added: int = 0, memory: float | None = None) -> None:
    told = "" if memory is None else f"{memory:.0f} MB"
    print(f"| {entries:,} | {what} | {took_s:.1f} s | {(added or entries) / took_s:,.0f} | {told} |", flush=True)


if __name__ == "__main__":
    main()
