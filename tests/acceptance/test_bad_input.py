"""Whatever is pushed, the worker goes on, nothing is lost and the good photos of a batch are decided."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from lomi_ops.domain.verdict import FailureCode
from lomi_ops.ops.demo.samples import Sample
from tests.acceptance.conftest import QUEUE, Cluster, Subscriber, lomi, wait_until
from tests.hostile import corpus

pytestmark = pytest.mark.xdist_group("stack")

Samples = dict[str, Sample]


def dead(cluster: Cluster) -> list[dict[str, Any]]:
    document = json.loads(lomi("queue", "dead", "--limit", "1000", "--data", cluster.data, "-o", "json").stdout)
    found: list[dict[str, Any]] = document["jobs"]
    return found


def buried(cluster: Cluster, raw: str) -> dict[str, Any]:
    """The dead letter of an element, once there is one."""
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found[:] = [letter for letter in dead(cluster) if letter["raw"] == raw]
        return bool(found)

    wait_until(look)
    return found[0]


def variant(cluster: Cluster, samples: Samples, change: str) -> str:
    upload = cluster.upload([samples["small"].data])
    job = dict(upload.job)
    if change == "no photos":
        job["photos"] = []
    elif change == "ten photos":
        job["photos"] = [job["photos"][0] | {"media_id": str(uuid.uuid4())} for _ in range(10)]
    elif change == "no batch":
        del job["batch_id"]
    elif change == "other batch":
        job["batch_id"] = str(uuid.uuid4())
    elif change == "too large":
        job["padding"] = "x" * 300_000
    elif change == "nested":
        return "[" * 20_000
    elif change == "not json":
        return f"{{not json {uuid.uuid4().int}"
    return json.dumps(job)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("not json", "not_json"),
        ("nested", "not_json"),
        ("no photos", "no_photos"),
        ("ten photos", "too_many_photos"),
        ("no batch", "missing_keys"),
        ("too large", "too_large"),
        ("other batch", "batch_mismatch"),
    ],
)
def test_a_job_that_cannot_be_run_becomes_a_dead_letter_with_its_raw_bytes(
    cluster: Cluster, subscriber: Subscriber, samples: Samples, change: str, code: str
) -> None:
    raw = variant(cluster, samples, change)
    good = cluster.upload([samples["small"].data])

    cluster.push(raw)
    cluster.push(good)

    letter = buried(cluster, raw)
    assert letter["code"] == code
    assert letter["error"]
    assert subscriber.wait_for(good)["summary"]["approved"] == 1
    assert cluster.redis.llen(QUEUE) == 0


def test_a_missing_object_and_a_climbing_key_fail_alone(
    cluster: Cluster, subscriber: Subscriber, samples: Samples
) -> None:
    upload = cluster.upload([samples["portrait"].data, None, samples["portrait"].data])
    upload.job["photos"][2]["r2_key"] = "../../../../etc/passwd"

    cluster.push(upload)
    message = subscriber.wait_for(upload)

    assert [(r["status"], r["reason"]) for r in message["results"]] == [
        ("approved", ""), ("failed", "object_missing"), ("failed", "object_missing"),
    ]  # fmt: skip


def test_a_foreign_host_in_the_url_is_never_asked(cluster: Cluster, subscriber: Subscriber, samples: Samples) -> None:
    """The bytes come by bucket and key; the URL is data. 192.0.2.1 answers nobody, so asking it would take for ever."""
    upload = cluster.upload([samples["portrait"].data])
    upload.job["photos"][0]["r2_url"] = "http://192.0.2.1/latest/meta-data/"

    cluster.push(upload)

    assert subscriber.wait_for(upload)["summary"]["approved"] == 1


def test_hostile_files_get_their_exact_outcome_through_the_whole_system(
    cluster: Cluster, subscriber: Subscriber
) -> None:
    """Those that the gate refuses; what it lets through is judged like any photo (tests/unit/imaging)."""
    refused = [(file, file.outcome) for file in corpus() if isinstance(file.outcome, FailureCode)]
    uploads = []
    for start in range(0, len(refused), 9):
        part = refused[start : start + 9]
        uploads.append((cluster.upload([file.data for file, _ in part]), part))
        cluster.push(uploads[-1][0])

    for upload, part in uploads:
        results = subscriber.wait_for(upload)["results"]
        outcomes = {file.name: (r["status"], r["reason"]) for (file, _), r in zip(part, results, strict=True)}
        assert outcomes == {file.name: ("failed", code.value) for file, code in part}
