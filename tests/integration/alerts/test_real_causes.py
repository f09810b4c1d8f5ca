"""What the queue, the record, the registry, the object store and the backups tell when something is wrong with them:
each rule fires on it, alone. Rules whose cause takes a worker or a service of its own are in test_real_faults.py and
test_blind.py."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from lomi_ops.clients.objects import open_store
from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.services import ObjectsSection, RedisSection
from lomi_ops.db.pool import Database
from lomi_ops.domain.alert_rules import SLUGS
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.tally import WRITE, Tally
from lomi_ops.ops.measuring.look import Handles, measure
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.workers import WorkerRegistry
from tests.doubles.receiver import Receiver
from tests.integration.alerts.conftest import Desk, section, webhook
from tests.integration.ops.conftest import client, cluster, point, registry, worker  # noqa: F401
from tests.integration.ops.old_cluster import OldCluster, scores
from tests.integration.queue.conftest import LOST_CONNECTION, POISON, Bench
from tests.services import running_redis

ELSEWHERE = {"postgres_down", "compreface_down", "workers_none", "queue_backlog", "rejections"}
WORKERS = 4
JOB = b'{"job_id": "%d"}'


@dataclass
class World:
    """All is well at first: there are workers, and a young backup."""

    cluster: OldCluster
    bench: Bench
    registry: WorkerRegistry
    desk: Desk
    handles: Handles
    backup: Path

    def look(self) -> set[str]:
        """Rules that fire."""
        self.desk.hold(measure(self.handles, patience_s=60))
        return self.desk.firing


@pytest.fixture
def world(
    cluster: OldCluster,  # noqa: F811
    registry: WorkerRegistry,  # noqa: F811
    receiver: Receiver,
    tmp_path: Path,
) -> Iterator[World]:
    backup = tmp_path / "nightly.dump"
    backup.write_text("x")
    settings = Settings.model_validate({"checks": {"workers": WORKERS}, "backup": {"file": backup}})
    for number in range(WORKERS):
        registry.register(worker(f"b{number}"))
    with (
        closing(Bench(cluster.redis_url)) as bench,
        Database(cluster.database_url) as database,
        closing(open_store(ObjectsSection(directory=cluster.objects))) as objects,
    ):
        bench.reap()  # the first sample of what is counted
        desk = Desk(database, section({"ops": webhook(receiver)}))
        yield World(cluster, bench, registry, desk, Handles(settings, bench.client, database, objects), backup)


Cause = Callable[[World], None]
CAUSES: dict[str, Cause] = {}


def cause(function: Cause) -> Cause:
    CAUSES[function.__name__] = function
    return function


@cause
def redis_down(world: World) -> None:
    with running_redis() as server:
        gone = queue_client(RedisSection.model_validate({"url": server.url}))
        gone.ping()
    world.handles = replace(world.handles, redis=gone)


@cause
def objects_down(world: World) -> None:
    shutil.rmtree(world.cluster.objects)


@cause
def workers_missing(world: World) -> None:
    world.registry.deregister("b0")


@cause
def workers_failing(world: World) -> None:
    world.registry.register(worker("bad"))
    for number in range(3):
        world.bench.push(JOB % number)
        world.bench.queue.fail(world.bench.take("bad/0"), LOST_CONNECTION)


@cause
def jobs_stuck(world: World) -> None:
    world.bench.push(JOB % 1)
    held = world.bench.take("b0/0")
    two_hours_ago = world.bench.queue.now_ms() - 7_200_000
    world.bench.client.hset(world.bench.keys.job(held.job_id), "claimed_ms", two_hours_ago)


@cause
def photos_pending(world: World) -> None:
    with world.cluster.sql() as pg:
        pg.execute(
            "INSERT INTO media (user_id, media_type, url, moderation_status, batch_id)"
            " SELECT %s, 'photo', 'x', 'pending', gen_random_uuid() FROM generate_series(1, 501)",
            (world.cluster.user,),
        )


@cause
def upstream_limited(world: World) -> None:
    world.bench.queue.hold("objects", 60, "slow down", throttled=True)


@cause
def batches_failing(world: World) -> None:
    with world.cluster.sql() as pg:
        pg.execute(
            "INSERT INTO lomi.jobs (job_id, batch_id, user_id, telegram_id, media_ids, opened_at, settled_at, took_ms)"
            " SELECT n, gen_random_uuid(), gen_random_uuid(), 1, '{}', now(), now(), 1 FROM generate_series(1, 9) AS n"
        )
        pg.execute("INSERT INTO lomi.job_ends (job_id, entry, what, at) VALUES ('d', '1', 'dead', now())")


@cause
def database_slow(world: World) -> None:
    world.bench.push(JOB % 1)
    held, tally = world.bench.take("b0/0"), Tally()
    tally.time(0.4, WRITE)
    world.bench.queue.finish(held.job_id, held.token, b"", str(tally))


@cause
def duplicates(world: World) -> None:
    for number in range(11):
        world.bench.push(JOB % number)
        held = world.bench.take("b0/0")
        world.bench.queue.finish(held.job_id, held.token, b"")
        world.bench.push(JOB % number)
        world.bench.claim("b0/0")


@cause
def results_unheard(world: World) -> None:
    world.bench.push(JOB % 1)
    held = world.bench.take("b0/0")
    world.bench.queue.finish(held.job_id, held.token, b"nobody hears this")


@cause
def storage_errors(world: World) -> None:
    world.bench.push(JOB % 1)
    world.bench.queue.fail(world.bench.take("b0/0"), Failure(ErrorClass.OUTAGE, "objects", "it is gone", 600))


@cause
def dead_letters(world: World) -> None:
    world.bench.push(JOB % 1)
    world.bench.queue.fail(world.bench.take("b0/0"), POISON)


@cause
def backup_none(world: World) -> None:
    world.backup.unlink()


@cause
def backup_old(world: World) -> None:
    two_days_ago = time.time() - 2 * 86400
    os.utime(world.backup, (two_days_ago, two_days_ago))


@cause
def review_age(world: World) -> None:
    world.cluster.photo("pending", "needs_review", scores(), batch=uuid.uuid4(), ago=timedelta(hours=13))


@pytest.mark.parametrize("rule", CAUSES)
def test_a_rule_fires_alone_when_its_cause_is_made_real(world: World, receiver: Receiver, rule: str) -> None:
    assert world.look() == set()
    CAUSES[rule](world)
    assert world.look() == {rule}
    assert [(each.body["rule"], each.body["notice"]) for each in receiver.got] == [(rule, "firing")]


def test_every_rule_has_a_cause_that_is_made_real() -> None:
    assert CAUSES.keys() | ELSEWHERE == set(SLUGS)
