"""A slot beside a face service that is slow, refuses, throttles or chokes: who waits, who pays, who is told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest

from lomi_ops.queue.replies import Hold, JobRecord, JobState
from tests.doubles.compreface import Canned, CompreFaceDouble, Face, Stall, Throttle
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
    assert 20_000 <= hold.until_ms - hold.since_ms <= 22_000
    assert hold.throttled
    assert [rate.upstream for rate in bench.queue.stats().rates] == ["compreface"]
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


def test_photos_of_others_do_not_pay_for_an_endpoint_that_one_photo_had_ejected(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    """An answer to the worker's own question says that it is well, whatever its breaker thinks."""
    bench = make_bench("default", compreface={"urls": [double.url], "breaker_failures": 2, "breaker_reset_s": 600.0})
    choking, innocent = cluster.upload([portrait]), cluster.upload([b"text", portrait])
    double.script.seer = _boom
    bench.moderate(choking)
    double.script.seer = None

    bench.moderate(innocent)

    assert record(bench, choking).code == "compreface_failed"
    assert cluster.standing(innocent) == [("failed", "unreadable"), ("approved", None)]
    assert held(bench) == {}, "the service serves other machines"


# --- one attempt, or none ---------------------------------------------------------------------------------------------


def test_a_photo_whose_tries_fell_into_weather_is_judged_when_it_is_over(
    bench: Bench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    """Both tries fail, the worker's own question is answered, and so is the photo when it is asked once more."""
    upload = cluster.upload([portrait])
    double.inject(CHOKES, times=2)

    bench.moderate(upload)

    assert cluster.standing(upload) == [("approved", None)]
    assert (record(bench, upload).attempt, record(bench, upload).setbacks) == (1, 0)


@pytest.mark.parametrize("failures", [3, 5])
def test_weather_on_either_side_of_an_answered_question_costs_no_attempt(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble, failures: int
) -> None:
    """3: two tries, then the question. 5: two tries, a question that is answered, two tries, the next question."""
    bench = make_bench("default", compreface={"urls": [double.url]}, worker={"attempts": 1})
    upload = cluster.upload([portrait])
    double.inject(CHOKES, times=2)
    if failures == 5:
        double.inject(Stall(0))
    double.inject(CHOKES, times=failures - 2)

    bench.moderate(upload)

    found = record(bench, upload)
    assert (found.state, found.error_class, found.attempt, found.setbacks) == (JobState.DELAYED, "outage", 0, 1)
    assert set(held(bench)) == {"compreface"}
    bench.turn()
    assert cluster.standing(upload) == [("approved", None)]


# --- one outage, one probe --------------------------------------------------------------------------------------------


def over(bench: Bench, cluster: Cluster, *, since_ms: int | None = None) -> None:
    """The time of the open breaker is over."""
    hold = held(bench)["compreface"]
    cluster.redis.hset(
        bench.queue.keys.holds, "compreface", f"{hold.until_ms - 60_000}|{since_ms or hold.since_ms}|{hold.reason}"
    )


def come_due(bench: Bench, cluster: Cluster) -> None:
    for job_id in cluster.redis.zrange(bench.queue.keys.delayed, 0, -1):
        cluster.redis.execute_command("ZADD", bench.queue.keys.delayed, 1, job_id)  # type: ignore[no-untyped-call]


def test_a_probe_that_is_answered_opens_the_queue_for_all(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    bench = make_bench("default", compreface={"urls": [double.url], "breaker_reset_s": 0.01})
    upload = cluster.upload([portrait])
    double.go_down()
    bench.moderate(upload)
    double.come_up()
    over(bench, cluster)
    come_due(bench, cluster)

    bench.slot.step()

    assert cluster.standing(upload) == [("approved", None)]
    assert held(bench) == {}


def test_a_probe_that_fails_closes_it_for_longer(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    bench = make_bench("default", compreface={"urls": [double.url], "breaker_reset_s": 0.01})
    double.go_down()
    bench.moderate(cluster.upload([portrait]))
    first = held(bench)["compreface"]
    over(bench, cluster)
    come_due(bench, cluster)

    bench.slot.step()

    second = held(bench)["compreface"]
    assert (first.failures, second.failures) == (1, 2)
    assert not second.half_open
    assert second.since_ms == first.since_ms


def test_a_probe_that_never_asked_proves_nothing(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    bench = make_bench("default", compreface={"urls": [double.url], "breaker_reset_s": 0.01})
    double.go_down()
    bench.moderate(cluster.upload([portrait]))
    over(bench, cluster)
    broken = cluster.upload([b"text"])

    bench.moderate(broken)

    assert cluster.standing(broken) == [("failed", "unreadable")]
    assert held(bench)["compreface"].half_open


def test_a_job_that_waited_unclaimed_through_an_outage_goes_to_a_person_at_its_first_try(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    """An hour after the breaker opened; what does not need the service is decided as ever."""
    bench = make_bench("default", compreface={"urls": [double.url], "breaker_reset_s": 0.01})
    double.go_down()
    bench.moderate(cluster.upload([portrait]))
    over(bench, cluster, since_ms=held(bench)["compreface"].since_ms - 3_700_000)
    waited = cluster.upload([portrait, b"text"])

    bench.moderate(waited)

    assert cluster.standing(waited) == [("pending", "needs_review"), ("failed", "unreadable")]
    assert cluster.rows(waited)[0]["is_approved"] is False
    assert record(bench, waited).state is JobState.DONE
    still = held(bench)["compreface"]
    assert not still.half_open, "it is still out, and says so"
    assert cluster.redis.zcard(bench.queue.keys.delayed) == 1


def test_after_an_hour_a_photo_that_is_answered_is_decided_and_not_handed_over(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    bench = make_bench("default", compreface={"urls": [double.url], "breaker_reset_s": 0.01})
    double.go_down()
    bench.moderate(cluster.upload([portrait]))
    over(bench, cluster, since_ms=held(bench)["compreface"].since_ms - 3_700_000)
    double.come_up()
    waited = cluster.upload([portrait])

    bench.moderate(waited)

    assert cluster.standing(waited) == [("approved", None)]
    assert held(bench) == {}


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
