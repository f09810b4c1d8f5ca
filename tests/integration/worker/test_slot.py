"""The life of a job on real servers: what is decided, written and published, once, whatever breaks in between."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lomi_ops.config.sections.working import WorkerSection
from lomi_ops.db import checkpoints, history, ledger
from lomi_ops.db.overrides import override
from lomi_ops.db.pool import Database
from lomi_ops.domain.review import Ruling, Seen
from lomi_ops.domain.tally import histograms, numbers
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.domain.window import Window
from lomi_ops.errors import DatabaseUnavailable, LomiError, RedisUnavailable
from lomi_ops.queue.replies import Claimed, JobState
from lomi_ops.queue.wire import parse_job
from tests.integration.worker.conftest import Bench, Cluster, Upload
from tests.operating import dead_letters
from worker.doorbell import Bell
from worker.retelling import message_again
from worker.upkeep import Upkeep

AWAY = RedisUnavailable("Redis is restarting")


def actions(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.__dict__.get("action", "") for record in caplog.records]


def decisions(cluster: Cluster) -> int:
    row = cluster.pg.execute("SELECT count(*) AS n FROM lomi.decisions").fetchone()
    assert row is not None
    return int(row["n"])


def times_of(cluster: Cluster, upload: Upload) -> dict[str, Any]:
    row = cluster.pg.execute(
        "SELECT opening_ms, downloads_ms, settled_before_ms, took_ms FROM lomi.jobs WHERE job_id = %s", [upload.id]
    ).fetchone()
    assert row is not None
    return row


# --- what a job comes to ----------------------------------------------------------------------------------------------


def test_a_batch_is_decided_written_and_published_once(
    bench: Bench, cluster: Cluster, portrait: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    upload = cluster.upload([portrait, b"text", None])

    bench.moderate(upload)

    assert cluster.standing(upload) == [("approved", None), ("failed", "unreadable"), ("failed", "object_missing")]
    (message,) = cluster.messages()
    assert [(r["media_id"], r["status"]) for r in message["results"]] == [
        (str(media), status) for media, status in zip(upload.media, ("approved", "failed", "failed"), strict=True)
    ]
    assert bench.queue.job(upload.id).state is JobState.DONE  # type: ignore[union-attr]
    assert actions(caplog) == ["photo_decided"] * 3 + ["job_done"]
    assert decisions(cluster) == 3


def test_a_job_is_counted_for_the_metrics_with_its_finish(bench: Bench, cluster: Cluster, portrait: bytes) -> None:
    uploaded = (datetime.now(UTC) - timedelta(seconds=40)).isoformat()
    upload = cluster.upload([portrait, b"text"], created_at=uploaded)

    bench.moderate(upload)

    found = {name.decode(): int(n) for name, n in cluster.redis.hgetall(bench.queue.keys.measured).items()}  # type: ignore[union-attr]
    timed = {name: histogram.count for name, histogram in histograms(found).items()}
    assert timed == {
        ("engine", "blur"): 1, ("engine", "nsfw"): 1, ("object",): 2, ("write",): 1, ("job",): 1, ("wait",): 1,
    }, "the local faces came along with the model that looks for nudity"  # fmt: skip
    assert 39 < histograms(found)["wait",].sum_s < 300
    assert numbers(found) == {
        ("photo", "approved", ""): 1, ("photo", "failed", "unreadable"): 1,
        **{("report", engine, "answered"): 1 for engine in ("blur", "faces", "nsfw")},
    }  # fmt: skip
    bench.moderate(upload)
    assert cluster.redis.hget(bench.queue.keys.measured, "n:photo:approved:") == b"1", "a copy counts for nothing"


def test_a_job_keeps_what_it_waited_for_and_the_next_one_what_its_settlement_took(
    bench: Bench, cluster: Cluster, portrait: bytes
) -> None:
    """The same times as the metrics tell, which hear of a settlement once it is over."""
    uploads = [cluster.upload([portrait, None, b"text"]), cluster.upload([None]), cluster.upload([b"text"])]
    sums_ms: list[dict[str, float]] = []
    for upload in uploads:
        bench.moderate(upload)
        counted = {name.decode(): int(n) for name, n in cluster.redis.hgetall(bench.queue.keys.measured).items()}  # type: ignore[union-attr]
        sums_ms.append({name[0]: each.sum_s * 1000 for name, each in histograms(counted).items()})
    first, second, third = (times_of(cluster, upload) for upload in uploads)

    assert len(first["downloads_ms"]) == 2, "of the objects that came"
    assert sum(first["downloads_ms"]) == pytest.approx(sums_ms[0]["object"], abs=0.01)
    assert (second["downloads_ms"], len(third["downloads_ms"])) == ([], 1)
    assert first["settled_before_ms"] is None, "it is the slot's first"
    assert second["settled_before_ms"] == pytest.approx(sums_ms[0]["write"], abs=0.01)
    assert third["settled_before_ms"] == pytest.approx(sums_ms[1]["write"] - sums_ms[0]["write"], abs=0.01)
    for each in (first, second, third):
        assert 0 < each["opening_ms"] < each["took_ms"]


def test_a_settlement_whose_answer_is_lost_is_timed_by_nobody_and_the_one_before_it_once(
    bench: Bench, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, lost, after = (cluster.upload([b"text"]) for _ in range(3))
    bench.moderate(before)
    real = ledger.settle

    def settle_unheard(*args: Any, **kwargs: Any) -> Any:
        real(*args, **kwargs)
        raise DatabaseUnavailable("the answer was lost")

    with monkeypatch.context() as patched:
        patched.setattr("worker.slot.ledger.settle", settle_unheard)
        bench.moderate(lost)
    bench.turn()
    bench.moderate(after)

    told = [times_of(cluster, upload)["settled_before_ms"] for upload in (before, lost, after)]
    assert [each is None for each in told] == [True, False, True]
    assert cluster.standing(after) == [("failed", "unreadable")]


def test_a_job_of_the_backend_has_waited_since_its_upload_and_not_since_its_claim(
    bench: Bench, cluster: Cluster
) -> None:
    now = datetime.now(UTC)
    for made in (now - timedelta(minutes=5), now + timedelta(minutes=5)):
        bench.moderate(cluster.upload([None], created_at=made.isoformat()))

    window = Window(now - timedelta(hours=1), now + timedelta(hours=1))
    waited = sorted(each.waited_s or 0 for each in history.past_jobs(bench.slot.database, window))
    assert waited[0] < 60, "whose clock is ahead has not waited"
    assert 299 < waited[1] < 360


def test_an_idle_slot_rings_the_doorbell(bench: Bench) -> None:
    bench.slot.step()

    assert bench.rung == [2.0]


def test_a_paused_queue_is_not_rung_at(bench: Bench) -> None:
    bench.queue.pause("me", "lunch")

    bench.slot.step()

    assert bench.rung == []


def test_a_job_whose_photos_are_all_decided_is_done_without_a_message(
    bench: Bench, cluster: Cluster, portrait: bytes
) -> None:
    upload = cluster.upload([portrait] * 2)
    cluster.pg.execute("UPDATE media SET moderation_status = 'rejected', moderation_reason = 'nsfw'")

    bench.moderate(upload)

    assert cluster.standing(upload) == [("rejected", "nsfw")] * 2
    assert cluster.messages() == []
    assert bench.queue.job(upload.id).state is JobState.DONE  # type: ignore[union-attr]
    assert cluster.store.reads == []


def test_only_what_is_undecided_in_a_batch_is_judged_and_published(
    bench: Bench, cluster: Cluster, portrait: bytes
) -> None:
    upload = cluster.upload([portrait] * 3)
    cluster.pg.execute("UPDATE media SET moderation_status = 'rejected' WHERE id = %s", (upload.media[1],))

    bench.moderate(upload)

    assert [status for status, _ in cluster.standing(upload)] == ["approved", "rejected", "approved"]
    assert [r["media_id"] for r in cluster.messages()[0]["results"]] == [str(upload.media[0]), str(upload.media[2])]
    assert sorted(cluster.store.reads) == sorted([upload.keys[0], upload.keys[2]])


def test_rows_that_never_come_are_a_dead_letter_after_the_last_attempt(
    bench: Bench, cluster: Cluster, portrait: bytes
) -> None:
    upload = cluster.upload([portrait], rows="none")

    bench.moderate(upload)
    assert bench.queue.job(upload.id).state is JobState.DELAYED  # type: ignore[union-attr]
    bench.turn()
    bench.turn()

    assert bench.letters() == [("transient", "rows_missing", f"lomi queue show {upload.id}")]


def test_rows_that_come_late_are_judged(bench: Bench, cluster: Cluster, portrait: bytes) -> None:
    upload = cluster.upload([portrait])
    row = cluster.pg.execute("DELETE FROM media RETURNING user_id, url, batch_id").fetchone()
    assert row is not None
    bench.moderate(upload)
    cluster.pg.execute(
        "INSERT INTO media (id, media_type, user_id, url, batch_id) VALUES (%s, 'photo', %s, %s, %s)",
        (upload.media[0], row["user_id"], row["url"], row["batch_id"]),
    )

    bench.turn()

    assert cluster.standing(upload) == [("approved", None)]


def test_a_job_for_somebody_elses_photos_is_a_dead_letter_at_once(
    bench: Bench, cluster: Cluster, portrait: bytes
) -> None:
    upload = cluster.upload([portrait])
    forged = Upload(upload.job | {"job_id": str(uuid.uuid4()), "batch_id": str(uuid.uuid4())})

    bench.moderate(forged)

    assert bench.letters() == [("poison", "batch_mismatch", f"lomi queue show {forged.id}")]
    assert cluster.standing(upload) == [("pending", None)]


@pytest.mark.parametrize("raw", [b"not json", b"{}", b"\xff\x00", b'{"job_id": "x", "photos": []}'])
def test_what_is_no_job_is_a_dead_letter_and_the_next_one_is_judged(
    bench: Bench, cluster: Cluster, portrait: bytes, raw: bytes
) -> None:
    upload = cluster.upload([portrait])

    bench.moderate(raw)
    bench.moderate(upload)

    assert [letter[0] for letter in bench.letters()] == ["poison"]
    assert cluster.standing(upload) == [("approved", None)]


def test_a_second_job_leaves_alone_what_waits_for_a_person(bench: Bench, cluster: Cluster, portrait: bytes) -> None:
    """It may be a suspected minor: no engine approves it behind the person's back."""
    upload = cluster.upload([portrait])
    cluster.pg.execute("UPDATE media SET moderation_reason = 'needs_review'")

    bench.moderate(upload)

    assert cluster.standing(upload) == [("pending", "needs_review")]
    assert cluster.messages() == []
    assert cluster.store.reads == []


def test_a_job_that_went_to_a_person_meanwhile_is_not_settled_over_it(
    bench: Bench, cluster: Cluster, portrait: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    upload = cluster.upload([portrait])

    def meanwhile() -> None:
        cluster.pg.execute("UPDATE media SET moderation_reason = 'needs_review'")

    cluster.store.meanwhile = meanwhile

    bench.moderate(upload)

    assert cluster.standing(upload) == [("pending", "needs_review")]
    assert cluster.messages() == []
    assert actions(caplog) == ["photo_skipped", "job_done"]


# --- exactly once -----------------------------------------------------------------------------------------------------


def test_a_crash_between_settling_and_finishing_costs_no_second_judging_and_no_second_message(
    bench: Bench, cluster: Cluster, portrait: bytes
) -> None:
    upload = cluster.upload([portrait])
    bench.queue.before["finish"] = [AWAY]
    real = ledger.settle

    def settle_and_die(*args: Any, **kwargs: Any) -> Any:
        done = real(*args, **kwargs)
        bench.signals.give_back.set()
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.slot.ledger.settle", settle_and_die)
        bench.moderate(upload)
    assert cluster.standing(upload) == [("approved", None)]
    assert cluster.messages() == []
    bench.signals.give_back.clear()
    reads = list(cluster.store.reads)

    bench.reap(upload.id)
    bench.slot.step()

    assert len(cluster.messages()) == 1
    assert cluster.store.reads == reads
    assert decisions(cluster) == 1
    bench.moderate(upload)
    assert len(cluster.messages()) == 1


def test_a_message_that_comes_late_does_not_overturn_what_a_person_has_decided_meanwhile(
    bench: Bench, cluster: Cluster, portrait: bytes
) -> None:
    upload = cluster.upload([portrait, portrait])
    bench.queue.before["finish"] = [AWAY]
    real = ledger.settle

    def settle_and_die(*args: Any, **kwargs: Any) -> Any:
        done = real(*args, **kwargs)
        bench.signals.give_back.set()
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.slot.ledger.settle", settle_and_die)
        bench.moderate(upload)
    bench.signals.give_back.clear()
    with Database(cluster.database_url) as database:
        seen = Seen(upload.media[0], "approved", None, cluster.pg.execute(
            "SELECT id FROM lomi.decisions WHERE media_id = %s", (upload.media[0],)
        ).fetchall()[0]["id"])  # fmt: skip
        ruling = Ruling(MediaStatus.REJECTED, Reason.NSFW, "sara", database.now(), "not for our app")
        override(database, seen, ruling, job_id=str(uuid.uuid4()))

    bench.reap(upload.id)
    bench.slot.step()

    (message,) = cluster.messages()
    assert [(each["media_id"], each["status"]) for each in message["results"]] == [(str(upload.media[1]), "approved")]
    assert message["summary"] == {"total": 1, "approved": 1, "rejected": 0, "reasons": {}}
    assert bench.queue.job(upload.id).state is JobState.DONE  # type: ignore[union-attr]


def test_a_job_that_was_settled_at_its_last_attempt_by_a_worker_that_died_then_is_no_dead_letter(
    bench: Bench, cluster: Cluster, portrait: bytes
) -> None:
    upload = cluster.upload([portrait])
    cluster.push(upload)
    for number in range(2):
        held = bench.queue.claim(f"dying/{number}", 1, f"t{number}")
        assert isinstance(held, Claimed)
        bench.reap(upload.id)
    bench.queue.before["finish"] = [AWAY]
    real = ledger.settle

    def settle_and_die(*args: Any, **kwargs: Any) -> Any:
        done = real(*args, **kwargs)
        bench.signals.give_back.set()
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.slot.ledger.settle", settle_and_die)
        bench.slot.step()
    bench.reap(upload.id)
    assert bench.letters()[0][1] == "poison_crash"
    assert (cluster.standing(upload), cluster.messages()) == ([("approved", None)], [])

    with Database(cluster.database_url) as database:
        upkeep = Upkeep(bench.queue, database, WorkerSection(lease_s=0.001, beat_s=0.0001, reap_s=0.0001))
        while bench.queue.stats().dead:
            upkeep.turn()

    assert len(cluster.messages()) == 1
    assert decisions(cluster) == 1


def test_a_finish_outlasts_a_redis_that_restarts(bench: Bench, cluster: Cluster, portrait: bytes) -> None:
    upload = cluster.upload([portrait])
    bench.queue.before["finish"] = [AWAY] * 3

    bench.moderate(upload)

    assert len(cluster.messages()) == 1
    assert bench.queue.job(upload.id).state is JobState.DONE  # type: ignore[union-attr]


def test_a_finish_whose_reply_was_lost_publishes_once(bench: Bench, cluster: Cluster, portrait: bytes) -> None:
    bench.queue.after["finish"] = [AWAY] * 2

    bench.moderate(cluster.upload([portrait]))

    assert len(cluster.messages()) == 1


def test_a_claim_whose_reply_was_lost_adopts_the_job_with_its_first_attempt(
    bench: Bench, cluster: Cluster, portrait: bytes
) -> None:
    upload = cluster.upload([portrait])
    bench.queue.after["claim"] = [AWAY]

    bench.moderate(upload)
    assert cluster.standing(upload) == [("pending", None)]
    bench.slot.step()

    assert cluster.standing(upload) == [("approved", None)]
    assert cluster.rows(upload)[0]["retry_count"] == 0


def test_who_settles_second_writes_nothing_and_says_nothing(
    bench: Bench, cluster: Cluster, portrait: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    upload = cluster.upload([portrait])

    def zombie() -> None:
        """Another worker, that held the job before and comes back first."""
        from lomi_ops.domain.decision import PhotoDecision

        decision = PhotoDecision(upload.media[0], MediaStatus.REJECTED, "nsfw", {})
        with Database(cluster.database_url) as db:
            ledger.settle(
                db, parse_job(upload.raw), [decision], attempt=1, token="old", worker="other/0", at=datetime.now(UTC)
            )

    cluster.store.meanwhile = zombie

    bench.moderate(upload)

    assert cluster.standing(upload) == [("rejected", "nsfw")]
    (message,) = cluster.messages()
    assert message["results"][0]["status"] == "rejected"
    assert actions(caplog) == ["job_resettled"]


def test_a_job_that_was_settled_long_ago_is_finished_without_a_message(
    bench: Bench, cluster: Cluster, portrait: bytes
) -> None:
    upload = cluster.upload([portrait])
    bench.moderate(upload)
    cluster.pg.execute("UPDATE lomi.jobs SET settled_at = settled_at - interval '13 hours'")
    cluster.redis.flushall()

    bench.moderate(upload)

    assert len(cluster.messages()) == 1
    assert bench.queue.job(upload.id).state is JobState.DONE  # type: ignore[union-attr]


def test_a_message_is_sent_again_only_while_the_queue_remembers_that_it_was_sent() -> None:
    settled = datetime(2026, 11, 20, tzinfo=UTC)

    assert message_again("{}", settled, settled + timedelta(hours=11)) == "{}"
    assert message_again("{}", settled, settled + timedelta(hours=13)) is None
    assert message_again("{}", settled, settled - timedelta(hours=1)) == "{}"
    assert message_again(None, settled, settled) is None


# --- who holds the job ------------------------------------------------------------------------------------------------


def test_a_job_that_is_cancelled_while_it_runs_is_given_up_at_the_next_beat(
    bench: Bench, cluster: Cluster, portrait: bytes
) -> None:
    upload = cluster.upload([portrait] * 2)

    def meanwhile() -> None:
        bench.queue.cancel(upload.id)
        bench.beat()

    cluster.store.meanwhile = meanwhile

    bench.moderate(upload)

    assert bench.queue.job(upload.id).state is JobState.CANCELLED  # type: ignore[union-attr]
    assert cluster.standing(upload) == [("pending", None)] * 2
    cluster.store.meanwhile = lambda: None
    other = cluster.upload([portrait])
    bench.moderate(other)
    assert cluster.standing(other) == [("approved", None)]


def test_a_lease_that_ran_out_before_settling_writes_nothing(bench: Bench, cluster: Cluster, portrait: bytes) -> None:
    upload = cluster.upload([portrait])

    def frozen() -> None:
        for lease in bench.leases.held():
            lease.renewed_at -= 1000

    cluster.store.meanwhile = frozen

    bench.moderate(upload)

    assert cluster.standing(upload) == [("pending", None)]
    assert decisions(cluster) == 0
    cluster.store.meanwhile = lambda: None
    bench.slot.step()
    assert cluster.standing(upload) == [("approved", None)]


def test_a_hung_job_counts_its_attempt_and_ends_as_a_dead_letter(
    bench: Bench, cluster: Cluster, portrait: bytes
) -> None:
    """Its own slot would adopt it again, without an end."""
    upload = cluster.upload([portrait])
    cluster.store.meanwhile = lambda: bench.beat(later_s=1000)

    bench.moderate(upload)
    record = bench.queue.job(upload.id)
    assert record is not None
    assert (record.state, record.code, record.attempt) == (JobState.DELAYED, "hung", 1)
    bench.turn()
    bench.turn()

    assert bench.letters() == [("transient", "hung", f"lomi queue show {upload.id}")]


def test_told_to_stop_now_the_job_goes_back_with_its_attempt(bench: Bench, cluster: Cluster, portrait: bytes) -> None:
    upload = cluster.upload([portrait] * 2)
    cluster.store.meanwhile = bench.signals.give_back.set

    bench.moderate(upload)

    record = bench.queue.job(upload.id)
    assert record is not None
    assert (record.state, record.attempt) == (JobState.READY, 0)
    assert cluster.redis.llen(bench.queue.keys.ready) == 1


def test_told_to_stop_now_a_slot_does_not_wait_for_a_download_that_hangs(
    bench: Bench, cluster: Cluster, portrait: bytes
) -> None:
    upload = cluster.upload([portrait])
    begun, over = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        over.wait(60)

    cluster.store.meanwhile = hang
    cluster.push(upload)
    slot = threading.Thread(target=bench.slot.step)
    slot.start()
    assert begun.wait(30)

    bench.signals.give_back.set()
    slot.join(30)

    assert not slot.is_alive()
    assert not over.is_set()
    assert bench.queue.job(upload.id).state is JobState.READY  # type: ignore[union-attr]
    over.set()


def test_a_slot_survives_its_own_bugs(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.queue.before["claim"] = [ValueError("a reply that nobody understands")]
    drain: Any = bench.signals.drain
    turns: list[int] = []

    def ring(_: float) -> Bell:
        turns.append(1)
        drain.set()
        return Bell.RANG

    bench.slot.ring = ring

    bench.slot.run()

    assert turns == [1]
    assert actions(caplog) == ["slot_bug"]


# --- what breaks on the way -------------------------------------------------------------------------------------------


def test_a_database_that_refuses_is_weather_and_kills_no_job(bench: Bench, cluster: Cluster, portrait: bytes) -> None:
    upload = cluster.upload([portrait])
    cluster.pg.execute("ALTER TABLE media RENAME TO media_gone")

    bench.moderate(upload)
    for _ in range(4):
        bench.turn()

    assert bench.letters() == []
    assert [hold.upstream for hold in bench.queue.stats().holds] == ["postgres"]
    cluster.pg.execute("ALTER TABLE media_gone RENAME TO media")
    bench.turn()
    assert cluster.standing(upload) == [("approved", None)]
    assert cluster.rows(upload)[0]["retry_count"] == 0


def test_a_bug_uses_up_the_attempts_and_the_letter_says_where_to_look(
    bench: Bench, cluster: Cluster, portrait: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = cluster.upload([portrait])

    def broken(*_: Any) -> Any:
        raise KeyError("secret")

    monkeypatch.setattr("worker.slot.triage", broken)

    bench.moderate(upload)
    bench.turn()
    bench.turn()

    assert bench.letters() == [("transient", "KeyError", f"lomi queue show {upload.id}")]
    assert "secret" not in dead_letters(bench.queue)[0].error


def test_a_photo_that_only_lomi_itself_fails_on_goes_to_a_person_and_the_others_are_decided(
    bench: Bench, cluster: Cluster, portrait: bytes
) -> None:
    upload = cluster.upload([portrait] * 3)
    cluster.store.faults[upload.keys[1]] = ZeroDivisionError()

    bench.moderate(upload)
    bench.turn()
    bench.turn()

    assert cluster.standing(upload) == [("approved", None), ("pending", "needs_review"), ("approved", None)]
    assert bench.letters() == []
    assert sorted(cluster.store.reads).count(upload.keys[0]) == 1


def test_a_job_that_loses_redis_between_failing_and_saying_so_is_not_lost(
    bench: Bench, cluster: Cluster, portrait: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = cluster.upload([portrait])
    fail = bench.queue.fail
    away = [AWAY, AWAY]

    def flaky(*args: Any) -> Any:
        if away:
            raise away.pop()
        return fail(*args)

    monkeypatch.setattr(bench.queue, "fail", flaky)
    cluster.store.faults[upload.keys[0]] = LomiError("a fault of ours")

    bench.moderate(upload)

    assert bench.queue.job(upload.id).state is JobState.DELAYED  # type: ignore[union-attr]


def test_checkpoints_are_gone_when_the_job_is_settled(bench: Bench, cluster: Cluster, portrait: bytes) -> None:
    upload = cluster.upload([portrait] * 2)
    cluster.store.faults[upload.keys[1]] = ZeroDivisionError()
    bench.moderate(upload)
    with Database(cluster.database_url) as db:
        assert set(checkpoints.load(db, upload.id)) == {upload.media[0]}
        del cluster.store.faults[upload.keys[1]]

        bench.turn()

        assert checkpoints.load(db, upload.id) == {}
