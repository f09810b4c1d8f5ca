"""What came of photos that were judged again goes when its run ended long ago, and the run goes on adding up."""

from __future__ import annotations

import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from lomi_ops.db import outbox, privacy, remoderating
from lomi_ops.db import retention as rows
from lomi_ops.db.pool import Database
from lomi_ops.db.remoderating import Run
from lomi_ops.domain.decision import ResultMessage
from lomi_ops.domain.remoderate import Fate
from lomi_ops.domain.retention import Limit, Place
from lomi_ops.domain.review import Seen
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.ops import retention
from tests.commands import Lomi
from tests.integration.db.conftest import AT, Backend, plainly
from tests.integration.reports.rows import Plain

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=500)
LIMIT = (Limit(Place.REMODERATED, 400),)


def judged(db: Database, photos: list[UUID], *, ended: datetime | None = LONG_AGO, matched: int | None = None) -> Run:
    """A run that found all of these as they were."""
    run = remoderating.begin(
        db, at=LONG_AGO, actor="hana", filter_="status:*", why="", model=None, policy="local@1", engines="e",
        shadow=False, overrides=False, per_minute=None, photos=len(photos) if matched is None else matched,
    )  # fmt: skip
    for photo in photos:
        seen = Seen(photo, "approved", None, None)
        remoderating.note(db, run, seen, Fate.SAME, plainly(photo, MediaStatus.APPROVED), at=LONG_AGO)
    if ended:
        remoderating.end(db, run, at=ended)
    return remoderating.get(db, run.id)


def some(number: int) -> list[UUID]:
    return [uuid.uuid4() for _ in range(number)]


def standing(db: Database, run: Run) -> tuple[int, int]:
    """Photos of which it is known what came of them, and those of which it was."""
    kept = sum(each.photos for each in remoderating.tally(db, run))
    return kept, remoderating.get(db, run.id).trimmed


def trimmed(db: Database) -> int:
    return retention.trim(db, LIMIT, actor="cron", now=NOW, rows=2, rest=lambda _: None).get(Place.REMODERATED, 0)


def test_only_runs_that_ended_beyond_the_limit_lose_their_photos(db: Database) -> None:
    old, young = judged(db, some(5)), judged(db, some(3), ended=NOW - timedelta(days=399))
    (before,) = retention.look(db, LIMIT, NOW)
    assert (before.due, before.held, before.oldest) == (5, 0, LONG_AGO)
    assert (standing(db, old), trimmed(db)) == ((5, 0), 5), "a look changes nothing"
    assert (standing(db, old), standing(db, young)) == ((0, 5), (3, 0))
    assert trimmed(db) == 0


def test_a_run_that_can_be_resumed_keeps_all_and_a_late_one_judges_nothing_again(db: Database) -> None:
    photos = some(4)
    still_open = judged(db, photos, ended=None)
    assert trimmed(db) == 0
    assert remoderating.through(db, still_open, [*photos, *some(1)]) == set(photos)

    remoderating.end(db, still_open, at=LONG_AGO)
    assert trimmed(db) == 4
    assert remoderating.through(db, still_open, photos) == set(photos), (
        "a process that slept since then has nothing to do"
    )


def test_a_run_keeps_all_while_one_of_its_messages_waits(db: Database, backend: Backend, plain: Plain) -> None:
    job = backend.job(2)
    photos = [photo.media_id for photo in job.photos]
    run, told = judged(db, photos), str(uuid.uuid4())
    plain.execute(
        "INSERT INTO lomi.decisions (at, media_id, user_id, job_id, actor, worker, status)"
        " VALUES (%s, %s, %s, %s, 'worker', %s, 'approved')",
        [AT, photos[0], job.user_id, told, remoderating.worker_name(run)],
    )
    decision = plainly(photos[0], MediaStatus.APPROVED)
    with db.transaction() as session:
        outbox.put_on(session, ResultMessage(told, uuid.uuid4(), job.user_id, 1, (decision,), AT), due_at=AT)
    assert trimmed(db) == 0
    (message,) = outbox.outbox_due(db, at=NOW)
    assert trimmed(db) == 0, "claimed is not told"
    outbox.mark_published(db, message.id, at=NOW)
    assert trimmed(db) == 2


def test_what_is_of_a_user_on_hold_stays_until_the_hold_ends(db: Database, backend: Backend) -> None:
    held, other = backend.job(), backend.job()
    run = judged(db, [held.photos[0].media_id, other.photos[0].media_id])
    privacy.hold(db, held.user_id, actor="abel", reason="a court", at=NOW)
    (before,) = retention.look(db, LIMIT, NOW)
    assert (before.due, before.held) == (1, 1)
    assert (trimmed(db), standing(db, run)) == (1, (1, 1))
    privacy.release(db, held.user_id, actor="abel", reason="over", at=NOW)
    assert (trimmed(db), standing(db, run)) == (1, (0, 2))


def test_a_trim_that_is_killed_at_any_step_loses_no_count(db: Database, prepared_url: str) -> None:
    run = judged(db, some(9))
    command = [sys.executable, "-m", "tests.integration.retention.victim", prepared_url, NOW.isoformat()]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as victim:  # fmt: skip
        assert victim.stdin
        assert victim.stdout
        became = []
        for point in (*range(4, 40, 3), 10_000):
            victim.stdin.write(f"{point}\n")
            victim.stdin.flush()
            became.append(victim.stdout.readline().strip())
            assert sum(standing(db, run)) == 9
        victim.stdin.close()
    assert (became[0], became[-1], set(became)) == ("killed", "done", {"killed", "done"})
    assert standing(db, run) == (0, 9)


def test_two_at_the_rows_of_one_run_count_each_of_them_once(db: Database) -> None:
    run = judged(db, some(60))

    def one(_: int) -> int:
        with db.session() as session:
            gone = went = rows.trim_remoderated(session, NOW, rows.Held(), 3)
            while went:
                gone += (went := rows.trim_remoderated(session, NOW, rows.Held(), 3))
        return gone

    with ThreadPoolExecutor(2) as pool:
        gone = sum(pool.map(one, range(2)))
    # Rows that the other one holds are passed over, so both may end before the last ones.
    assert standing(db, run) == (60 - gone, gone)
    assert gone + trimmed(db) == 60
    assert standing(db, run) == (0, 60)


def test_an_erasure_is_counted_by_the_run_as_well(db: Database, backend: Backend) -> None:
    job = backend.job(2)
    run = judged(db, [photo.media_id for photo in job.photos] + some(1))
    with db.transaction() as session:
        photos = [photo.media_id for photo in job.photos]
        assert remoderating.remove_on(session, "privacy_erase_remoderated", media_ids=photos) == 2
    assert standing(db, run) == (1, 2)


@pytest.fixture
def here(prepared_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", prepared_url)
    monkeypatch.setenv("LOMI_REDIS_URL", redis_url)


@pytest.mark.usefixtures("here")
def test_the_report_of_a_run_adds_up_and_says_how_many_went(lomi: Lomi, db: Database) -> None:
    run = judged(db, some(3), matched=4)
    before = lomi("remoderate", "status", run.id, "-o", "json").document
    assert (before["through"], before["trimmed"], before["fates"]["same"]) == (3, 0, 3)
    assert lomi("retention", "trim", "-o", "json").document["gone"] == {"remoderated": 3}

    said = lomi("remoderate", "status", run.id)
    assert "run 1 (done): 3 of 4 photos by policy local@1, 0+ changed" in said.out
    assert "no photo changed" not in said.out
    assert "no longer known: what came of 3 photos, whose rows were trimmed or erased" in said.out
    assert "not judged: 1 photo changed before their turn" in said.out
    after = lomi("remoderate", "status", run.id, "-o", "json").document
    assert (after["through"], after["trimmed"], sum(after["fates"].values())) == (3, 3, 0)
    assert "3 of 4" in lomi("remoderate", "status").out


@pytest.mark.usefixtures("here")
def test_on_a_schema_of_before_runs_are_shown_and_nothing_is_trimmed(lomi: Lomi, db: Database, plain: Plain) -> None:
    run = judged(db, some(2))
    plain.execute("ALTER TABLE lomi.remoderations DROP COLUMN trimmed")
    assert lomi("remoderate", "status", run.id, "-o", "json").document["trimmed"] == 0
    with db.transaction() as session:
        assert remoderating.remove_on(session, "privacy_erase_remoderated", media_ids=some(1)) == 0
    for words in (("show",), ("trim",), ("trim", "--dry-run")):
        said = lomi("retention", *words)
        assert said.code == 5
        assert "lomi migrate apply" in said.err
