"""`lomi bench queue`: numbers from a real Redis, on keys of its own that are gone afterwards."""

from __future__ import annotations

import signal
from typing import cast

import pytest
import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.errors import RedisUnavailable
from lomi_ops.ops.bench.queue import QueueProbe
from lomi_ops.queue import scratch
from lomi_ops.queue.backup.plan import left_behind
from lomi_ops.queue.client import doorbell_client, queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.keys import QUEUE, Keys
from tests.integration.bench.conftest import Cluster, Lomi, at, figures, interrupt
from tests.integration.e2e.conftest import until
from tests.integration.queue.producer import element
from tests.services import running_redis


@pytest.fixture
def probe(redis_url: str) -> QueueProbe:
    section = RedisSection(url=redis_url)
    return QueueProbe(queue_client(section), doorbell_client(section), jobs=200, seconds=5, at_once=3)


def test_every_part_is_measured_and_no_key_remains(cluster: Cluster, lomi: Lomi) -> None:
    cluster.redis.lpush(QUEUE, b"somebody's job")
    before = cluster.every_key()

    said = lomi("bench", "queue", "--jobs", 300, "--yes", "-o", "json")

    assert (said.code, said.document["ok"], said.document["left"]) == (0, True, [])
    found = figures(said)
    assert set(found) == {
        "round_trip_p50", "round_trip_p99", "push_p95", "start_p50", "start_p99", "jobs_per_second",
    }  # fmt: skip
    assert all(value is not None and value > 0 for value in found.values())
    assert cluster.every_key() == before
    assert cluster.redis.lrange(QUEUE, 0, -1) == [b"somebody's job"]


def test_a_part_that_is_interrupted_is_cleaned_up(redis_url: str, probe: QueueProbe) -> None:
    for part in ("round trips", "pushes", "starts", "jobs"):
        with pytest.raises(KeyboardInterrupt):
            probe.run(at(part, interrupt))
        assert redis.Redis.from_url(redis_url).keys() == [], part
        assert probe.left == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_process_that_is_told_to_end_leaves_no_key(cluster: Cluster, number: int, code: int) -> None:
    with cluster.process("bench", "queue", "--jobs", 20_000, "--for", "60s", "--at-once", 1, "--yes") as running:
        until(lambda: cluster.redis.hlen(Keys().scratch), "it has begun")
        running.send_signal(number)
        assert running.wait(30) == code
    assert cluster.every_key() == []


def test_a_redis_that_dies_in_the_middle_is_named_and_what_remains_is_told() -> None:
    with running_redis() as server:
        section = RedisSection(url=server.url)
        probe = QueueProbe(queue_client(section), doorbell_client(section), jobs=200, seconds=5, at_once=3)
        with pytest.raises(RedisUnavailable) as broken:
            probe.run(at("jobs", lambda: server.stop(signal.SIGKILL)))
        assert str(server.port) in broken.value.message
        assert int(broken.value.exit_code) == 3
        assert [left.what for left in probe.left] == ["keys"]


def test_a_redis_that_is_away_is_exit_3_with_one_document(
    cluster: Cluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_REDIS_URL", "redis://127.0.0.1:1/0")

    said = lomi("bench", "queue", "--yes", "-o", "json")

    assert (said.code, said.document["exit_code"], said.document["ok"]) == (3, 3, False)
    assert "127.0.0.1:1" in said.document["error"]["message"]


def test_what_a_killed_run_has_left_is_removed_by_the_next_one_and_a_living_one_is_left_alone(
    redis_url: str, probe: QueueProbe
) -> None:
    client = redis.Redis.from_url(redis_url)
    now_ms = JobQueue(probe.client).now_ms()
    killed = scratch.begin(probe.client, "killed", jobs=3, slots=1, until_ms=now_ms - 1)
    living = scratch.begin(probe.client, "living", jobs=3, slots=1, until_ms=now_ms + 60_000)
    for each in (killed, living):
        queue = JobQueue(probe.client, keys=each.keys)
        client.lpush(each.keys.ready, element(job_id=each.job_id(0)), element(job_id=each.job_id(1)))
        queue.claim(each.slot(0), 1, "token")

    probe.run(lambda _: None)

    remaining = [key.decode() for key in cast("list[bytes]", client.keys())]
    assert not [key for key in remaining if key.startswith(killed.keys.ready)]
    assert [key for key in remaining if key.startswith(living.keys.ready)]
    assert client.hkeys(Keys().scratch) == [b"living"]


def test_nothing_is_done_on_a_cluster_without_a_word(cluster: Cluster, lomi: Lomi) -> None:
    said = lomi("bench", "queue")
    assert (said.code, said.err.splitlines()[-1]) == (5, "  try: lomi bench queue --yes")
    assert lomi("bench", "queue", "--dry-run").code == 0
    assert cluster.every_key() == []


def test_a_queue_that_may_fill_redis_is_refused(cluster: Cluster, lomi: Lomi) -> None:
    cluster.redis.config_set("maxmemory", 8_000_000)
    try:
        said = lomi("bench", "queue", "--jobs", 20_000, "--yes")
    finally:
        cluster.redis.config_set("maxmemory", 0)
    assert said.code == 5
    assert "may fill it" in said.err
    assert cluster.every_key() == []


def test_no_key_of_it_goes_into_a_backup_that_is_put_back() -> None:
    name = scratch.ScratchKeys(f"{Keys().scratch}:x")
    assert left_behind(Keys().scratch, Keys())
    assert left_behind(name.high, Keys())
