"""`lomi bench database`: numbers from a real Postgres, on marked rows that are gone afterwards."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from lomi_ops.config.schema import Settings
from lomi_ops.db import marked as rows
from lomi_ops.db.pool import Database
from lomi_ops.domain import marked
from lomi_ops.errors import DatabaseUnavailable
from lomi_ops.ops.bench.database import DatabaseProbe
from tests.integration.bench.conftest import Cluster, Lomi, at, decisions, figures, interrupt
from tests.integration.e2e.conftest import until


@pytest.fixture
def probe(cluster: Cluster) -> Iterator[DatabaseProbe]:
    with Database(cluster.database_url, size=4) as database:
        yield DatabaseProbe(database, Settings().active_policy("local"), "ada", batches=10, seconds=5, at_once=3)


def test_every_part_is_measured_and_no_row_remains_but_the_audits(cluster: Cluster, lomi: Lomi) -> None:
    before = cluster.remains()

    said = lomi("bench", "database", "--batches", 10, "--yes", "--as", "ada", "-o", "json")

    found = figures(said)
    assert said.document["left"] == []
    assert all(value is not None and value > 0 for value in found.values()), found
    assert {"upload_p95", "read_p95", "write_p95", "photos_per_minute"} <= set(found)
    assert said.code == (0 if all(f["met"] is not False for f in said.document["figures"]) else 1)
    assert cluster.remains() == before
    assert decisions(cluster) == 0
    (entry,) = cluster.pg.execute("SELECT actor, action, reason FROM lomi.audit").fetchall()
    assert entry == {"actor": "ada", "action": "bench", "reason": "lomi bench database"}


def test_a_part_that_is_interrupted_is_cleaned_up(cluster: Cluster, probe: DatabaseProbe) -> None:
    before = cluster.remains()
    for part in ("round trips", "uploads", "batches, one by one", "batches at once", "reads"):
        with pytest.raises(KeyboardInterrupt):
            probe.run(at(part, interrupt))
        assert (cluster.remains(), decisions(cluster), probe.left) == (before, 0, []), part


def test_a_process_that_is_told_to_end_leaves_no_row(cluster: Cluster) -> None:
    before = cluster.remains()
    with cluster.process("bench", "database", "--batches", 2000, "--for", "60s", "--yes") as running:
        until(lambda: cluster.remains()["media"], "it has begun")
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 143
    assert (cluster.remains(), decisions(cluster)) == (before, 0)


def test_a_postgres_that_goes_away_in_the_middle_is_named_and_what_remains_is_told_and_swept_by_the_next_run(
    cluster: Cluster, probe: DatabaseProbe, postgres_server: str
) -> None:
    before, name = cluster.remains(), cluster.database_url.rsplit("/", 1)[1]
    admin = psycopg.connect(postgres_server, autocommit=True)

    def close() -> None:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

    with admin:
        with pytest.raises(DatabaseUnavailable) as broken:
            probe.run(at("batches at once", close))
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
    assert name in broken.value.message
    assert [left.what for left in probe.left] == ["jobs of the ledger", "rows of the decision log", "user"]
    cluster.pg.close()
    cluster.pg = psycopg.connect(cluster.database_url, autocommit=True, row_factory=dict_row)
    assert cluster.remains() != before

    DatabaseProbe(probe.database, probe.policy, "ada", batches=2, seconds=5, at_once=2).run(lambda _: None)

    assert (cluster.remains(), decisions(cluster)) == (before, 0)


def test_a_user_of_a_run_of_e2e_is_not_swept_whose_jobs_may_still_wait(
    cluster: Cluster, probe: DatabaseProbe, lomi: Lomi, tmp_path: Path
) -> None:
    lomi("e2e", 1, cluster.photo("a"), "--keep", "--timeout", "0.1")
    before = cluster.remains()

    probe.run(lambda _: None)

    assert cluster.remains() == before


def test_decisions_of_users_who_are_not_ours_cannot_be_forgotten_by_it(cluster: Cluster, probe: DatabaseProbe) -> None:
    cluster.pg.execute(
        "INSERT INTO lomi.decisions (at, media_id, user_id, job_id, actor, status)"
        " SELECT now(), gen_random_uuid(), '00000000-0000-4000-8000-000000000001', 'j', 'worker', 'approved'"
    )
    theirs = cluster.pg.execute("SELECT user_id FROM lomi.decisions").fetchone()
    assert theirs is not None
    assert rows.forget_decisions(probe.database, [theirs["user_id"]]) == 0
    assert decisions(cluster) == 1


def test_a_role_that_may_not_delete_decisions_leaves_them_marked_and_says_so(
    cluster: Cluster, probe: DatabaseProbe
) -> None:
    cluster.pg.execute(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE insufficient_privilege; END$$"
    )
    cluster.pg.execute("CREATE TRIGGER no BEFORE DELETE ON lomi.decisions FOR EACH STATEMENT EXECUTE FUNCTION no()")
    outcome = probe.run(lambda _: None)
    assert [left.what for left in outcome.left] == ["rows of the decision log"]
    kept = cluster.pg.execute("SELECT DISTINCT user_id, media_id FROM lomi.decisions").fetchall()
    assert kept
    assert all(marked.is_marked(row["user_id"]) and marked.is_marked(row["media_id"]) for row in kept)


def test_nothing_is_done_without_a_word_and_without_a_schema(cluster: Cluster, lomi: Lomi) -> None:
    before = cluster.remains()
    assert lomi("bench", "database").code == 5
    assert lomi("bench", "database", "--dry-run").code == 0
    cluster.pg.execute("DROP SCHEMA lomi CASCADE")
    said = lomi("bench", "database", "--yes")
    assert (said.code, said.err.splitlines()[-1]) == (5, "  try: lomi migrate apply")
    assert cluster.remains() == {k: v for k, v in before.items() if not k.startswith("lomi.")}
