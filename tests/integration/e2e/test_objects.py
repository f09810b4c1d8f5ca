"""A direct run where the photos lie in an S3 store, as they do on a cluster."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from lomi_ops.clients.objects.opening import endpoint_url
from lomi_ops.clients.objects.s3 import make_client
from lomi_ops.config.sections.services import ObjectsSection
from tests.chaos.servers import S3_KEY, S3_SECRET, empty_s3, running_s3
from tests.doubles.backend.app import BUCKET, CHANNEL, QUEUE
from tests.integration.e2e.conftest import Cluster, Lomi, document, until


@pytest.fixture
def s3(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    empty_s3()
    with running_s3(BUCKET, {"users/other/photo/x.jpg": b"somebody's"}) as port:
        monkeypatch.delenv("LOMI_OBJECTS")
        values = {"ENDPOINT": f"http://127.0.0.1:{port}", "ACCESS_KEY": S3_KEY, "SECRET_KEY": S3_SECRET}
        for name, value in values.items():
            monkeypatch.setenv(f"S3_{name}", value)
        section = ObjectsSection.model_validate({name.lower(): value for name, value in values.items()})
        client = make_client(section, endpoint_url(section))
        yield client
        client.close()
        empty_s3()


def test_an_old_worker_can_fetch_by_the_address_in_the_job_and_only_our_objects_go(
    cluster: Cluster, lomi: Lomi, s3: Any
) -> None:
    """It reads nothing but `r2_url`, which must be signed."""
    fetched: list[bytes] = []
    over = threading.Event()

    def old_worker() -> None:
        while not over.is_set():
            popped: Any = cluster.redis.brpop([QUEUE], timeout=1)
            if popped is None:
                continue
            job = json.loads(popped[1])
            for photo in job["photos"]:
                assert "X-Amz-Signature=" in photo["r2_url"]
                fetched.append(httpx.get(photo["r2_url"], trust_env=False).content)
                cluster.pg.execute("UPDATE media SET moderation_status = 'approved' WHERE id = %s", [photo["media_id"]])
            results = [{"media_id": photo["media_id"], "status": "approved"} for photo in job["photos"]]
            cluster.redis.publish(CHANNEL, json.dumps({"job_id": job["job_id"], "results": results}))

    thread = threading.Thread(target=old_worker)
    thread.start()
    photo = cluster.photo("a")
    said = lomi("e2e", 2, photo, "-o", "json")
    over.set()
    thread.join()

    assert said.code == 0, said.err
    assert fetched == [photo.read_bytes()] * 2
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["users/other/photo/x.jpg"]
    assert S3_SECRET not in said.out + said.err


def test_objects_of_a_killed_run_are_found_by_their_user(cluster: Cluster, lomi: Lomi, s3: Any) -> None:
    at = {name: value for name, value in os.environ.items() if name.startswith("S3_")}
    with cluster.process("e2e", 2, cluster.photo("a"), LOMI_OBJECTS="", **at) as running:
        until(lambda: cluster.redis.llen(QUEUE) == 1, "the job waits")
        running.kill()
        running.wait()
    assert len(s3.list_objects_v2(Bucket=BUCKET)["Contents"]) == 3

    cleaned = lomi("e2e", "--clean", "-o", "json").document

    assert (cleaned["cleaned"], cleaned["left"]) == (1, [])
    assert len(s3.list_objects_v2(Bucket=BUCKET)["Contents"]) == 1


def test_a_bucket_that_is_not_there_is_named(cluster: Cluster, lomi: Lomi, s3: Any) -> None:
    s3.delete_object(Bucket=BUCKET, Key="users/other/photo/x.jpg")
    s3.delete_bucket(Bucket=BUCKET)

    said = lomi("e2e", 1, cluster.photo("a"), "-o", "json")

    assert said.code == 3
    assert "NoSuchBucket" in document(said.out)["error"]["message"]
    assert cluster.remains()["media"] == 0
