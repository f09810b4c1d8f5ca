"""Many people at once: no photo is decided twice, and what a dead terminal held comes back."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from uuid import UUID

import psycopg

from lomi_ops.config.sections.operating import ReviewSection
from lomi_ops.db.pool import Database
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.errors import Conflict
from lomi_ops.ops.reviews.desk import Choice, Desk, Held
from tests.integration.reviews.conftest import APPROVE, Room

REVIEWERS, PHOTOS = 50, 1000
REJECT = Choice(MediaStatus.REJECTED, Reason.NSFW, "not for our app")
HOLDS = """
import sys
from lomi_ops.config.sections.operating import ReviewSection
from lomi_ops.db.pool import Database
from lomi_ops.domain.pile import Pile
from lomi_ops.ops.reviews.desk import Desk

desk = Desk(Database(sys.argv[1]), None, "hana", ReviewSection())
held = desk.claim_next(4, Pile.REJECTED)
print(*(each.photo.media_id for each in held.photos), flush=True)
sys.stdin.read()
"""


def upload(connection: psycopg.Connection[dict[str, object]], photos: int) -> None:
    """Rows as old workers leave them, of fifty users."""
    connection.execute(
        "WITH u AS (INSERT INTO users (id, telegram_id, name) SELECT gen_random_uuid(), n, 'A'"
        " FROM generate_series(1, 50) AS n RETURNING id, telegram_id)"
        " INSERT INTO media (id, user_id, media_type, url, batch_id, moderation_status, moderation_reason, created_at,"
        " moderated_at) SELECT gen_random_uuid(), u.id, 'photo', 'k', gen_random_uuid(), 'rejected', 'blurry',"
        " now() - n * interval '1 second', now()"
        " FROM generate_series(1, %s) AS n JOIN u ON u.telegram_id = n %% 50 + 1",
        [photos],
    )


def work(desk: Desk, chance: random.Random, lost: list[Held], refused: list[object]) -> None:
    """Takes photos until there are none: decides most, skips some, and lets some go and decides them all the same."""
    while (held := desk.claim_next(chance.randint(1, 9), Pile.REJECTED)).photos:
        careless = chance.random() < 0.1
        if careless:
            desk.release(held.token)
            lost.append(held)
        step = desk.decide(held.seen, REJECT if chance.random() < 0.5 else APPROVE)
        refused += [each.failure for each in step.refused]
        assert not (careless and step.done)


def test_fifty_reviewers_never_decide_a_photo_twice(room: Room, prepared_url: str) -> None:
    upload(room.backend.connection, PHOTOS)
    lost: list[Held] = []
    refused: list[object] = []
    failures: list[BaseException] = []
    with ExitStack() as stack:
        # Fewer connections than people, as behind a pooler.
        db = stack.enter_context(Database(prepared_url, size=12))

        def run(number: int) -> None:
            try:
                work(Desk(db, None, f"r{number}", room.section), random.Random(number), lost, refused)
            except BaseException as failure:
                failures.append(failure)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(REVIEWERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(100)

    assert failures == []
    assert lost
    assert {type(failure) for failure in refused} == {Conflict}
    decided = Counter(row["media_id"] for row in room.rows("SELECT media_id FROM lomi.decisions"))
    assert len(decided) == PHOTOS
    assert set(decided.values()) == {1}
    for table in ("lomi.audit", "lomi.audit_chain", "lomi.outbox"):
        assert room.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"] == PHOTOS
    assert room.rows("SELECT * FROM lomi.claims") == []


def test_a_killed_terminal_frees_its_photos_when_the_claim_ends(room: Room, prepared_url: str) -> None:
    photos = set(room.batch(5))
    real = Database(prepared_url)
    words = [sys.executable, "-c", HOLDS, prepared_url]
    with real, subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as hana:
        assert hana.stdout
        held = hana.stdout.readline().split()
        hana.kill()
        hana.wait(20)
        assert len(held) == 4
        later = timedelta()
        abel = Desk(real, None, "abel", ReviewSection(), clock=lambda: real.now() + later)

        now = {each.photo.media_id for each in abel.claim_next(9, Pile.REJECTED).photos}
        assert now == photos - {UUID(each) for each in held}
        later = timedelta(seconds=room.section.claim_s)
        then = {each.photo.media_id for each in abel.claim_next(9, Pile.REJECTED).photos}

    assert then >= {UUID(each) for each in held}
