"""How well the cluster has worked, with days on which it did not."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
import redis

from lomi_ops.queue.keys import Keys
from tests.integration.ops.checks.conftest import Find, assert_only, detail, value
from tests.integration.ops.conftest import Sound, statuses, troubled
from tests.integration.ops.old_cluster import OldCluster, scores


def decide(cluster: OldCluster, number: int, status: str, ms: int, *, hours_ago: float = 1) -> None:
    """Rows of the decision log, as a worker of ours leaves them."""
    with cluster.sql() as pg:
        for _ in range(number):
            pg.execute(
                "INSERT INTO lomi.decisions (media_id, user_id, job_id, status, actor, at, processing_ms)"
                " VALUES (%s, %s, %s, %s, 'worker', now() - %s * interval '1 hour', %s)",
                (uuid.uuid4(), cluster.user, str(uuid.uuid4()), status, hours_ago, ms),
            )


@pytest.mark.parametrize(("failed", "status"), [(0, "pass"), (1, "warn"), (3, "warn")])
def test_a_share_of_photos_that_cannot_be_judged_is_a_warning(
    sound: Sound, find: Find, failed: int, status: str
) -> None:
    decide(sound.cluster, 100 - failed, "approved", 200)
    decide(sound.cluster, failed, "failed", 200)

    said = find()

    assert statuses(said)["rates.errors"] == status
    assert troubled(said) == ({"rates.errors": "warn"} if failed else {})
    assert value(said, "rates.errors") == failed / 100


def test_a_few_photos_say_nothing_and_yesterdays_do_not_count(sound: Sound, find: Find) -> None:
    decide(sound.cluster, 5, "failed", 200)
    decide(sound.cluster, 200, "failed", 9000, hours_ago=25)

    said = find()

    assert troubled(said) == {}
    assert detail(said, "rates.errors") == "5 photos decided in 24 h: too few to tell"


def test_slow_photos_are_a_warning(sound: Sound, find: Find) -> None:
    decide(sound.cluster, 10, "approved", 1000)
    decide(sound.cluster, 10, "approved", 4000)

    said = find()

    assert_only(said, "rates.time", "warn")
    assert detail(said, "rates.time") == "2.50 s per photo in 24 h"


def test_what_old_workers_did_is_read_off_the_photos(old: OldCluster, find: Find) -> None:
    for _ in range(30):
        old.photo("approved", None, scores() | {"processing_time_ms": 5000}, batch=uuid.uuid4())
    for _ in range(2):
        old.photo("failed", "unreadable", None, batch=uuid.uuid4(), ago=timedelta(hours=2))

    said = find("--only", "rates")

    assert (statuses(said)["rates.errors"], statuses(said)["rates.time"]) == ("warn", "warn")
    assert detail(said, "rates.errors") == "2 of 32 photos could not be judged in 24 h, 6.25 %"


def test_old_workers_beside_a_schema_of_ours_that_is_empty_yet_are_read_off_the_photos(
    cluster: OldCluster, find: Find
) -> None:
    """After `lomi migrate apply`, before the first worker is swapped."""
    for _ in range(30):
        cluster.photo("approved", None, scores(), batch=uuid.uuid4())

    said = find("--only", "rates")

    assert detail(said, "rates.errors") == "0 of 30 photos could not be judged in 24 h, 0 %"


Sample = Callable[..., None]


@pytest.fixture
def sample(client: redis.Redis) -> Sample:
    """What the reaper noted some minutes ago."""

    def note(minutes_ago: float, **counters: int) -> None:
        seconds, _ = client.time()
        fields = dict.fromkeys(("inside", "finished", "buried", "withdrawn", "dropped", "requeued"), 0) | counters
        client.xadd(Keys().samples, fields, id=f"{int((seconds - minutes_ago * 60) * 1000)}-0")  # type: ignore[arg-type]

    return note


def test_a_queue_that_only_grows_is_a_warning(sound: Sound, client: redis.Redis, sample: Sample, find: Find) -> None:
    sample(5, inside=0, finished=0)
    client.hset(Keys().stats, "finished", 10)
    for _ in range(40):
        sound.cluster.push(sound.cluster.job(uuid.uuid4(), [uuid.uuid4()]))

    said = find()

    assert troubled(said) == {"queue.backlog": "warn", "rates.throughput": "warn"}
    assert detail(said, "rates.throughput").endswith("40 wait, it does not get less")


def test_a_wave_that_passes_is_none(sound: Sound, client: redis.Redis, sample: Sample, find: Find) -> None:
    sample(5, inside=200, finished=0)
    client.hset(Keys().stats, "finished", 170)
    for _ in range(30):
        sound.cluster.push(sound.cluster.job(uuid.uuid4(), [uuid.uuid4()]))

    said = find()

    assert troubled(said) == {"queue.backlog": "warn"}
    assert statuses(said)["rates.throughput"] == "pass"


def test_without_samples_nobody_can_say(sound: Sound, find: Find) -> None:
    assert detail(find(), "rates.throughput") == "no worker has sampled the queue in the last ten minutes"
