"""A worker judges by what is activated in Postgres, and by the last it knew while that is away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.db import activations
from lomi_ops.db.pool import Database
from lomi_ops.domain.finding import Label
from lomi_ops.domain.policy import Policy, Requirement, Zones
from lomi_ops.domain.regime import Arm
from lomi_ops.errors import ConfigError, DatabaseUnavailable, LomiError
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.workers import WorkerRegistry
from tests.integration.worker.conftest import Cluster, MakeBench, settings_of
from tests.integration.worker.test_worker import Start, is_ready, start, until  # noqa: F401 - a fixture
from worker.policies import Policies

AT = datetime(2026, 11, 20, tzinfo=UTC)
ALL = frozenset(Requirement)
LOCAL = settings_of().active_policy()
SHARP = replace(LOCAL, name="sharp", version=2, blur=replace(LOCAL.blur, reject_below=5000, review_below=6000,
                                                              face_sharp_at=9000))  # fmt: skip


@pytest.fixture
def db(cluster: Cluster) -> Iterator[Database]:
    with Database(cluster.database_url, application="test", size=2, connect_timeout_s=2) as handle:
        yield handle


def activate(db: Database, *policies: Policy, shadows: tuple[Policy, ...] = ()) -> int:
    arms = [Arm(policy, 1 / len(policies)) for policy in policies]
    return activations.activate(db, arms, shadows, actor="hana", reason="a test", at=AT).id


def logged(cluster: Cluster, media_id: UUID) -> dict[str, Any]:
    row = cluster.pg.execute("SELECT * FROM lomi.decisions WHERE media_id = %s", [media_id]).fetchone()
    assert row is not None
    return row


def test_without_an_activation_the_configuration_holds(db: Database) -> None:
    found = Policies(db, LOCAL, ALL)
    found.look()

    assert (found.regime.title, found.regime.activation) == ("local@1", 0)


def test_the_latest_activation_holds_until_it_is_taken_back(db: Database) -> None:
    found = Policies(db, LOCAL, ALL)
    first = activate(db, SHARP)
    found.look()
    assert (found.regime.policies, found.regime.activation) == ((SHARP,), first)

    activations.roll_back(db, actor="hana", reason="too sharp", at=AT)
    found.look()
    assert found.regime.policies == (LOCAL,)
    assert found.regime.activation == 0


def test_while_the_database_is_away_the_last_that_was_known_holds(
    db: Database, cluster: Cluster, postgres_server: str
) -> None:
    found = Policies(db, LOCAL, ALL)
    activate(db, SHARP)
    found.look()
    name = cluster.database_url.rsplit("/", 1)[1]
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [name],
        )
        with pytest.raises(DatabaseUnavailable):
            found.look()
        assert found.rule(UUID(int=1)).policy == SHARP
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    found.look()
    assert found.rule(UUID(int=1)).policy == SHARP


def test_an_activation_that_cannot_be_read_leaves_what_was_known(db: Database, cluster: Cluster) -> None:
    found = Policies(db, LOCAL, ALL)
    activate(db, SHARP)
    found.look()
    cluster.pg.execute(
        "INSERT INTO lomi.policy_activations (at, actor, reason, arms) VALUES (now(), 'x', 'y', '[{\"share\": 1}]')"
    )

    with pytest.raises(LomiError, match="cannot read"):
        found.look()
    assert found.regime.policies == (SHARP,)


def test_a_schema_of_before_is_no_reason_to_stop(db: Database, cluster: Cluster) -> None:
    cluster.pg.execute("DROP TABLE lomi.policy_activations")
    found = Policies(db, LOCAL, ALL)
    found.look()

    assert found.regime.policies == (LOCAL,)


def test_what_a_worker_cannot_answer_becomes_required_so_that_nothing_is_approved_unseen(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    lax = replace(SHARP, requires=frozenset({Requirement.BLUR}), nsfw={Label.PORN: Zones(0.3, 0.6)})
    found = Policies(db, LOCAL, frozenset({Requirement.BLUR, Requirement.FACES}))
    activate(db, lax)
    found.look()

    assert found.regime.policies[0].requires == {Requirement.BLUR, Requirement.NSFW}
    assert "cannot answer: its photos go to a person" in caplog.text
    with pytest.raises(ConfigError, match="needs nsfw"):
        found.require_served()

    activate(db, replace(LOCAL, requires=lax.requires, nsfw={}, version=3), shadows=(lax,))
    found.look()
    assert Requirement.NSFW in found.regime.shadows[0].requires, "a shadow does not approve unseen either"


def test_a_slot_judges_each_job_by_what_holds_then_and_keeps_it_with_the_decision(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes, db: Database
) -> None:
    bench = make_bench()
    policies = Policies(db, LOCAL, ALL)
    bench.slot.rules = policies.rule
    before, after = cluster.upload([portrait]), cluster.upload([portrait])
    bench.moderate(before)
    number = activate(db, SHARP, shadows=(LOCAL,))
    policies.look()
    bench.moderate(after)

    assert cluster.standing(before) == [("approved", None)]
    assert cluster.standing(after) == [("rejected", "blurry")]
    first, second = logged(cluster, before.media[0]), logged(cluster, after.media[0])
    assert (first["policy"], first["shadows"]) == ("local@1", None)
    assert "activation" not in first["thresholds"]
    assert (second["policy"], second["thresholds"]["activation"]) == ("sharp@2", number)
    assert second["shadows"] == [{"policy": "local@1", "outcome": "approve", "reason": None}]


def test_an_arm_keeps_the_other_one_beside_its_decision(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes, db: Database
) -> None:
    bench = make_bench()
    policies = Policies(db, LOCAL, ALL)
    bench.slot.rules = policies.rule
    activate(db, LOCAL, SHARP)
    policies.look()
    upload = cluster.upload([portrait])
    bench.moderate(upload)

    found = logged(cluster, upload.media[0])
    mine = policies.rule(UUID(upload.job["user_id"]))
    assert found["policy"] == mine.policy.ref
    assert [guard["name"] for guard in found["thresholds"]["guards"]] == [guard.name for guard in mine.guards]


def test_a_running_worker_takes_an_activation_and_its_rollback_without_a_restart(
    start: Start,  # noqa: F811
    cluster: Cluster,
    portrait: bytes,
    tmp_path: Path,
    db: Database,
) -> None:
    running = start(worker={"beat_s": 0.2})
    until(lambda: is_ready(tmp_path))
    client = queue_client(RedisSection.model_validate({"url": cluster.redis_url}))

    def registered() -> tuple[str, int | None]:
        (record,) = WorkerRegistry(client).list()
        return record.info.policy, record.info.activation

    assert registered() == ("local@1", 0)
    number = activate(db, SHARP)
    until(lambda: registered() == ("sharp@2", number))
    upload = cluster.upload([portrait])
    cluster.push(upload)
    until(lambda: cluster.standing(upload) == [("rejected", "blurry")])
    activations.roll_back(db, actor="hana", reason="too sharp", at=AT)
    until(lambda: registered() == ("local@1", 0))

    assert running.stop() == 0
    client.close()


def test_a_worker_does_not_start_by_an_activation_that_it_could_never_serve(
    start: Start,  # noqa: F811
    db: Database,
) -> None:
    activate(db, replace(LOCAL, name="aged", requires=ALL))
    failure = start().ended()

    assert isinstance(failure, ConfigError)
    assert "needs age" in failure.message
