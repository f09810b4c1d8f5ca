"""What a worker does for all: expired leases, unheard results, messages of later decisions."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lomi_ops.config.sections.working import WorkerSection
from lomi_ops.db import checkpoints, history, outbox
from lomi_ops.db.pool import Database
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.decision import PhotoDecision, ResultMessage
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.domain.window import Window
from lomi_ops.errors import DatabaseUnavailable, RedisUnavailable
from lomi_ops.queue.replies import Claimed
from tests.integration.worker.conftest import Bench, Cluster
from worker.upkeep import SWEEP_S, Upkeep


@pytest.fixture
def db(cluster: Cluster) -> Iterator[Database]:
    with Database(cluster.database_url) as handle:
        yield handle


@pytest.fixture
def upkeep(bench: Bench, db: Database) -> Upkeep:
    return Upkeep(bench.queue, db, WorkerSection())


def put(db: Database, due_at: datetime) -> str:
    decision = PhotoDecision(uuid.uuid4(), MediaStatus.APPROVED, None, {})
    message = ResultMessage(str(uuid.uuid4()), uuid.uuid4(), uuid.uuid4(), 77, (decision,))
    with db.transaction() as session:
        outbox.put_on(session, message, due_at=due_at)
    return message.job_id


def heard(cluster: Cluster) -> list[str]:
    return [message["job_id"] for message in cluster.messages()]


def test_messages_that_come_due_are_published_once(upkeep: Upkeep, db: Database, cluster: Cluster) -> None:
    now = datetime.now(UTC)
    due, later = put(db, now - timedelta(seconds=1)), put(db, now + timedelta(hours=1))

    for _ in range(3):
        upkeep.turn()

    assert heard(cluster) == [due]
    assert later not in heard(cluster)


def test_a_message_whose_sender_lost_redis_is_sent_later(
    upkeep: Upkeep, db: Database, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = [put(db, datetime.now(UTC) - timedelta(seconds=n)) for n in (3, 2, 1)]

    def away(*_: object, **__: object) -> None:
        raise RedisUnavailable("restarting")

    with monkeypatch.context() as patch:
        patch.setattr(upkeep.queue, "announce", away)
        with pytest.raises(RedisUnavailable):
            upkeep.turn()
    upkeep.turn()
    assert heard(cluster) == others, "somebody may be sending the first one at this moment"
    cluster.pg.execute("UPDATE lomi.outbox SET claimed_at = claimed_at - interval '2 minutes'")

    upkeep.turn()
    upkeep.turn()

    assert heard(cluster) == [*others, first]
    assert outbox.unconfirmed(db, claimed_before=datetime.now(UTC), at=datetime.now(UTC)) == ()


def test_a_message_that_went_out_before_its_sender_died_is_not_sent_again(
    upkeep: Upkeep, bench: Bench, db: Database, cluster: Cluster
) -> None:
    put(db, datetime.now(UTC) - timedelta(minutes=3))
    (message,) = outbox.outbox_due(db, at=datetime.now(UTC) - timedelta(minutes=2))
    bench.queue.announce(message.job_id, message.payload.encode())

    upkeep.turn()

    assert heard(cluster) == [message.job_id]
    assert outbox.unconfirmed(db, claimed_before=datetime.now(UTC), at=datetime.now(UTC)) == ()


def test_a_worker_that_stood_still_over_a_message_says_it_no_more(
    upkeep: Upkeep, db: Database, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(db, datetime.now(UTC) - timedelta(seconds=1))
    before = upkeep.queue.now_ms() - 31_000
    monkeypatch.setattr(upkeep.queue, "now_ms", lambda: before)

    upkeep.turn()

    assert heard(cluster) == []
    assert len(outbox.unconfirmed(db, claimed_before=datetime.now(UTC), at=datetime.now(UTC))) == 1


def test_what_nobody_can_tell_any_more_is_left_to_people(upkeep: Upkeep, db: Database, cluster: Cluster) -> None:
    put(db, datetime.now(UTC) - timedelta(hours=20))
    outbox.outbox_due(db, at=datetime.now(UTC) - timedelta(hours=20))

    upkeep.turn()

    assert heard(cluster) == []
    assert len(cluster.pg.execute("SELECT FROM lomi.outbox WHERE published_at IS NULL").fetchall()) == 1


def test_two_workers_that_mark_one_message_do_not_trip_over_each_other(
    upkeep: Upkeep, db: Database, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(db, datetime.now(UTC) - timedelta(minutes=3))
    claimed = [*outbox.outbox_due(db, at=datetime.now(UTC) - timedelta(minutes=2)) * 2, None]
    monkeypatch.setattr("worker.upkeep.outbox.take_next", lambda *_, **__: claimed.pop(0))

    upkeep.turn()

    assert len(heard(cluster)) == 1


def test_expired_leases_are_taken_back_and_told(
    upkeep: Upkeep, bench: Bench, cluster: Cluster, portrait: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    upload = cluster.upload([portrait])
    cluster.push(upload)
    assert isinstance(bench.queue.claim("other/0", 1, "token"), Claimed)
    upkeep.section = WorkerSection(lease_s=0.001, beat_s=0.0005, reap_s=0.0001)
    cluster.redis.execute_command("ZADD", bench.queue.keys.lease, 1, upload.id)  # type: ignore[no-untyped-call]

    upkeep.turn()
    cluster.redis.delete(bench.queue.keys.tick)
    upkeep.turn()

    assert cluster.redis.llen(bench.queue.keys.ready) == 1
    assert [record.__dict__["to"] for record in caplog.records] == ["requeued"]


def test_checkpoints_of_jobs_that_never_came_back_are_forgotten_now_and_then(upkeep: Upkeep, db: Database) -> None:
    now = datetime.now(UTC)
    checkpoints.note_crash(db, "old", uuid.uuid4(), at=now - timedelta(days=31))
    checkpoints.note_crash(db, "new", uuid.uuid4(), at=now)

    upkeep.turn()
    assert checkpoints.load(db, "old")
    upkeep.swept_at -= SWEEP_S
    upkeep.turn()

    assert checkpoints.load(db, "old") == {}
    assert checkpoints.load(db, "new")


def test_what_ended_without_the_ledger_is_written_down_once(upkeep: Upkeep, db: Database, bench: Bench) -> None:
    bench.cluster.redis.lpush(bench.queue.keys.ready, b"not json")
    held = bench.queue.claim("boot/0", 1, "token")
    assert isinstance(held, Claimed)
    bench.queue.fail(held, Failure(ErrorClass.POISON, "not_json", "it is no JSON"))
    client = bench.cluster.redis
    run_id = client.info("server")["run_id"]
    client.set(bench.queue.keys.server, f"{run_id}|1")  # it has been there for long

    for _ in range(2):
        client.delete(bench.queue.keys.tick)
        upkeep.turn()

    (row,) = history.past_jobs(db, Window(datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC)))
    assert (row.job_id, row.outcome, row.attempt) == (held.job_id, "dead: not_json", 1)
    assert bench.queue.ended() == ()


def test_a_channel_that_is_forbidden_is_told_after_everything_else(
    upkeep: Upkeep, db: Database, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.cluster.push(b"not json")
    bench.slot.step()
    run_id = bench.cluster.redis.info("server")["run_id"]
    bench.cluster.redis.set(bench.queue.keys.server, f"{run_id}|1")  # it has been there for long
    tend = bench.queue.upkeep
    monkeypatch.setattr(bench.queue, "upkeep", lambda **timing: replace(tend(**timing), muted=True))

    def forbidden() -> int:
        raise RedisUnavailable("the ACL of this user forbids PUBLISH")

    monkeypatch.setattr(bench.queue, "relay", forbidden)

    with pytest.raises(RedisUnavailable, match="PUBLISH"):
        upkeep.turn()

    assert bench.queue.ended() == ()


def test_a_database_that_is_away_leaves_it_told(upkeep: Upkeep, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.queue.cancel("some-job")

    def away(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr("worker.upkeep.history.keep", away)
    with pytest.raises(DatabaseUnavailable):
        upkeep._write_down()

    assert [each.job_id for each in bench.queue.ended()] == ["some-job"]
