"""`lomi bench load` on a cluster with real workers whose eyes alone are a stub: nothing is lost, nothing is left."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Callable

import psycopg
import pytest
from psycopg.rows import dict_row

from lomi_ops.db import marked as rows
from lomi_ops.db.pool import Database
from lomi_ops.domain import bench_load, marked
from lomi_ops.ops.bench.load.track import Tracker
from lomi_ops.ops.demo.results import Heard
from lomi_ops.ops.e2e.handles import Sent, Uploaded
from lomi_ops.queue.jobs import JobQueue
from tests.integration.bench.conftest import Cluster, Lomi, Said, Start, Worker, decisions, figures
from tests.integration.e2e.conftest import until

Load = Callable[..., Said]


@pytest.fixture
def load(cluster: Cluster, lomi: Lomi) -> Load:
    good, blurred, doubtful = cluster.photo("a"), cluster.photo("b", "blurred"), cluster.photo("c", "doubtful")

    def call(*words: object) -> Said:
        return lomi("bench", "load", good, blurred, doubtful, "--users", 4, "--seed", 3, "--yes", "-o", "json", *words)

    return call


def test_every_photo_is_decided_once_and_nothing_remains(cluster: Cluster, worker: Worker, load: Load) -> None:
    before = cluster.remains()

    said = load("--rate", "600/min", "--minutes", "0.2", "--as", "ada")

    found = figures(said)
    assert said.document["left"] == []
    assert (found["lost"], found["duplicates"], found["success"]) == (0, 0, 1)
    assert {"answer_p95", "start_p95", "batch_p95", "decision_p50", "decision_p99", "write_p95"} <= set(found)
    for name in ("answer_p95", "start_p95", "batch_p95", "decision_p95", "write_p95", "offered", "queue_waiting"):
        assert found[name] is not None, name
    assert "120 photos" in said.document["did"]
    assert "pushed twice" in said.document["did"], "the seed has batches that are"
    assert (cluster.remains(), decisions(cluster)) == (before, 0)
    entries = cluster.pg.execute("SELECT actor, action, reason FROM lomi.audit").fetchall()
    assert entries == [{"actor": "ada", "action": "bench", "reason": "lomi bench load: 4 users"}]


@pytest.mark.timeout(300)
def test_postgres_and_workers_of_this_machine_are_seen(
    cluster: Cluster, worker: Worker, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is looked at is as of a longer load; how many photos that takes, tests of the figures say.
    for name in ("GROWN_UP", "LEAST_PHOTOS"):
        monkeypatch.setattr(bench_load, name, 150)

    found = figures(load("--rate", "2400/min", "--minutes", "0.2"))

    assert found["database_cpu"] is not None
    assert 0 < found["database_cpu"] < 1
    assert found["memory_growth"] is not None
    assert -0.9 < found["memory_growth"] < 5


def test_a_worker_that_is_killed_loses_photos_and_says_so(cluster: Cluster, start: Start, load: Load) -> None:
    before = cluster.remains()
    with start() as worker:
        worker.stop(signal.SIGKILL)
        said = load("--rate", "300/min", "--minutes", "0.05", "--timeout", "1")

    found = figures(said)
    assert (said.code, found["lost"], found["success"]) == (1, 15, 0)
    assert said.document["advice"]["command"] == "lomi doctor flow"
    assert (cluster.remains(), decisions(cluster)) == (before, 0)


def test_without_a_worker_or_with_a_pause_nothing_is_sent(cluster: Cluster, start: Start, load: Load) -> None:
    before = cluster.remains()
    assert load().code == 5
    with start():
        JobQueue(cluster.redis).pause("ada", "a move")
        said = load()
        JobQueue(cluster.redis).resume()
    assert (said.code, said.err.splitlines()[-1]) == (5, "  try: lomi queue resume")
    assert cluster.remains() == before


def test_nothing_is_done_without_a_word_and_a_dry_run_says_what_would_be(cluster: Cluster, lomi: Lomi) -> None:
    before = cluster.remains()
    assert lomi("bench", "load").code == 5
    said = lomi("bench", "load", cluster.photo("a"), "--rate", "10/s", "--minutes", "1", "--dry-run")
    assert said.code == 0
    assert said.out.startswith("would send 600 photos (")
    assert cluster.remains() == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_load_is_taken_back(cluster: Cluster, worker: Worker, number: int, code: int) -> None:
    before = cluster.remains()
    words = ("bench", "load", cluster.photo("a"), "--rate", "1200/min", "--minutes", 2, "--users", 4, "--yes")
    with cluster.process(*words) as running:
        until(lambda: int(str(cluster.remains()["media"])) > 30, "photos are on their way")
        running.send_signal(number)
        assert running.wait(60) == code
    assert (cluster.remains(), decisions(cluster)) == (before, 0)


def test_a_postgres_that_goes_away_in_the_middle_is_named_and_what_remains_is_told_and_cleaned(
    cluster: Cluster, worker: Worker, lomi: Lomi, postgres_server: str
) -> None:
    name = cluster.database_url.rsplit("/", 1)[1]
    words = ("bench", "load", cluster.photo("a"), "--rate", "1200/min", "--minutes", 2, "--users", 4, "--yes")
    admin = psycopg.connect(postgres_server, autocommit=True)
    with admin, cluster.process(*words) as running:
        until(lambda: int(str(cluster.remains()["media"])) > 30, "photos are on their way")
        cluster.pg.close()
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        _, told = running.communicate(timeout=90)
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
    assert running.returncode == 3
    assert name in told
    assert "still there" in told
    cluster.pg = psycopg.connect(cluster.database_url, autocommit=True, row_factory=dict_row)
    assert lomi("e2e", "--clean").code == 0
    found = cluster.remains()
    assert (found["users"], found["media"], found["objects"]) == (0, 0, [])


def test_no_cleaner_takes_the_users_of_a_load_that_is_at_work(cluster: Cluster, lomi: Lomi) -> None:
    with Database(cluster.database_url, size=2) as database:
        ids = [marked.user_id(database.now(), number) for number in range(3)]
        with rows.all_at_work(database, ids) as ours:
            assert ours
            for user_id in ids:
                rows.add_user(database, user_id)
            assert lomi("e2e", "--clean").code == 0
            assert set(rows.users(database)) == set(ids)
            with Database(cluster.database_url) as other, rows.all_at_work(other, [uuid.uuid4(), ids[2]]) as theirs:
                assert not theirs
        lomi("e2e", "--clean")
        assert rows.users(database) == ()


def test_a_decision_that_is_published_twice_is_counted_and_one_that_came_early_is_not_lost(cluster: Cluster) -> None:
    class Twice:
        """Two messages about one photo, one before its sender could tell, and one about a user's."""

        def __init__(self, *photos: uuid.UUID) -> None:
            self.said = [Heard("job", (photo,)) for photo in photos]

        def hear(self, timeout_s: float) -> Heard | None:
            return self.said.pop(0) if self.said else None

    mine, theirs = marked.any_id(7), uuid.uuid4()
    with Database(cluster.database_url) as database:
        tracker = Tracker(database, JobQueue(cluster.redis))
        tracker.listen(Twice(mine, theirs), 0)  # type: ignore[arg-type]
        tracker.add(Sent(marked.any_id(8), (Uploaded("k", mine),), 0.01, 0.0, 1, "job"))
        tracker.listen(Twice(mine), 0)  # type: ignore[arg-type]
    assert (tracker.decided, tracker.twice, tracker.open) == (1, 1, [])
