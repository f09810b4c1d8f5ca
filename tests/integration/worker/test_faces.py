"""A slot beside a face service that is slow, refuses, throttles or chokes: who waits, who pays, who is told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest

from lomi_ops.queue.replies import Hold, JobRecord, JobState
from tests.doubles.compreface import Canned, CompreFaceDouble, Face, Throttle
from tests.doubles.compreface.script import Pixels
from tests.integration.worker.conftest import Bench, Cluster, MakeBench, Upload

CHOKES = Canned(500, json.dumps({"message": "PluginError: age error - boom"}).encode())


def _boom(pixels: Pixels) -> Sequence[Face]:
    """Chokes on every photo with a colour in it; what the worker asks with has none."""
    seen = pixels.astype(int)
    if int(abs(seen[..., 0] - seen[..., 1]).max()) > 20:
        raise RuntimeError("boom")
    return ()


@pytest.fixture
def double() -> Iterator[CompreFaceDouble]:
    with CompreFaceDouble() as running:
        yield running


@pytest.fixture
def bench(make_bench: MakeBench, double: CompreFaceDouble) -> Bench:
    return make_bench("default", compreface={"urls": [double.url]})


def record(bench: Bench, upload: Upload) -> JobRecord:
    found = bench.queue.job(upload.id)
    assert found is not None
    return found


def held(bench: Bench) -> dict[str, Hold]:
    return {hold.upstream: hold for hold in bench.queue.stats().holds}


def test_an_adult_is_approved(bench: Bench, cluster: Cluster, portrait: bytes) -> None:
    upload = cluster.upload([portrait])

    bench.moderate(upload)

    assert cluster.standing(upload) == [("approved", None)]
    assert cluster.rows(upload)[0]["moderation_scores"]["estimated_age"] >= 18


def test_a_suspected_minor_goes_to_a_person_and_a_second_job_changes_nothing(
    bench: Bench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    upload = cluster.upload([portrait])
    double.script.default = (Face(age=16),)
    bench.moderate(upload)
    assert cluster.standing(upload) == [("pending", "needs_review")]
    double.script.default = (Face(age=30),)

    bench.moderate(upload.again())

    assert cluster.standing(upload) == [("pending", "needs_review")]
    assert cluster.messages() == []


def test_a_service_that_throttles_is_left_alone_by_all_and_costs_no_attempt(
    bench: Bench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    upload = cluster.upload([portrait])
    double.inject(Throttle(429, "20"), times=2)

    bench.moderate(upload)

    found = record(bench, upload)
    assert (found.state, found.error_class, found.attempt, found.setbacks) == (JobState.DELAYED, "throttled", 0, 1)
    hold = held(bench)["compreface"]
    assert 15_000 < hold.until_ms - hold.since_ms <= 20_000
    assert double.detections == 1, "who asks to slow down is not asked about another photo"
    cluster.push(cluster.upload([portrait]))
    bench.slot.step()
    assert cluster.redis.llen(bench.queue.keys.ready) == 1


def test_after_a_throttle_the_photo_is_judged_with_its_first_attempt(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    bench = make_bench("default", compreface={"urls": [double.url], "breaker_reset_s": 0.01})
    upload = cluster.upload([portrait])
    double.inject(Throttle(429, "0"), times=2)

    bench.moderate(upload)
    bench.turn()

    assert cluster.standing(upload) == [("approved", None)]
    assert cluster.rows(upload)[0]["retry_count"] == 0


def test_a_service_that_is_down_holds_all_and_costs_not_even_the_last_attempt(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    bench = make_bench(
        "default",
        compreface={"urls": [double.url], "breaker_reset_s": 0.01},
        worker={"attempts": 1},
    )
    upload = cluster.upload([portrait])
    double.go_down()

    bench.moderate(upload)
    for _ in range(5):
        bench.turn()

    found = record(bench, upload)
    assert (found.state, found.attempt, found.setbacks) == (JobState.DELAYED, 0, 6)
    assert set(held(bench)) == {"compreface"}
    assert cluster.standing(upload) == [("pending", None)]
    double.come_up()
    bench.turn()
    assert cluster.standing(upload) == [("approved", None)]


def test_what_was_decided_before_an_outage_is_not_judged_again(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    bench = make_bench("default", compreface={"urls": [double.url], "breaker_reset_s": 0.01})
    upload = cluster.upload([b"text", portrait])
    double.go_down()
    bench.moderate(upload)
    double.come_up()

    bench.turn()

    assert cluster.standing(upload) == [("failed", "unreadable"), ("approved", None)]
    assert cluster.store.reads.count(upload.keys[0]) == 1
    assert len(cluster.messages()) == 1


def test_after_the_outage_limit_a_person_gets_the_photo(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    bench = make_bench("default", compreface={"urls": [double.url]}, worker={"outage_limit_s": 3600.0})
    upload = cluster.upload([portrait])
    double.go_down()
    bench.moderate(upload)
    cluster.redis.hset(bench.queue.keys.job(upload.id), "first_outage_ms", 1)

    bench.turn()

    assert cluster.standing(upload) == [("pending", "needs_review")]
    assert cluster.rows(upload)[0]["is_approved"] is False
    assert cluster.messages() == []
    assert record(bench, upload).state is JobState.DONE


def test_a_photo_that_a_healthy_service_chokes_on_uses_up_its_attempts_and_holds_up_nobody(
    bench: Bench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    upload = cluster.upload([portrait])
    double.script.seer = _boom

    cluster.push(upload)
    for attempt in (1, 2):
        bench.turn()
        found = record(bench, upload)
        assert (found.state, found.code, found.attempt) == (JobState.DELAYED, "compreface_failed", attempt)
        assert held(bench) == {}
    bench.turn()

    assert cluster.standing(upload) == [("pending", "needs_review")]
    assert bench.letters() == []


def test_a_batch_of_such_photos_ejects_the_endpoint_and_still_comes_to_an_end(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    """Three times two failures in a row open the breaker; the service itself is well all the time."""
    bench = make_bench("default", compreface={"urls": [double.url], "breaker_reset_s": 0.01})
    upload = cluster.upload([portrait] * 3)
    double.script.seer = _boom

    bench.moderate(upload)
    for _ in range(6):
        bench.turn()

    assert {reason for _, reason in cluster.standing(upload)} == {"needs_review"}
    assert held(bench) == {}


def test_photos_of_others_wait_for_an_ejected_endpoint_without_paying(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    bench = make_bench("default", compreface={"urls": [double.url], "breaker_failures": 2, "breaker_reset_s": 600.0})
    choking, innocent = cluster.upload([portrait]), cluster.upload([portrait])
    double.inject(CHOKES, times=2)
    bench.moderate(choking)

    bench.moderate(innocent)

    found = record(bench, innocent)
    assert (found.error_class, found.attempt) == ("outage", 0)
    assert held(bench) == {}, "the service serves other machines"


def test_a_refused_key_is_weather_that_an_operator_ends(
    make_bench: MakeBench,
    cluster: Cluster,
    portrait: bytes,
    double: CompreFaceDouble,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its health check needs no key, so the service looks well."""
    wrong = {"urls": [double.gateway_url], "api_key": "12345678-1234-1234-1234-123456789012"}
    bench = make_bench("default", compreface=wrong)
    upload = cluster.upload([portrait])

    bench.moderate(upload)
    for _ in range(3):
        bench.turn()

    found = record(bench, upload)
    assert (found.state, found.attempt) == (JobState.DELAYED, 0)
    assert "API key" in held(bench)["compreface"].reason
    assert cluster.standing(upload) == [("pending", None)]
    assert any("compreface.api_key" in str(entry.__dict__.get("hint")) for entry in caplog.records)
