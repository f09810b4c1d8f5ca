"""How long does a reviewer wait for the next photos while many others work, and is any photo decided twice?

    .venv/bin/python -m benchmarks.review.claims [--reviewers 50] [--photos 10000] [--think 1.0]

Each reviewer is a process of its own: takes nine photos, looks at each of them for `think` seconds, decides all nine in
one step, until there are none. Prints Markdown. The server is one of its own and does not wait for its disk.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from lomi_ops.config.sections.operating import ReviewSection
from lomi_ops.db.bootstrap import prepare
from lomi_ops.db.pool import Database
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.ops.reviews.desk import Choice, Desk
from tests.services import running_postgres

BATCH = 9
FILL = """
INSERT INTO media (id, user_id, media_type, url, batch_id, moderation_status, moderation_reason, moderation_scores,
                   created_at)
SELECT gen_random_uuid(), %(user)s, 'photo', 'users/u/photo/' || n || '.jpg', gen_random_uuid(), 'pending',
       'needs_review',
       '{"blur_variance": 61.5, "has_face": true, "face_count": 1, "estimated_age": 24.0, "policy": "default@1",
         "nsfw_scores": {"porn": 0.31, "sexy": 0.2, "hentai": 0.0}, "processing_time_ms": 60,
         "grounds": [{"reason": "nsfw", "text": "porn 0.31 reaches 0.25"}]}',
       now() - n * interval '1 second'
FROM generate_series(1, %(photos)s) AS n
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reviewers", type=int, default=50)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--think", type=float, nargs="+", default=[1.0])
    wanted = parser.parse_args()
    print(
        "| think, s a photo | photos | decided twice | claims | claim p50 | p95 | p99 | decision p50 | p95 | photos/s |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for think in wanted.think:
        with filled(wanted.photos) as url, tempfile.TemporaryDirectory() as folder:
            took = run(url, Path(folder), wanted.reviewers, think)
            print(line(think, url, wanted.photos, took, times(Path(folder))), flush=True)


@contextmanager
def filled(photos: int) -> Iterator[str]:
    with running_postgres() as url:
        prepare(url)
        with psycopg.connect(url, autocommit=True) as plain:
            user = plain.execute("INSERT INTO users (id, telegram_id) VALUES (gen_random_uuid(), 1) RETURNING id")
            plain.execute(FILL, {"user": user.fetchone()[0], "photos": photos})  # type: ignore[index]
            plain.execute("ANALYZE")
        yield url


def run(url: str, folder: Path, reviewers: int, think: float) -> float:
    """Seconds that all of them needed."""
    fork = multiprocessing.get_context("fork")
    people = [fork.Process(target=review, args=(url, folder, number, think)) for number in range(reviewers)]
    began = time.monotonic()
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert all(person.exitcode == 0 for person in people), "a reviewer failed"
    return time.monotonic() - began


def review(url: str, folder: Path, number: int, think: float) -> None:
    chance, claims, decisions = random.Random(number), [], []
    with Database(url) as db:
        desk = Desk(db, None, f"r{number}", ReviewSection())
        db.now()
        time.sleep(chance.random() * think * BATCH)  # nobody comes to work on the same stroke
        while True:
            began = time.monotonic()
            held = desk.claim_next(BATCH, Pile.WAITING)
            claims.append(time.monotonic() - began)
            if not held.photos:
                break
            time.sleep(chance.uniform(0.5, 1.5) * think * len(held.photos))
            began = time.monotonic()
            step = desk.decide(held.seen, Choice(MediaStatus.APPROVED, note="fine"))
            decisions.append((time.monotonic() - began) / len(held.photos))
            assert not step.refused, step.refused
    (folder / f"{number}.json").write_text(json.dumps({"claims": claims, "decisions": decisions}))
    os._exit(0)


def times(folder: Path) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"claims": [], "decisions": []}
    for file in folder.iterdir():
        for name, values in json.loads(file.read_text()).items():
            found[name] += values
    return found


def line(think: float, url: str, photos: int, took: float, found: dict[str, list[float]]) -> str:
    with psycopg.connect(url) as plain:
        row: Any = plain.execute("SELECT count(*), count(DISTINCT media_id) FROM lomi.decisions").fetchone()
    decisions, decided = row
    assert decided == photos, f"{decided} of {photos} are decided"
    claims, steps = found["claims"], found["decisions"]
    cells = [
        f"{think:g}", f"{photos:,}", str(decisions - decided), str(len(claims)),
        *(ms(quantile(claims, share)) for share in (0.5, 0.95, 0.99)),
        *(ms(quantile(steps, share)) for share in (0.5, 0.95)),
        f"{photos / took:.0f}",
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def quantile(values: Sequence[float], share: float) -> float:
    return statistics.quantiles(values, n=100)[round(share * 100) - 1]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


if __name__ == "__main__":
    main()
