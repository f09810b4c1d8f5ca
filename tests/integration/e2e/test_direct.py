"""`lomi e2e` as the backend would send: what it finds out, where it says that something stopped, and what it leaves."""

from __future__ import annotations

import json
import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from lomi_ops.db import reports
from lomi_ops.db.pool import Database
from lomi_ops.domain import marked
from lomi_ops.domain.window import Window
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.wire import parse_job
from tests.doubles.backend import BackendDouble
from tests.doubles.backend.app import CHANNEL, QUEUE
from tests.integration.e2e.conftest import MARK, Cluster, Lomi, Start, Worker, document, until
from tests.patience import Patience

EMPTY_EXCEPT_LOG = {"users": 0, "media": 0, "lomi.jobs": 0, "lomi.checkpoints": 0, "lomi.job_ends": 0, "lomi.outbox": 0}


def test_photos_come_through_with_every_leg_and_nothing_remains(cluster: Cluster, worker: Worker, lomi: Lomi) -> None:
    before = cluster.remains()

    said = lomi(
        "e2e", 3, cluster.photo("a"), cluster.photo("b", "blurred"), cluster.photo("c", "doubtful"), "-o", "json"
    )

    body = document(said.out)
    (batch,) = body["batches"]
    assert (said.code, body["ok"], body["exit_code"], body["via"]) == (0, True, 0, "direct")
    assert [photo["decision"] for photo in batch["photos"]] == ["approved", "rejected", "review"]
    assert {"accepted", "started", "batch"} <= set(batch["legs_s"])
    assert {"upload", "judged", "settled", "published"} <= set(batch["photos"][0]["legs_s"])
    assert "published" not in batch["photos"][2]["legs_s"], "a photo in review is published by a person's decision"
    assert [photo["messages"] for photo in batch["photos"]] == [1, 1, 0]
    assert all(value.startswith(MARK) for value in (batch["job_id"], batch["batch_id"], body["user_id"]))
    assert cluster.remains() == before
    assert before | EMPTY_EXCEPT_LOG == before


def test_what_stays_is_the_append_only_record_and_it_tells_whose_it_is(
    cluster: Cluster, worker: Worker, lomi: Lomi
) -> None:
    said = lomi("e2e", 1, cluster.photo("a"), "-o", "json", "--as", "ada")

    user_id = document(said.out)["user_id"]
    decisions = cluster.pg.execute("SELECT user_id, media_id FROM lomi.decisions").fetchall()
    audit = cluster.pg.execute("SELECT actor, action, subject FROM lomi.audit").fetchall()
    assert [str(row["user_id"]) for row in decisions] == [user_id]
    assert all(marked.is_marked(row["media_id"]) for row in decisions)
    assert audit == [{"actor": "ada", "action": "e2e", "subject": f"user:{user_id}"}]
    outside = cluster.pg.execute(
        "SELECT count(*) AS n FROM lomi.decisions WHERE user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000'"
        " AND '6c6f6d69-2d65-3265-ffff-ffffffffffff'"
    ).fetchone()
    assert outside == {"n": 0}


def test_photos_of_a_test_are_in_no_ones_error_rate(cluster: Cluster, worker: Worker, lomi: Lomi) -> None:
    now = datetime.now(UTC)
    today = Window(now - timedelta(hours=1), now + timedelta(hours=1))
    lomi("e2e", 2, cluster.photo("a"), cluster.photo("b", "broken"))
    with Database(cluster.database_url) as db:
        assert reports.work(db, today, logged=True).decided == 0
        cluster.pg.execute(
            "INSERT INTO lomi.decisions (at, media_id, user_id, job_id, actor, status)"
            " VALUES (now(), gen_random_uuid(), gen_random_uuid(), 'j', 'worker', 'failed')"
        )
        assert reports.work(db, today, logged=True).decided == 1


def test_twenty_photos_travel_in_batches_of_nine_in_the_producers_shape(
    cluster: Cluster, worker: Worker, lomi: Lomi
) -> None:
    seen: list[bytes] = []
    with cluster.redis.monitor() as monitor:  # type: ignore[no-untyped-call]
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                line: Any = monitor.next_command()
                if line["command"].startswith(f"LPUSH {QUEUE}"):
                    seen.append(line["command"].partition(f"LPUSH {QUEUE} ")[2].encode())

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        said = lomi("e2e", 20, cluster.photo("a"), "-o", "json")
        done.set()
        cluster.redis.ping()
        thread.join()

    body = document(said.out)
    assert said.code == 0
    assert [len(batch["photos"]) for batch in body["batches"]] == [9, 9, 2]
    jobs = [parse_job(raw) for raw in seen]
    assert [len(job.photos) for job in jobs] == [9, 9, 2]
    assert {job.telegram_id for job in jobs} == {0}
    assert {str(job.user_id) for job in jobs} == {body["user_id"]}
    assert list(json.loads(seen[0])) == [
        "job_id", "batch_id", "user_id", "telegram_id", "photos", "created_at", "retry_count", "priority",
    ]  # fmt: skip
    names = [photo["name"] for batch in body["batches"] for photo in batch["photos"]]
    assert names[:3] == ["a.jpg", "a.jpg 2", "a.jpg 3"]
    assert len(set(names)) == 20


@pytest.mark.parametrize("must", [False, True], ids=["nullable", "not null"])
def test_the_user_of_a_run_is_nobodys_match_and_has_no_chat(cluster: Cluster, lomi: Lomi, must: bool) -> None:
    if must:
        cluster.pg.execute("ALTER TABLE users ALTER COLUMN telegram_id SET NOT NULL")

    lomi("e2e", 1, cluster.photo("a"), "--keep", "--timeout", "0.1")

    (user,) = cluster.pg.execute("SELECT * FROM users").fetchall()
    (element,) = cluster.redis.lrange(QUEUE, 0, -1)
    assert (user["name"], user["is_active"]) == ("lomi-e2e", False)
    assert user["telegram_id"] < -(2**61) if must else user["telegram_id"] is None
    assert json.loads(element)["telegram_id"] == 0


def test_the_real_backend_beside_it_pushes_to_no_chat_and_touches_no_other_row(
    cluster: Cluster, worker: Worker, lomi: Lomi, double: BackendDouble
) -> None:
    hana = double.app.add_user(77)
    cluster.pg.execute(
        "INSERT INTO media (user_id, media_type, url, moderation_status) VALUES (%s, 'photo', 'k', 'approved')", (hana,)
    )
    before = cluster.pg.execute("SELECT xmin::text, * FROM media").fetchall()

    said = lomi("e2e", 9, cluster.photo("a"), "-o", "json")

    assert (said.code, document(said.out)["listeners"]) == (0, 1)
    until(lambda: double.app.heard == 1, "the backend has heard the result")
    until(lambda: double.app.pushes, "the backend has worked on it")
    assert [push.telegram_id for push in double.app.pushes] == [0]
    assert cluster.pg.execute("SELECT xmin::text, * FROM media").fetchall() == before


def test_people_read_a_table_and_the_steps_go_to_stderr(
    cluster: Cluster, worker: Worker, lomi: Lomi, double: BackendDouble
) -> None:
    said = lomi("e2e", 2, cluster.photo("a"), cluster.photo("b", "blurred"))

    assert said.code == 0
    assert "rejected: blurry" in said.out
    assert "answer to the user, a batch" in said.out
    assert said.out.splitlines()[-1].startswith("2 photos in ")
    assert said.out.splitlines()[-1].endswith("1 approved, 1 rejected; every target met")
    assert "the batch: 2 photos accepted in" in said.err
    assert "the batch: a worker took it after" in said.err
    assert "a.jpg: approved after" in said.err


def test_jsonl_gives_each_photo_and_the_document_last(cluster: Cluster, worker: Worker, lomi: Lomi) -> None:
    said = lomi("e2e", 2, cluster.photo("a"), cluster.photo("b", "blurred"), "-o", "jsonl")

    *photos, last = said.records
    assert {photo["name"]: photo["decision"] for photo in photos} == {"a.jpg": "approved", "b.jpg": "rejected"}
    assert last["schema"] == "lomi.e2e/v1"


def test_a_missed_target_is_a_warning_and_its_own_exit_code_on_request(
    cluster: Cluster, worker: Worker, lomi: Lomi
) -> None:
    slow = cluster.photo("slow", "good", 3100)

    said = lomi("e2e", 1, slow, "--fail-on", "warning", "-o", "json")

    assert said.code == 4
    texts = [warning["text"] for warning in document(said.out)["warnings"]]
    assert any(text.startswith("the batch took long from the claim") and text.endswith("is 3 s") for text in texts)


def test_without_a_backend_on_the_channel_it_warns(cluster: Cluster, worker: Worker, lomi: Lomi) -> None:
    said = lomi("e2e", 1, cluster.photo("a"))
    assert said.code == 0
    assert "warning: nobody but this test listens on moderation_results" in said.out


# --- where it stops ---------------------------------------------------------------------------------------------------


def stopped(said: Any) -> dict[str, str]:
    body = document(said.out)
    (found,) = [batch["stopped"] for batch in body["batches"]]
    assert (said.code, body["exit_code"]) == (1, 1)
    result: dict[str, str] = found
    return result


def test_without_a_worker_the_job_never_left_the_queue(cluster: Cluster, lomi: Lomi) -> None:
    before = cluster.remains()

    said = lomi("e2e", 2, cluster.photo("a"), "--timeout", "0.5", "-o", "json")

    stop = stopped(said)
    assert stop["where"] == "queue"
    assert "never left the queue: no worker is registered" in stop["text"]
    assert "lomi worker" in stop["hint"]
    assert cluster.remains() == before
    text = lomi("e2e", 2, cluster.photo("a"), "--timeout", "0.5").out
    assert "stopped at the queue: a.jpg, a.jpg 2: it never left the queue" in text
    assert text.splitlines()[-1].startswith("  try: ")


def test_a_paused_queue_is_named_with_who_and_why(cluster: Cluster, worker: Worker, lomi: Lomi) -> None:
    JobQueue(cluster.redis).pause("ada", "release 41")

    stop = stopped(lomi("e2e", 1, cluster.photo("a"), "--timeout", "0.5", "-o", "json"))

    assert "paused (ada: release 41)" in stop["text"]
    assert stop["hint"] == "lomi queue resume"


def test_a_worker_that_dies_with_the_job_is_where_it_stopped(
    cluster: Cluster, worker: Worker, lomi: Lomi, patience: Patience
) -> None:
    before = cluster.remains()

    def killed() -> bool:
        if _running(cluster):
            worker.stop(signal.SIGKILL)
        return worker.process.poll() is not None

    patience.until = killed
    said = lomi("e2e", 1, cluster.photo("slow", "good", 60_000), "-o", "json")

    stop = stopped(said)
    assert stop["where"] == "worker"
    assert "claimed it (attempt 1) and has not settled it" in stop["text"]
    left = document(said.out)["left"]
    assert [(each["what"], each["why"]) for each in left] == [("job", "a worker still has it")]
    assert "lomi e2e --clean" in {warning["hint"] for warning in document(said.out)["warnings"]}
    queue = JobQueue(cluster.redis)
    until(lambda: queue.reap(lease_s=5, tick_s=0).cancelled, "it is taken back, as another worker would")
    assert lomi("e2e", "--clean").code == 0
    assert cluster.remains() == before


def _running(cluster: Cluster) -> int:
    return JobQueue(cluster.redis).stats().running


def test_a_photo_that_cannot_be_judged_is_bad_and_through(cluster: Cluster, worker: Worker, lomi: Lomi) -> None:
    said = lomi("e2e", 2, cluster.photo("a"), cluster.photo("b", "broken"), "-o", "json")

    (batch,) = document(said.out)["batches"]
    assert said.code == 1
    assert [(photo["decision"], photo["reason"]) for photo in batch["photos"]] == [
        ("approved", None),
        ("failed", "unreadable"),
    ]
    assert batch["stopped"] is None


def test_a_decision_that_nobody_publishes_stops_at_the_channel(
    cluster: Cluster, lomi: Lomi, patience: Patience
) -> None:
    """A worker that settles and is killed before it finishes, played with the ledger alone. It does so while the run
    stands still, until its time is over."""

    def settled() -> bool:
        done = cluster.pg.execute(
            "UPDATE media SET moderation_status = 'approved', moderation_scores = '{\"processing_time_ms\": 180}'"
        )
        return done.rowcount > 0

    patience.until = settled
    said = lomi("e2e", 1, cluster.photo("a"), "-o", "json")

    assert stopped(said)["where"] == "channel"
    (photo,) = document(said.out)["batches"][0]["photos"]
    assert photo["legs_s"]["judged"] == 0.18
    assert "published" not in photo["legs_s"]


# --- what does not answer ---------------------------------------------------------------------------------------------


def test_a_store_that_takes_nothing_is_named_and_nothing_remains(cluster: Cluster, worker: Worker, lomi: Lomi) -> None:
    before = cluster.remains()
    bucket = cluster.objects / "lomi-photos"
    bucket.rmdir()
    bucket.write_text("a file where the bucket's folder should be")

    said = lomi("e2e", 1, cluster.photo("a"), "-o", "json")

    bucket.unlink()
    bucket.mkdir()
    assert said.code == 3
    body = document(said.out)
    assert "has no folder for the bucket" in body["error"]["message"]
    assert body["batches"][0]["stopped"]["where"] == "upload"
    lomi("e2e", "--clean")
    assert cluster.remains() == before


@pytest.mark.parametrize("variable", ["LOMI_REDIS_URL", "LOMI_DATABASE_URL"])
def test_a_service_that_is_gone_ends_with_three_and_one_document(
    cluster: Cluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    before = cluster.remains()
    monkeypatch.setenv(variable, "redis://127.0.0.1:1" if "REDIS" in variable else "postgresql://u:p@127.0.0.1:1/x")

    said = lomi("e2e", 1, cluster.photo("a"), "-o", "json")

    assert said.code == 3
    assert document(said.out)["error"]["message"]
    assert "error: " in said.err
    assert "Traceback" not in said.err
    assert cluster.remains() == before


def test_a_users_table_that_wants_more_is_explained(cluster: Cluster, lomi: Lomi) -> None:
    cluster.pg.execute("ALTER TABLE users ADD COLUMN gender text NOT NULL")

    said = lomi("e2e", 1, cluster.photo("a"))

    assert said.code == 1
    assert "`users` wants more than lomi knows of" in said.err
    assert said.err.splitlines()[-1] == "  try: lomi e2e N --via backend, with a test account"


# --- interruptions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_cleans_up_and_is_one_document(cluster: Cluster, number: int, code: int) -> None:
    before = cluster.remains()
    with cluster.process("e2e", 2, cluster.photo("a"), "-o", "json") as running:
        # Before that it may not have heard yet that the queue took its job.
        until(lambda: _followed(cluster), "it asks what became of its photos")
        running.send_signal(number)
        out, err = running.communicate(timeout=60)

    body = document(out)
    assert (running.returncode, body["exit_code"], body["error"]["message"]) == (code, code, "interrupted")
    assert body["batches"][0]["stopped"]["where"] == "queue"
    assert "Traceback" not in err
    assert cluster.remains() == before


def _followed(cluster: Cluster) -> bool:
    asked = "SELECT FROM pg_stat_activity WHERE application_name = 'lomi e2e' AND query LIKE '%WHERE id = ANY(%'"
    return cluster.pg.execute(asked).fetchone() is not None


def test_ctrl_c_while_a_worker_is_at_it_waits_until_it_lets_go(cluster: Cluster, worker: Worker) -> None:
    before = cluster.remains()
    with cluster.process("e2e", 1, cluster.photo("slow", "good", 60_000)) as running:
        until(lambda: _running(cluster) == 1, "the worker has it")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)

    assert (running.returncode, out) == (130, "")
    assert "still there" not in err
    remains = cluster.remains()
    remains.pop("lomi.job_ends"), before.pop("lomi.job_ends")  # the worker may write the cancellation down after us
    assert remains == before


def test_what_a_killed_run_has_left_is_removed_by_the_next_one(cluster: Cluster, lomi: Lomi, start: Start) -> None:
    before = cluster.remains()
    with cluster.process("e2e", 2, cluster.photo("a")) as running:
        until(lambda: cluster.redis.llen(QUEUE) == 1, "the job waits")
        running.kill()
        running.wait()
    assert cluster.remains() != before
    dry = lomi("e2e", "--clean", "--dry-run", "-o", "json")
    assert [marked.is_marked(UUID(run["user_id"])) for run in dry.document["runs"]] == [True]

    cleaned = lomi("e2e", "--clean", "-o", "json")

    assert (cleaned.code, cleaned.document["cleaned"], cleaned.document["left"]) == (0, 1, [])
    assert cluster.remains() == before
    assert lomi("e2e", "--clean").out == "nothing is left of any run\n"
    with cluster.process("e2e", 2, cluster.photo("a")) as running:
        until(lambda: cluster.redis.llen(QUEUE) == 1, "the job waits")
        running.kill()
        running.wait()
    with start():
        said = lomi("e2e", 1, cluster.photo("a"))
    assert said.code == 0
    assert "removed what 1 earlier run had left" in said.err
    assert cluster.remains() | {"keys": []} == before | {"keys": []}


def test_a_run_that_is_still_at_work_is_left_alone(cluster: Cluster, lomi: Lomi) -> None:
    with cluster.process("e2e", 1, cluster.photo("a"), "-o", "json") as running:
        until(lambda: cluster.redis.llen(QUEUE) == 1, "the job waits")
        said = lomi("e2e", "--clean")
        assert cluster.redis.llen(QUEUE) == 1
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)

    assert said.code == 0
    assert "still at work, left alone: the run of" in said.out


def test_kept_photos_stay_until_they_are_cleaned(cluster: Cluster, worker: Worker, lomi: Lomi) -> None:
    before = cluster.remains()
    said = lomi("e2e", 2, cluster.photo("a"), "--keep")
    assert "kept: photos, rows and jobs are still there: lomi e2e --clean removes them" in said.out
    remains: Any = cluster.remains()
    assert (remains["users"], remains["media"], len(remains["objects"])) == (1, 2, 2)

    assert lomi("e2e", "--clean").code == 0

    assert cluster.remains() == before


# --- bad input, and what else is said ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "how many photos"), ((0,), "1 to 99 photos, not 0"), ((100,), "not 100"),
        ((1, "missing.jpg"), "cannot be read"), (("x",), "x"), ((3, "--clean"), "--clean sends nothing"),
        ((1, "--timeout", "soon"), "no span of time"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    cluster: Cluster, lomi: Lomi, words: tuple[object, ...], said: str
) -> None:
    refused = lomi("e2e", *words)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
    assert cluster.remains()["users"] == 0


def test_more_files_than_photos_are_refused(cluster: Cluster, lomi: Lomi) -> None:
    assert "2 files are given" in lomi("e2e", 1, cluster.photo("a"), cluster.photo("b")).err


def test_a_dry_run_says_where_things_would_go_and_sends_nothing(cluster: Cluster, lomi: Lomi) -> None:
    before = cluster.remains()

    said = lomi("e2e", 12, cluster.photo("a"), "--dry-run")
    body = lomi("e2e", 12, cluster.photo("a"), "--dry-run", "-o", "json").document

    assert said.out.splitlines()[0] == "would send 12 photos in 2 batches by way of direct"
    assert "photo_moderation_queue" in said.out
    assert (body["batches"], len(body["photos"])) == ([9, 3], 12)
    assert "lomi:" not in said.out, "no password"
    assert cluster.remains() == before


# --- beside old workers -----------------------------------------------------------------------------------------------


def test_an_old_worker_is_followed_by_media_and_message_alone(cluster: Cluster, lomi: Lomi) -> None:
    cluster.pg.execute("DROP SCHEMA lomi CASCADE")
    cluster.redis.flushall()
    before = cluster.remains()
    over = threading.Event()

    def old_worker() -> None:
        """Pops, publishes, and leaves the row to the backend's subscriber, whom we play as well."""
        while not over.is_set():
            popped: Any = cluster.redis.brpop([QUEUE], timeout=1)
            if popped is None:
                continue
            job = json.loads(popped[1])
            for photo in job["photos"]:
                cluster.pg.execute(
                    "UPDATE media SET moderation_status = 'rejected', moderation_reason = 'no_face',"
                    ' moderation_scores = \'{"blur_variance": 150.5, "processing_time_ms": 180}\' WHERE id = %s',
                    [photo["media_id"]],
                )
            results = [
                {"media_id": photo["media_id"], "status": "rejected", "reason": "no_face", "scores": {}}
                for photo in job["photos"]
            ]
            cluster.redis.publish(CHANNEL, json.dumps({"job_id": job["job_id"], "results": results}))

    thread = threading.Thread(target=old_worker)
    thread.start()
    try:
        said = lomi("e2e", 2, cluster.photo("a"), "-o", "json")
    finally:
        over.set()
        thread.join()

    body = document(said.out)
    (batch,) = body["batches"]
    assert said.code == 0
    assert [photo["reason"] for photo in batch["photos"]] == ["no_face", "no_face"]
    assert batch["photos"][0]["legs_s"]["judged"] == 0.18
    assert [unknown["command"] for unknown in body["unknown"]] == ["lomi worker", "lomi migrate apply"]
    assert cluster.remains() == before
    assert not [key for key in cluster.every_key() if b"{" in key], "no key of ours on a cluster that is not swapped"


def test_a_job_that_an_old_worker_lost_is_said_to_be_at_a_worker(cluster: Cluster, lomi: Lomi) -> None:
    cluster.redis.flushall()
    popped: list[Any] = []
    thread = threading.Thread(target=lambda: popped.append(cluster.redis.brpop([QUEUE], timeout=20)))
    thread.start()
    said = lomi("e2e", 1, cluster.photo("a"), "--timeout", "1", "-o", "json")
    thread.join()

    stop = stopped(said)
    assert stop["where"] == "worker"
    assert "old workers leave no other trace" in stop["text"]


def test_the_samples_are_photographs_with_a_known_end() -> None:
    from lomi_ops.ops.e2e.plan import CAST, choose, expected

    chosen = choose(12, ())

    assert [sample.name for sample in chosen[:9]] == list(CAST)
    assert chosen[9].name == "portrait 2"
    assert {expected(sample) for sample in chosen} == {
        "approved", "rejected: no_face", "rejected: blurry", "rejected: group_photo",
    }  # fmt: skip
    assert choose(None, (Path(__file__),))[0].name == "test_direct.py"
