"""Seen from outside: what the Go backend, an operator with psql and an old worker would see."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import uuid
from urllib.parse import urlsplit

import pytest
import redis

from lomi_ops.ops.demo.samples import Sample
from tests.acceptance.conftest import QUEUE, Cluster, Subscriber, wait_until
from tests.conftest import need

pytestmark = pytest.mark.xdist_group("stack")

Samples = dict[str, Sample]


def test_a_batch_is_decided_published_once_and_gone_from_the_list(
    cluster: Cluster, subscriber: Subscriber, samples: Samples
) -> None:
    upload = cluster.upload(
        [samples[name].data for name in ("portrait", "blurred", "two people", "animal", "truncated")]
    )

    cluster.push(upload)
    message = subscriber.wait_for(upload)

    assert list(message) == [
        "job_id", "batch_id", "user_id", "telegram_id", "results", "summary", "processed_at",
    ]  # fmt: skip
    assert [(r["status"], r["reason"]) for r in message["results"]] == [
        ("approved", ""), ("rejected", "blurry"), ("rejected", "group_photo"), ("rejected", "no_face"),
        ("failed", "truncated"),
    ]  # fmt: skip
    assert message["summary"] == {
        "total": 5, "approved": 1, "rejected": 4,
        "reasons": {"blurry": 1, "group_photo": 1, "no_face": 1, "truncated": 1},
    }  # fmt: skip
    assert {key: message[key] for key in ("job_id", "batch_id", "user_id", "telegram_id")} == {
        key: upload.job[key] for key in ("job_id", "batch_id", "user_id", "telegram_id")
    }
    rows = cluster.rows(upload)
    assert [row["moderation_status"] for row in rows] == ["approved", "rejected", "rejected", "rejected", "failed"]
    assert [row["is_approved"] for row in rows] == [True, False, False, False, False]
    assert all(row["moderated_at"] is not None and row["retry_count"] == 0 for row in rows)
    assert set(rows[0]["moderation_scores"]) >= {
        "blur_variance", "has_face", "face_count", "estimated_age", "nsfw_scores", "processing_time_ms",
    }  # fmt: skip
    assert cluster.redis.llen(QUEUE) == 0
    subscriber.listen(1.0)
    assert len(subscriber.of(upload)) == 1


def test_the_raw_protocol_is_enough_to_push_a_job(cluster: Cluster, subscriber: Subscriber, samples: Samples) -> None:
    """As redis-cli does it: one inline LPUSH over a plain socket."""
    upload = cluster.upload([samples["WebP"].data])
    address = urlsplit(cluster.redis_url)
    assert address.hostname
    assert address.port
    with socket.create_connection((address.hostname, address.port)) as wire:
        for words in (["AUTH", address.password or ""], ["LPUSH", QUEUE, upload.raw]):
            parts = b"".join(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in words)
            wire.sendall(b"*%d\r\n%s" % (len(words), parts))
            assert wire.recv(100)[:1] in (b"+", b":")

    assert subscriber.wait_for(upload)["summary"]["approved"] == 1


def test_redis_cli_is_enough_to_push_a_job_and_to_read_the_backlog(
    cluster: Cluster, subscriber: Subscriber, samples: Samples
) -> None:
    need(shutil.which("redis-cli"), "redis-cli (apt-get install redis-tools)")
    upload = cluster.upload([samples["CMYK"].data])
    address = urlsplit(cluster.redis_url)

    def cli(*words: str) -> str:
        command = ["redis-cli", "-h", str(address.hostname), "-p", str(address.port), *words]
        environment = {"REDISCLI_AUTH": address.password or "", "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    cli("LPUSH", QUEUE, upload.raw)

    assert subscriber.wait_for(upload)["summary"]["approved"] == 1
    assert cli("LLEN", QUEUE) == "0"


def test_the_same_job_pushed_twice_is_published_once(
    cluster: Cluster, subscriber: Subscriber, samples: Samples
) -> None:
    upload, after = cluster.upload([samples["portrait"].data]), cluster.upload([samples["grey"].data])

    cluster.push(upload)
    cluster.push(upload)
    cluster.push(after)
    subscriber.wait_for(after)
    subscriber.wait_for(upload)
    wait_until(lambda: cluster.redis.llen(QUEUE) == 0)
    subscriber.listen(1.0)

    assert len(subscriber.of(upload)) == 1


def test_an_old_worker_beside_ours_gets_whole_jobs_and_loses_none(
    cluster: Cluster, subscriber: Subscriber, samples: Samples
) -> None:
    uploads = [cluster.upload([samples["small"].data]) for _ in range(6)]
    old = redis.Redis.from_url(cluster.redis_url, socket_timeout=10)
    for upload in uploads:
        cluster.push(upload)

    taken = []
    for _ in range(3):
        element = old.brpop([QUEUE], timeout=1)
        if element is not None:
            taken.append(json.loads(element[1])["job_id"])
    old.close()
    ours = [upload for upload in uploads if upload.job["job_id"] not in taken]
    for upload in ours:
        subscriber.wait_for(upload)

    assert all(len(subscriber.of(upload)) == 1 for upload in ours)
    assert cluster.redis.llen(QUEUE) == 0


def test_an_operators_sql_gives_sensible_answers(cluster: Cluster, subscriber: Subscriber, samples: Samples) -> None:
    upload = cluster.upload([samples["portrait"].data, samples["object"].data])
    cluster.push(upload)
    subscriber.wait_for(upload)

    def ask(query: str) -> list[dict[str, object]]:
        return cluster.pg.execute(query.encode(), {"batch": uuid.UUID(upload.job["batch_id"])}).fetchall()

    assert ask(
        "SELECT moderation_status, COUNT(*) FROM media WHERE batch_id = %(batch)s GROUP BY 1 ORDER BY 1"
    ) == [{"moderation_status": "approved", "count": 1}, {"moderation_status": "rejected", "count": 1}]  # fmt: skip
    assert ask(
        "SELECT moderation_reason FROM media WHERE batch_id = %(batch)s AND moderation_status = 'rejected'"
    ) == [{"moderation_reason": "no_face"}]  # fmt: skip
    numbers = ask(
        """SELECT (moderation_scores->>'blur_variance')::float AS blur,
                  (moderation_scores->>'face_count')::int AS faces,
                  (moderation_scores->'nsfw_scores'->>'porn')::float AS porn,
                  (moderation_scores->>'processing_time_ms')::int AS ms
           FROM media WHERE batch_id = %(batch)s AND moderation_status = 'approved'"""
    )[0]
    assert float(str(numbers["blur"])) > 50
    assert numbers["faces"] == 1
    assert float(str(numbers["porn"])) < 0.25
    assert int(str(numbers["ms"])) > 0
