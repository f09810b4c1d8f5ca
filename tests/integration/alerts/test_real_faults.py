"""Real causes on a real stack with workers: a rule fires when its cause is made real, and is over when that is mended.
Only the clock of the looks is the test's."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from lomi_ops.clients.compreface.pool import FaceService
from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.services import CompreFaceSection
from lomi_ops.db.pool import Database
from lomi_ops.ops.measuring.look import Handles, measure
from tests.chaos.stub_worker import photo
from tests.chaos.uploads import _Maker
from tests.doubles.compreface.server import CompreFaceDouble
from tests.doubles.receiver import Receiver
from tests.integration.alerts.conftest import Desk, section, webhook
from tests.integration.e2e.conftest import Cluster, Start, until
from tests.services import free_port

LIST = "photo_moderation_queue"


@dataclass
class Watched:
    """A desk whose numbers are those of the cluster."""

    cluster: Cluster
    desk: Desk
    handles: dict[str, Any] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)

    def look(self, *, passed_s: float = 900) -> None:
        handles = Handles(self.settings, self.cluster.redis, self.desk.database, self.cluster.store, **self.handles)
        measured = measure(handles, patience_s=60)
        assert measured.silent.keys() <= {"compreface"}
        self.desk.hold(measured, passed_s=passed_s)

    @property
    def firing(self) -> set[str]:
        return self.desk.firing


@pytest.fixture
def watched(cluster: Cluster, receiver: Receiver) -> Iterator[Watched]:
    with Database(cluster.database_url) as database:
        yield Watched(cluster, Desk(database, section({"ops": webhook(receiver)})))


@contextmanager
def told(watched: Watched, receiver: Receiver, rule: str) -> Iterator[None]:
    """The rule is well before; inside it fires; at the end it is told to be over, once each."""
    watched.look()
    assert watched.firing == set()
    yield
    watched.look()
    assert watched.firing == set()
    assert [each.body["notice"] for each in receiver.got if each.body["rule"] == rule] == ["firing", "resolved"]


def test_a_queue_that_is_filled(watched: Watched, cluster: Cluster, receiver: Receiver) -> None:
    with told(watched, receiver, "queue_backlog"):
        cluster.redis.lpush(LIST, *(f'{{"job_id": "{number}"}}' for number in range(60)))
        watched.look()
        assert watched.firing == {"queue_backlog"}
        assert receiver.got[0].body["sentence"] == "60 jobs wait in the queue, more than 50"
        cluster.redis.delete(LIST)


def test_a_compreface_that_is_down(watched: Watched, receiver: Receiver) -> None:
    port = free_port()
    section_ = CompreFaceSection(urls=(f"http://127.0.0.1:{port}",), mode="core")
    with FaceService(section_) as faces, CompreFaceDouble(core_port=port):
        watched.handles = {"faces": faces}
        watched.look()
    assert watched.firing == set()
    with FaceService(section_) as faces:
        watched.handles = {"faces": faces}
        watched.look()
    assert watched.firing == {"compreface_down"}
    with FaceService(section_) as faces, CompreFaceDouble(core_port=port):
        watched.handles = {"faces": faces}
        watched.look()
    assert watched.firing == set()
    assert [each.body["notice"] for each in receiver.got] == ["firing", "resolved"]


def test_workers_that_are_killed(watched: Watched, receiver: Receiver, start: Start) -> None:
    watched.settings = Settings.model_validate({"checks": {"workers": 1}, "worker": {"lease_s": 5, "beat_s": 1}})
    with start() as worker, told(watched, receiver, "workers_none"):
        worker.stop(signal.SIGKILL)
        until(lambda: not _running(watched), "nobody believes that it is at work")
        watched.look()
        assert "workers_none" in watched.firing
        assert "workers_missing" not in watched.firing, "one cause, one incident"
        assert "1 worker fewer than there should be" in receiver.got[0].body["follows"]
        with start():
            until(lambda: _running(watched), "another one is at work")
            watched.look(passed_s=60)
            _forget_the_dead(watched)
            watched.look()


def test_rejections_that_are_forced(watched: Watched, cluster: Cluster, receiver: Receiver, start: Start) -> None:
    with psycopg.connect(cluster.database_url) as connection:
        connection.execute(
            "INSERT INTO lomi.decisions (at, media_id, user_id, job_id, actor, status_before, status)"
            " SELECT now() - interval '2 days', gen_random_uuid(), gen_random_uuid(), 'j', 'worker', 'pending',"
            " 'approved' FROM generate_series(1, 400)"
        )
    client: Any = cluster.redis
    listening = client.pubsub()
    listening.subscribe("moderation_results")
    with closing(listening), start(), told(watched, receiver, "rejections"):
        _judged(cluster, ["porn"] * 9, batches=4)
        watched.look()
        assert watched.firing == {"rejections"}
        assert receiver.got[0].body["sentence"].startswith("100 % of the photos of the last hour were rejected")
        _judged(cluster, ["good"] * 9, batches=14)


def _judged(cluster: Cluster, sights: list[str], *, batches: int) -> None:
    """Photos that the backend uploads and a worker judges."""
    maker = _Maker(batches, lambda sight, _: photo(sight, 1), {}, 9)
    raws = [maker.add(maker.batch(sights=sights)).raw for _ in range(batches)]
    maker.made.store(cluster.objects)
    maker.made.insert(cluster.database_url)
    cluster.redis.lpush(LIST, *raws)
    wanted = "SELECT count(*) AS n FROM media WHERE moderation_status = 'pending'"
    until(lambda: (cluster.pg.execute(wanted).fetchone() or {})["n"] == 0, "all are judged")


def _running(watched: Watched) -> bool:
    measured = measure(Handles(watched.settings, watched.cluster.redis), patience_s=60)
    return measured.get("lomi_workers", state="running") == 1


def _forget_the_dead(watched: Watched) -> None:
    """What is silent is forgotten after a while; here at once."""
    from lomi_ops.queue.workers import WorkerRegistry

    registry = WorkerRegistry(watched.cluster.redis)
    oldest = max(registry.list(), key=lambda record: record.beat_age_s)
    registry.deregister(oldest.info.boot)
