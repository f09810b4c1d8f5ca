"""How long do people wait for a list, a photo or a user among ten million photos?

    .venv/bin/python -m benchmarks.report.lists (--keep FOLDER | --url URL) [--only WORD]

Asks a Postgres that `benchmarks.report` filled what `lomi media` and `lomi review` ask, seven times each, and prints
Markdown: the first time, the median, the median of the processor time of both sides, and how much was found. The server
is on this machine. Without the time that Python takes to start.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID

import psycopg

from benchmarks.report.kept import SETTINGS, kept_server
from lomi_ops.config.load import LoadOptions, load
from lomi_ops.db.pool import Database
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review_filter import parse
from lomi_ops.ops.photos import browse
from lomi_ops.ops.photos.history import SLICE, history, shared
from lomi_ops.ops.photos.looking import USUAL, Reach
from lomi_ops.ops.photos.sheet import sheet
from lomi_ops.ops.policies import activating
from lomi_ops.ops.reviews import piles, reaching
from lomi_ops.ops.reviews.desk import Desk

NAME = "lists"
TIMES = 7
LIMIT = 50
FOREVER_S = 3600.0
FILTERS = (
    "", "status:approved", "status:rejected", "status:failed", "status:waiting", "age<1d", "age>100d", "decided<1d",
    "reason:nsfw", "reason:underage", "porn>0.5", "porn>0.9", "porn>0.999", "porn>0.99999 status:approved", "blur<40.5",
    "reason:nsfw porn>0.99", "age<7d porn>0.999", "not reason:nsfw", "policy:nobody", "nosuchword",
)  # fmt: skip
ON_PILES = ((Pile.ALL, ""), (Pile.WAITING, ""), (Pile.REJECTED, ""), (Pile.FAILED, ""), (Pile.MINORS, ""),
            (Pile.REJECTED, "reason:nsfw"), (Pile.REJECTED, "reason:underage"), (Pile.REJECTED, "porn>0.9"),
            (Pile.REJECTED, "porn>0.999"), (Pile.REJECTED, "policy:nobody"), (Pile.ALL, "nosuchword"))  # fmt: skip
Question = tuple[str, Callable[[], object]]


def questions(database: Database, reach: Reach, photo: UUID, user: UUID, batch: UUID) -> Iterator[Question]:
    now = database.now()
    for text in (*FILTERS, f"user:{user}", f"batch:{batch}", f"photo:{photo}"):
        wanted = parse([text] if text else [])
        yield f"media list {text}", partial(browse.listed, database, wanted, now=now, limit=LIMIT, reach=reach)
    yield f"media list --after {photo}", partial(browse.listed, database, parse([]), now=now, limit=LIMIT, after=photo)
    settings = load(LoadOptions()).settings
    desk = Desk(database, None, "hana", settings.review)
    yield "media show", partial(sheet, desk, photo)
    yield "media history", partial(history, desk, user)
    known = desk.user(user)
    latest = [each.media_id for each in known.photos]
    yield f"media history, {SLICE} pictures elsewhere", partial(desk.similar_of, latest[:SLICE])
    yield f"media history, all {len(latest)} pictures elsewhere", lambda: tuple(shared(desk, known))
    yield "policy list", partial(activating.standing, database, settings)
    yield "review show", partial(desk.photo, photo)
    yield "review show --user", partial(desk.user, user)
    for pile, text in ON_PILES:
        wanted = parse([text] if text else [])
        yield (
            f"review list --queue {pile} {text}",
            partial(reaching.listed, database, pile, wanted, now=now, limit=LIMIT, reach=reach),
        )
    yield "review list --count", partial(piles.counts, database, Pile.ALL, now=now)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--keep", type=Path, metavar="FOLDER", help="that `benchmarks.report` has filled")
    source.add_argument("--url")
    parser.add_argument("--only", default="", help="questions with this word")
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--patient", action="store_true", help="stop after so many photos only, not after some time")
    wanted = parser.parse_args()
    if wanted.url:
        measure(wanted.url, wanted)
        return
    with kept_server(wanted.keep, *SETTINGS) as server:
        measure(server.url, wanted)


def measure(url: str, wanted: argparse.Namespace) -> None:
    with Database(url, application=NAME, statement_timeout_s=300) as database:
        database.now()
        used = partial(_used_ms, _server_process(url))
        print("| question | first, ms | median, ms | processor, ms | found |")
        print("| --- | ---: | ---: | ---: | --- |")
        reach = replace(USUAL, seconds=FOREVER_S) if wanted.patient else USUAL
        for name, ask in questions(database, reach, *_middle(url)):
            if wanted.only in name:
                _measure(name, ask, wanted.times, used)
    print(f"load average {os.getloadavg()[0]:.1f} at the end, {os.cpu_count()} cores", file=sys.stderr)


def _middle(url: str) -> tuple[UUID, UUID, UUID]:
    """A photo of long ago, its user and its batch."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT id, user_id, batch_id FROM media WHERE created_at < now() - interval '10 days'"
            " ORDER BY created_at DESC LIMIT 1"
        ).fetchone()
    assert found is not None
    return found


def _measure(name: str, ask: Callable[[], object], times: int, used_ms: Callable[[], float]) -> None:
    took, worked, answer = [], [], None
    for _ in range(times):
        began, before = time.monotonic(), used_ms()
        answer = ask()
        took.append(1000 * (time.monotonic() - began))
        worked.append(used_ms() - before)
    middle, work = statistics.median(took), statistics.median(worked)
    print(f"| `{name.strip()}` | {took[0]:.0f} | {middle:.0f} | {work:.0f} | {_found(answer)} |", flush=True)


def _server_process(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s", [NAME]).fetchone()
    assert found is not None
    return int(found[0])


def _used_ms(server: int) -> float:
    """Processor time of this program and of the process that serves it; what helps that one is not counted."""
    theirs = int(Path(f"/proc/{server}/schedstat").read_text().split()[0]) / 1e6
    return theirs + 1000 * time.process_time()


def _found(answer: object) -> str:
    if isinstance(answer, browse.Listed):
        back = f"back to {answer.back_to:%m-%d %H:%M}" if answer.back_to and not answer.full else ""
        return f"{len(answer.photos)} {back}"
    if isinstance(answer, reaching.Reached):
        back = f"back to {answer.end.back_to:%m-%d %H:%M}" if answer.end and answer.end.back_to else ""
        return f"{len(answer.photos)} {back}"
    return str(len(answer)) if isinstance(answer, tuple) else ""


if __name__ == "__main__":
    main()
