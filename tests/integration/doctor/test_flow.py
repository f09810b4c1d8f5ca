"""Photos that stay pending, and results that nobody hears: each thing really broken."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.workers import WorkerInfo, WorkerRegistry
from tests.commands import Lomi, Said
from tests.integration.ops.black_hole import black_hole
from tests.integration.ops.old_cluster import QUEUE, OldCluster
from tests.services import free_port

HOUR = timedelta(hours=1)


@pytest.fixture
def queue(redis_url: str) -> Iterator[JobQueue]:
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    WorkerRegistry(client).register(WorkerInfo("b1", "host-1", 77, "0.1.0", 1))
    yield JobQueue(client, attempts=1)
    client.close()


def found(said: Said) -> dict[str, dict[str, Any]]:
    return {finding["id"]: finding for finding in said.document["findings"]}


def test_a_flow_that_is_well_is_said_to_be(cluster: OldCluster, listener: None, queue: JobQueue, lomi: Lomi) -> None:
    said = lomi("doctor", "flow", "-o", "json")

    assert (said.code, said.document["ok"], said.document["next"], said.document["findings"]) == (0, True, "", [])
    assert lomi("doctor", "flow").out == "nothing is wrong: flow\n"


def test_rows_of_the_old_endpoint_are_pending_with_an_empty_queue(old: OldCluster, listener: None, lomi: Lomi) -> None:
    for _ in range(3):
        old.photo(ago=HOUR)

    said = lomi("doctor", "flow", "-o", "json")

    assert said.code == 1
    assert found(said).keys() == {"flow.never_queued"}
    assert found(said)["flow.never_queued"]["seen"] == "3 photos pending with the zero UUID as batch"
    assert lomi("doctor", "flow").out.splitlines()[0] == "run next: lomi reconcile --dry-run"


def test_photos_whose_job_is_gone_are_told_from_those_on_their_way(old: OldCluster, listener: None, lomi: Lomi) -> None:
    lost, queued = uuid.uuid4(), uuid.uuid4()
    old.photo(batch=lost, ago=HOUR)
    on_its_way = old.photo(batch=queued, ago=HOUR)
    old.push(old.job(queued, [on_its_way]))

    said = lomi("doctor", "flow", "-o", "json")

    assert found(said).keys() == {"flow.lost"}
    assert found(said)["flow.lost"]["seen"] == "1 photo pending, and no job in the queue names them"


def test_photos_in_review_are_explained(old: OldCluster, listener: None, lomi: Lomi) -> None:
    old.photo(reason="needs_review", batch=uuid.uuid4(), ago=HOUR)

    said = lomi("doctor", "flow", "-o", "json")

    assert said.code == 0
    assert found(said)["flow.in_review"]["gravity"] == "note"


def test_a_dead_letter_is_told_by_its_code(
    cluster: OldCluster, client: redis.Redis, listener: None, queue: JobQueue, lomi: Lomi
) -> None:
    from lomi_ops.domain.attempt import ErrorClass, Failure
    from lomi_ops.queue.replies import Claimed

    client.lpush(QUEUE, "not json")
    held = queue.claim("b1/0", 1, "t1")
    assert isinstance(held, Claimed)
    queue.fail(held, Failure(ErrorClass.POISON, "not_json", "this is no job"))

    said = lomi("doctor", "flow", "-o", "json")

    assert said.document["next"] == "lomi queue dead"
    assert found(said)["flow.dead"]["seen"] == "1 dead letter: 1 not_json"


def test_a_paused_queue_and_a_held_upstream_are_told(
    cluster: OldCluster, listener: None, queue: JobQueue, lomi: Lomi
) -> None:
    queue.pause("Hana", "deploy")
    queue.hold("faces", 60, "no answer")
    cluster.push(cluster.job(cluster.user, [cluster.user], ago=HOUR))

    said = lomi("doctor", "flow", "-o", "json")

    assert said.document["next"] == "lomi queue resume"
    assert found(said).keys() == {"flow.paused", "flow.held"}


def test_jobs_that_nobody_takes_are_a_backlog(old: OldCluster, listener: None, lomi: Lomi) -> None:
    old.push(old.job(uuid.uuid4(), [uuid.uuid4()], ago=HOUR))

    said = lomi("doctor", "-o", "json")

    assert said.code == 1
    assert found(said)["workers.none"]["seen"] == "no worker is to be seen, and 1 job waits, the next one for 60 min"
    assert found(said)["flow.backlog"]["next"] == "lomi doctor workers"


def test_results_that_nobody_heard_are_told(cluster: OldCluster, queue: JobQueue, lomi: Lomi) -> None:
    queue.announce("m1", b"{}")

    said = lomi("doctor", "flow", "-o", "json")

    assert found(said).keys() == {"flow.unheard"}
    assert found(said)["flow.unheard"]["seen"].startswith("1 result was published and not heard")


def test_a_channel_without_listeners_is_told_before_anything_is_lost(old: OldCluster, lomi: Lomi) -> None:
    assert found(lomi("doctor", "flow", "-o", "json")).keys() == {"flow.listeners"}


def test_a_redis_that_is_gone_is_one_cause_and_the_rest_is_still_looked_at(
    old: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_REDIS_URL", f"redis://127.0.0.1:{free_port()}")

    said = lomi("doctor", "-o", "json")

    assert said.code == 1
    assert [each["id"] for each in said.document["findings"] if each["gravity"] == "wrong"] == ["flow.redis"]
    assert said.document["next"] == "lomi check --only redis"


def test_a_postgres_that_refuses_us_is_told_without_the_password(
    old: OldCluster, listener: None, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = urlsplit(old.database_url)
    monkeypatch.setenv("LOMI_DATABASE_URL", f"postgresql://lomi:wrong-canary@{place.hostname}:{place.port}{place.path}")

    said = lomi("doctor", "flow", "-o", "json")

    assert found(said)["flow.postgres"]["gravity"] == "wrong"
    assert "canary" not in said.out + said.err


def test_services_that_never_answer_leave_it_open(old: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch) -> None:
    with black_hole() as hole:
        for name, value in {
            "LOMI_REDIS_URL": f"redis://127.0.0.1:{hole.port}",
            "LOMI_REDIS__TIMEOUT_S": "4.5",
            "LOMI_REDIS__DOORBELL_S": "1",
            "LOMI_DATABASE_URL": f"postgresql://u:p@127.0.0.1:{hole.port}/x?sslmode=disable",
            "LOMI_DATABASE__CONNECT_TIMEOUT_S": "2",
        }.items():
            monkeypatch.setenv(name, value)
        said = lomi("doctor", "-o", "json")

    assert said.code == 3
    assert {each["gravity"] for each in said.document["findings"]} <= {"unknown", "note"}


def test_looking_changes_nothing_on_a_cluster_of_old_workers(old: OldCluster, listener: None, lomi: Lomi) -> None:
    old.photo(ago=HOUR)
    before = old.picture()

    lomi("doctor")

    assert old.picture() == before


def test_the_exit_code_is_the_same_in_every_format(old: OldCluster, listener: None, lomi: Lomi) -> None:
    old.photo(ago=HOUR)

    said = {format_: lomi("doctor", "flow", "-o", format_) for format_ in ("text", "json", "jsonl")}

    assert {each.code for each in said.values()} == {1}
    assert said["jsonl"].records == said["json"].document["findings"]
    assert said["json"].document["schema"] == "lomi.doctor/v1"
