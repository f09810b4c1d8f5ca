"""A whole worker inside the test: its start, its slots, its end. Signals are told to it as the relay would."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.services import DatabaseSection, RedisSection
from lomi_ops.db import level, media
from lomi_ops.db.level import SchemaTooNew
from lomi_ops.db.pool import Database
from lomi_ops.errors import ConfigError, LomiError, ModelError, RedisUnavailable
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import WorkerMode
from lomi_ops.queue.workers import WorkerRegistry
from tests.doubles.compreface import CompreFaceDouble
from tests.integration.ops.roles import WORK, Roles
from tests.integration.worker.conftest import BUCKET, Cluster, settings_of
from tests.services import free_port
from worker import health
from worker.judging.host import JudgingProcess
from worker.run import READY_LINE, Worker


@dataclass
class Running:
    """A worker in a thread of its own, which starts its judging processes and outlives them."""

    worker: Worker
    result: list[Any] = field(default_factory=list)
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.result.append(self.worker.run())
        except LomiError as failure:
            self.result.append(failure)

    def stop(self) -> Any:
        self.worker.on_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> Any:
        self.thread.join(60)
        assert not self.thread.is_alive()
        return self.result[0]


Start = Callable[..., Running]


@pytest.fixture
def start(cluster: Cluster, weights: None, tmp_path: Path) -> Iterator[Start]:
    running: list[Running] = []

    def make(policy: str = "local", settings: Settings | None = None, **sections: dict[str, Any]) -> Running:
        settings = settings or settings_for(cluster, tmp_path, policy, **sections)
        running.append(Running(Worker(settings, settings.active_policy(policy))))
        return running[-1]

    yield make
    for each in running:
        each.worker.signals.drain.set()
        each.worker.signals.give_back.set()
        each.thread.join(60)


def settings_for(cluster: Cluster, folder: Path, policy: str = "local", **sections: dict[str, Any]) -> Settings:
    worker = {"health_file": folder / "health.json", "downloads": 2} | sections.pop("worker", {})
    redis = {"url": cluster.redis_url, "doorbell_s": 1} | sections.pop("redis", {})
    return settings_of(
        policy,
        redis=redis,
        database={"url": cluster.database_url},
        objects={"directory": folder / "objects", "bucket_photos": BUCKET},
        worker=worker,
        **sections,
    )


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def note(folder: Path) -> health.Health | None:
    return next(iter(health.read_all(folder / "health.json")), None)


def is_ready(folder: Path) -> bool:
    found = note(folder)
    return found is not None and found.state == "ready"


def stand_still(process: JudgingProcess) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)


def hang_at_the_next_photo(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once the judging process stands still over a photo."""
    looking = threading.Event()
    look = JudgingProcess.look

    def hanging(self: JudgingProcess, data: bytes, *, canonical: bool) -> Any:
        stand_still(self)
        looking.set()
        return look(self, data, canonical=canonical)

    monkeypatch.setattr(JudgingProcess, "look", hanging)
    return looking


def test_two_slots_at_one_door_judge_what_comes_and_drain(
    start: Start, cluster: Cluster, portrait: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    running = start(worker={"slots": 2})
    until(lambda: is_ready(tmp_path))
    uploads = [cluster.upload([portrait]) for _ in range(4)]

    for upload in uploads:
        cluster.push(upload)
    until(lambda: all(cluster.standing(upload) == [("approved", None)] for upload in uploads))
    until(lambda: len(cluster.messages()) == 4)
    client = queue_client(RedisSection.model_validate({"url": cluster.redis_url}))
    (registered,) = WorkerRegistry(client).list()

    assert running.stop() == 0
    assert (registered.info.slots, registered.info.policy) == (2, "local@1")
    assert {engine.engine for engine in registered.info.engines} == {"nsfw", "faces"}
    assert {engine.model.split("@")[0] for engine in registered.info.engines} == {"nudenet-320n"}
    assert WorkerRegistry(client).list() == ()
    client.close()
    assert caplog.messages.count(READY_LINE) == 1
    assert not (tmp_path / "health.json").exists()
    slots = {row["worker"] for row in cluster.pg.execute("SELECT worker FROM lomi.jobs")}
    assert {slot.split("/")[0] for slot in slots} == {registered.info.boot}
    looks = cluster.pg.execute("SELECT media_id, hash FROM lomi.photo_hashes").fetchall()
    assert {row["media_id"] for row in looks} == {upload.media[0] for upload in uploads}
    assert len({bytes(row["hash"]) for row in looks}) == 1, "it is the same portrait four times"


def test_a_face_service_is_registered_with_its_build(start: Start, cluster: Cluster, tmp_path: Path) -> None:
    with CompreFaceDouble() as double:
        running = start("default", compreface={"urls": [double.url]})
        until(lambda: is_ready(tmp_path))
        client = queue_client(RedisSection.model_validate({"url": cluster.redis_url}))
        (registered,) = WorkerRegistry(client).list()
        client.close()

        assert running.stop() == 0

    assert any("agegender" in f"{engine.model}{engine.sha256}" for engine in registered.info.engines)


def test_a_worker_told_to_stop_while_it_waits_for_redis_ends_well_and_was_never_ready(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    running = start(redis={"url": f"redis://127.0.0.1:{free_port()}/0"})
    until(lambda: (found := note(tmp_path)) is not None and found.detail)

    found = note(tmp_path)
    assert found is not None
    assert found.state == "waiting"
    assert health.complaint(found, time.time()) is None
    assert running.stop() == 0
    assert READY_LINE not in caplog.messages


def test_a_worker_told_to_stop_while_it_loads_does_not_finish_loading(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loading = threading.Event()
    spawn = JudgingProcess._spawn

    def stopped(self: JudgingProcess) -> None:
        spawn(self)
        stand_still(self)
        loading.set()

    monkeypatch.setattr(JudgingProcess, "_spawn", stopped)
    running = start()
    assert loading.wait(60)

    assert running.stop() == 0
    assert READY_LINE not in caplog.messages


def test_a_second_signal_gives_the_job_back(
    start: Start, cluster: Cluster, portrait: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = hang_at_the_next_photo(monkeypatch)
    running = start()
    until(lambda: is_ready(tmp_path))
    upload = cluster.upload([portrait])
    cluster.push(upload)
    assert looking.wait(60)

    running.worker.on_signal(signal.SIGTERM)
    running.worker.on_signal(signal.SIGTERM)

    assert running.ended() == 0
    assert cluster.redis.llen("photo_moderation_queue") == 1
    assert cluster.standing(upload) == [("pending", None)]
    with Database(cluster.database_url) as db:
        assert media.pending(db).waiting == 1


def test_when_the_grace_is_over_the_job_is_given_back(
    start: Start, cluster: Cluster, portrait: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = hang_at_the_next_photo(monkeypatch)
    running = start(worker={"grace_s": 0.1})
    until(lambda: is_ready(tmp_path))
    cluster.push(cluster.upload([portrait]))
    assert looking.wait(60)

    assert running.stop() == 0
    assert cluster.redis.llen("photo_moderation_queue") == 1


def test_a_worker_goes_at_once_while_the_queue_is_paused_and_its_successor_goes_on_after_the_resume(
    start: Start, cluster: Cluster, tmp_path: Path, portrait: bytes
) -> None:
    client = queue_client(RedisSection.model_validate({"url": cluster.redis_url}))
    queue = JobQueue(client)
    first = start()
    until(lambda: is_ready(tmp_path))
    queue.pause("ada", "deploy")
    upload = cluster.upload([portrait])
    cluster.push(upload)

    assert first.stop() == 0
    assert queue.stats().ready == 1
    second = start()
    until(lambda: is_ready(tmp_path))
    assert queue.stats().ready == 1, "the pause outlives the worker"
    queue.resume()
    until(lambda: queue.stats().counters.get("finished") == 1)

    assert second.stop() == 0
    assert cluster.standing(upload) == [("approved", None)]
    client.close()


def test_an_operator_can_drain_a_worker(start: Start, cluster: Cluster, tmp_path: Path) -> None:
    running = start(worker={"beat_s": 0.1})
    until(lambda: is_ready(tmp_path))
    client = queue_client(RedisSection.model_validate({"url": cluster.redis_url}))

    WorkerRegistry(client).set_mode(running.worker.boot, WorkerMode.DRAINING)

    assert running.ended() == 0
    client.close()


def test_a_worker_that_redis_has_forgotten_registers_again(start: Start, cluster: Cluster, tmp_path: Path) -> None:
    running = start(worker={"beat_s": 0.1})
    until(lambda: is_ready(tmp_path))
    client = queue_client(RedisSection.model_validate({"url": cluster.redis_url}))
    cluster.redis.flushall()

    until(lambda: WorkerRegistry(client).list())

    assert running.stop() == 0
    client.close()


def test_while_redis_is_away_the_note_says_so_and_a_restart_would_cure_nothing(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(worker={"beat_s": 0.05})
    until(lambda: is_ready(tmp_path))
    worker = running.worker

    def away(now: float) -> None:
        raise RedisUnavailable("refused")

    monkeypatch.setattr(worker._leases, "beat", away)
    until(lambda: worker._vitals.trouble == "refused")
    worker._vitals.note()

    found = note(tmp_path)
    assert found is not None
    assert (found.state, found.detail) == ("waiting", "refused")
    assert health.complaint(found, time.time()) is None
    assert running.stop() == 0


def test_a_full_disk_is_told_once_and_stops_nobody(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    running = start(worker={"health_file": tmp_path / "no" / "such" / "folder.json"})
    until(lambda: running.worker._vitals.state == "ready")
    running.worker._vitals.note()

    assert running.stop() == 0
    assert sum(record.__dict__.get("action") == "health_failed" for record in caplog.records) == 1


def test_what_no_restart_cures_is_an_error_at_once(start: Start, cluster: Cluster, tmp_path: Path) -> None:
    ages = start("default").ended()
    model = start(models={"dir": tmp_path / "empty"}).ended()
    cluster.redis.config_set("maxmemory-policy", "allkeys-lru")
    evicting = start().ended()
    cluster.redis.config_set("maxmemory-policy", "noeviction")

    assert isinstance(ages, ConfigError)
    assert "COMPREFACE_URL" in ages.hint
    assert isinstance(model, ModelError)
    assert "lomi models add" in model.hint
    assert isinstance(evicting, ConfigError)
    assert "noeviction" in evicting.hint


def test_a_slot_that_cannot_judge_any_more_ends_the_worker_with_its_reason(
    start: Start, cluster: Cluster, portrait: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start()
    until(lambda: is_ready(tmp_path))

    def broken(*_: object, **__: object) -> Any:
        raise ModelError("the model is gone", hint="lomi models add nudenet-320n")

    monkeypatch.setattr(JudgingProcess, "look", broken)
    cluster.push(cluster.upload([portrait]))

    assert str(running.ended()) == "the model is gone"
    assert cluster.redis.llen("photo_moderation_queue") == 1


def test_several_workers_start_on_one_new_database(start: Start, cluster: Cluster, tmp_path: Path) -> None:
    cluster.pg.execute("DROP SCHEMA lomi CASCADE")
    running = [start(worker={"health_file": tmp_path / f"{uuid.uuid4()}.json"}) for _ in range(2)]

    until(lambda: all(each.worker._vitals.state == "ready" for each in running))

    assert [each.stop() for each in running] == [0, 0]


# --- a schema that moves on, and few rights ---------------------------------------------------------------------------


def future(cluster: Cluster, oldest_writer: int) -> None:
    """A migration of which this program has never heard."""
    cluster.pg.execute(
        "INSERT INTO lomi.schema_migrations (version, name, checksum, oldest_writer, program)"
        " VALUES (9999, 'from_the_future', 'x', %s, '9.0')",
        (oldest_writer,),
    )


def test_a_worker_beside_a_newer_schema_that_lets_it_write_says_so_once_and_judges(
    start: Start, cluster: Cluster, portrait: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    future(cluster, oldest_writer=1)
    running = start()
    until(lambda: is_ready(tmp_path))
    upload = cluster.upload([portrait])
    cluster.push(upload)
    until(lambda: cluster.standing(upload) == [("approved", None)])

    assert running.stop() == 0
    told = [record for record in caplog.records if record.__dict__.get("action") == "schema_newer"]
    assert len(told) == 1
    assert "it may still write" in told[0].message


def test_a_worker_that_must_not_write_any_more_does_not_start(start: Start, cluster: Cluster) -> None:
    future(cluster, oldest_writer=9999)

    failure = start().ended()

    assert isinstance(failure, SchemaTooNew)
    assert (failure.exit_code, failure.hint) == (5, "pip install 'lomi-ops>=9.0'")


def test_a_worker_that_runs_while_the_schema_moves_on_gives_its_job_back_and_ends(
    start: Start, cluster: Cluster, portrait: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(level, "ASK_AGAIN_S", 0.0)
    running = start()
    until(lambda: is_ready(tmp_path))
    future(cluster, oldest_writer=9999)
    upload = cluster.upload([portrait])
    cluster.push(upload)

    failure = running.ended()

    assert isinstance(failure, SchemaTooNew)
    assert cluster.standing(upload) == [("pending", None)]
    assert cluster.redis.llen("photo_moderation_queue") == 1


def test_a_worker_works_with_the_rights_that_the_docs_give_it(
    start: Start, cluster: Cluster, portrait: bytes, tmp_path: Path
) -> None:
    with psycopg.connect(cluster.database_url) as admin:
        roles = Roles(cluster.database_url, admin.info.dbname)
    try:
        roles.make(WORK)
        settings = settings_for(cluster, tmp_path)
        settings = settings.model_copy(
            update={"database": DatabaseSection.model_validate({"url": roles.url("lomi_worker")})}
        )
        running = start(settings=settings)
        until(lambda: is_ready(tmp_path))
        upload = cluster.upload([portrait, b"no photo"])
        cluster.push(upload)
        until(lambda: cluster.standing(upload) == [("approved", None), ("failed", "unreadable")])
        until(lambda: len(cluster.messages()) == 1)
        assert running.stop() == 0
    finally:
        roles.forget()
