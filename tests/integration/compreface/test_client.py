"""The client against the double: what it sends, what it makes of answers, and what it does in bad weather."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from lomi_ops.clients.compreface import DEFAULT_KEY, FaceService, unavailable_report
from lomi_ops.clients.compreface.outcome import Mode
from lomi_ops.clients.compreface.pool import HeldBack
from lomi_ops.config.sections.services import CompreFaceSection
from lomi_ops.domain.finding import AgeRange, Box, Engine, EngineReport, EngineStatus
from lomi_ops.errors import ConfigError, FacesUnavailable, Throttled
from tests.doubles.compreface import (
    FACENET,
    INSIGHTFACE,
    Canned,
    CompreFaceDouble,
    Drip,
    Face,
    Fault,
    Html,
    Oversize,
    Personality,
    Reset,
    Stall,
    Throttle,
    Truncated,
)
from tests.integration.compreface.conftest import encode

SIZE = (800, 1000)
"""Of the upright photo; the JPEG that is sent has half of it."""
OTHER_KEY = "aaaaaaaa-0000-0000-0000-00000000000b"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def open_service() -> Iterator[Callable[..., FaceService]]:
    """Services with short timeouts; closed at the end."""
    with ExitStack() as stack:

        def build(*urls: str, clock: Callable[[], float] | None = None, **settings: Any) -> FaceService:
            settings = {"timeout_s": 5.0, "connect_timeout_s": 1.0, "attempts": 1} | settings
            section = CompreFaceSection(urls=urls, **settings)
            return stack.enter_context(FaceService(section, clock=clock) if clock else FaceService(section))

        yield build


Open = Callable[..., FaceService]


def find(service: FaceService, jpeg: bytes) -> EngineReport:
    return service.find(jpeg, 2.0, SIZE)


# --- what is sent and what comes back ---------------------------------------------------------------------------------


def test_faces_come_in_pixels_of_the_photo_with_age_model_and_version(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes
) -> None:
    report = find(open_service(double.url), jpeg)
    assert (report.engine, report.status) == (Engine.FACES, EngineStatus.ANSWERED)
    assert (report.model, report.version) == ("compreface/agegender.AgeDetector", "1.2.0 facenet.FaceDetector")
    (face,) = report.findings
    assert (face.score, face.box) == (0.9987, Box(240, 200, 320, 600))
    assert face.age == AgeRange(25, 32, 0.93)
    assert report.elapsed_ms > 0


@pytest.mark.parametrize(
    ("face", "mode", "path"),
    [("url", "core", "/find_faces"), ("api_url", "api", "/api/v1/detection/detect"),
     ("gateway_url", "api", "/api/v1/detection/detect")],
)  # fmt: skip
def test_auto_finds_out_what_it_talks_to_and_asks_once(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes, face: str, mode: str, path: str
) -> None:
    service = open_service(getattr(double, face))
    for _ in range(3):
        assert find(service, jpeg).answered
    assert service.health()[0].mode == mode
    assert double.calls[path] == 3
    assert double.calls["/status"] == 1


def test_every_request_asks_for_all_faces_with_age_and_nothing_biometric(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes
) -> None:
    for url in (double.url, double.gateway_url):
        find(open_service(url, det_prob_threshold=0.7), jpeg)
    sent = [request for request in double.seen if request.method == "POST"]
    assert len(sent) == 2
    for request in sent:
        assert request.query == {"limit": "0", "det_prob_threshold": "0.7", "face_plugins": "age", "status": "true"}
        assert b'name="file"; filename="photo.jpg"' in request.body


def test_the_key_goes_to_the_api_and_nowhere_else(double: CompreFaceDouble, open_service: Open, jpeg: bytes) -> None:
    double.api.keys.add(OTHER_KEY)
    for url in (double.url, double.gateway_url):
        find(open_service(url, api_key=SecretStr(OTHER_KEY)), jpeg)
    with_key = {request.path for request in double.seen if "x-api-key" in request.headers}
    assert with_key == {"/api/v1/detection/detect"}


def test_a_gateway_tells_the_build_of_its_core(double: CompreFaceDouble, open_service: Open, jpeg: bytes) -> None:
    assert find(open_service(double.gateway_url), jpeg).version == "1.2.0 facenet.FaceDetector"
    assert find(open_service(double.api_url), jpeg).version == "facenet.FaceDetector"


def test_modes_can_be_named(double: CompreFaceDouble, open_service: Open, jpeg: bytes) -> None:
    assert find(open_service(double.url, mode="core"), jpeg).answered
    assert find(open_service(f"{double.gateway_url}/core/", mode="core"), jpeg).answered
    assert find(open_service(double.gateway_url, mode="api"), jpeg).answered


@pytest.mark.parametrize("face", ["url", "api_url"])
def test_no_faces_is_an_answer_without_findings(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes, face: str
) -> None:
    double.script.tell(jpeg, [])
    report = find(open_service(getattr(double, face)), jpeg)
    assert report.answered
    assert report.findings == ()


def test_an_age_of_one_year_has_no_confidence(open_service: Open, jpeg: bytes) -> None:
    with CompreFaceDouble(personality=INSIGHTFACE, default_faces=[Face(age=17)], extra_keys=True) as double:
        for url in (double.url, double.api_url):
            report = find(open_service(url), jpeg)
            assert report.model == "compreface/insightface.AgeDetector"
            assert report.findings[0].age == AgeRange(17, 17, None)


def test_connections_are_kept(double: CompreFaceDouble, open_service: Open, jpeg: bytes) -> None:
    service = open_service(double.url)
    for _ in range(10):
        find(service, jpeg)
    assert double.connections == 1


def test_the_well_known_key_is_warned_about(double: CompreFaceDouble, open_service: Open, jpeg: bytes) -> None:
    unknown, core, named = (
        open_service(double.gateway_url), open_service(double.url), open_service(double.gateway_url, mode="api"),
    )  # fmt: skip
    explicit = open_service(double.gateway_url, mode="api", api_key=SecretStr(DEFAULT_KEY))
    own = open_service(double.gateway_url, mode="api", api_key=SecretStr(OTHER_KEY))
    assert not unknown.uses_default_key
    find(unknown, jpeg)
    find(core, jpeg)
    assert [s.uses_default_key for s in (unknown, core, named, explicit, own)] == [True, False, True, True, False]
    assert "well-known key" in named.warning
    assert own.warning == ""


def test_a_password_in_the_url_is_sent_and_never_shown(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes
) -> None:
    service = open_service(double.url.replace("http://", "http://user:hunter2@"))
    find(service, jpeg)
    assert double.seen[-1].headers["authorization"].startswith("Basic ")
    double.go_down()
    with pytest.raises(FacesUnavailable) as caught:
        find(service, jpeg)
    assert "hunter2" not in caught.value.message
    assert "hunter2" not in str(service.health())


# --- settings that cannot work ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("urls", [(), ("core:3000",), ("ftp://core",), ("http://",), ("http://a b:x",)])
def test_urls_that_cannot_work_are_refused_at_once(urls: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        FaceService(CompreFaceSection(urls=urls))
    assert "compreface.urls" in caught.value.hint


@pytest.mark.parametrize("key", ["nonsense", OTHER_KEY, "00000000-0000-0000-0000-000000000002"])
def test_a_wrong_key_is_a_mistake_and_not_tried_again(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes, key: str
) -> None:
    service = open_service(double.gateway_url, api_key=SecretStr(key), attempts=5)
    with pytest.raises(ConfigError) as caught:
        find(service, jpeg)
    assert "compreface.api_key" in caught.value.hint
    assert key not in caught.value.message
    assert double.detections == 1


def test_something_else_than_compreface_is_a_mistake(double: CompreFaceDouble, open_service: Open, jpeg: bytes) -> None:
    service = open_service(f"{double.gateway_url}/elsewhere")
    with pytest.raises(ConfigError, match="does not answer like CompreFace"):
        find(service, jpeg)


def test_an_image_beyond_the_limit_of_the_api_is_not_sent(double: CompreFaceDouble, open_service: Open) -> None:
    service = open_service(double.gateway_url)
    with pytest.raises(ConfigError, match="takes files up to 5242880 bytes") as caught:
        find(service, bytes(5242881))
    assert "canonical" in caught.value.hint
    assert double.detections == 0


def test_a_gateway_that_takes_no_such_size_is_a_mistake(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes
) -> None:
    double.inject(Html(413))
    with pytest.raises(ConfigError, match="takes no image of this size"):
        find(open_service(double.gateway_url), jpeg)


# --- weather ----------------------------------------------------------------------------------------------------------

WEATHER = [
    Stall(5), Reset(), Reset(early=True), Html(502), Html(504), Html(503), Html(200), Truncated(), Drip(0.05),
    Oversize(2_000_000), Canned(500, b'{"message": "MemoryError"}'), Canned(200, b'{"result": []}'), Canned(204),
    Canned(302, headers=(("Location", "http://127.0.0.1:9/"),)),
    Canned(200, b"\x1f\x8b", headers=(("Content-Encoding", "gzip"),)),
]  # fmt: skip


@pytest.mark.parametrize("fault", WEATHER, ids=str)
@pytest.mark.parametrize("face", ["url", "gateway_url"])
def test_every_fault_is_unavailable_and_the_next_photo_is_fine(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes, fault: Fault, face: str
) -> None:
    slow = isinstance(fault, Stall | Drip)
    service = open_service(getattr(double, face), timeout_s=0.2 if slow else 5.0)
    double.inject(fault)
    with pytest.raises(FacesUnavailable) as caught:
        find(service, jpeg)
    assert getattr(double, face) in caught.value.message
    assert not unavailable_report(caught.value).answered
    assert unavailable_report(caught.value).detail == caught.value.message
    if not slow:
        assert find(service, jpeg).answered


@pytest.mark.parametrize("fault", WEATHER, ids=str)
def test_a_second_try_gets_over_any_of_them(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes, fault: Fault
) -> None:
    slow = isinstance(fault, Stall | Drip)
    double.inject(fault)
    assert find(open_service(double.url, attempts=2, timeout_s=0.6 if slow else 5.0), jpeg).answered
    assert double.detections == 2


@pytest.mark.parametrize("personality", [FACENET, INSIGHTFACE], ids=lambda p: p.name)
def test_a_made_up_face_is_never_a_face(personality: Personality, open_service: Open) -> None:
    wide = encode("JPEG", size=(500, 400))
    with CompreFaceDouble(personality=personality, workers=1) as double:
        for image, size in ((wide, (1000, 800)), (encode("JPEG"), SIZE)):
            double.stick()
            with pytest.raises(FacesUnavailable, match="detect_faces stuck"):
                open_service(double.url).find(image, 2.0, size)
            double.stick()
            report = open_service(double.api_url, attempts=2).find(image, 2.0, size)
            assert report.findings[0].score == 0.9987


@pytest.mark.parametrize("body", [{"low": 40, "high": 20}, {"low": -3, "high": 2}, {"low": float("nan"), "high": 2}])
def test_an_impossible_age_is_a_fault(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes, body: dict[str, Any]
) -> None:
    box = {"probability": 0.9, "x_min": 1, "y_min": 1, "x_max": 90, "y_max": 90}
    double.inject(Canned(200, json.dumps({"result": [{"box": box, "age": body}]}).encode()))
    with pytest.raises(FacesUnavailable, match="impossible answer"):
        find(open_service(double.url), jpeg)


@pytest.mark.parametrize("words", ["Image has incorrect format or is broken", "Given image has only one dimension"])
def test_a_core_that_cannot_read_our_image_is_at_fault(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes, words: str
) -> None:
    double.inject(Canned(400, json.dumps({"message": f"400 Bad Request: {words}"}).encode()))
    with pytest.raises(FacesUnavailable, match=words):
        find(open_service(double.url), jpeg)


def test_something_went_wrong_is_tried_once_more_and_no_more(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes
) -> None:
    undefined = Canned(400, b'{"message": "Something went wrong, please try again", "code": 0}')
    double.inject(undefined)
    assert find(open_service(double.api_url, attempts=1), jpeg).answered
    assert double.detections == 2
    double.inject(undefined, times=9)
    with pytest.raises(FacesUnavailable, match="code 0"):
        find(open_service(double.api_url, attempts=5), jpeg)
    assert double.detections == 4


@pytest.mark.parametrize(
    ("fault", "seconds"), [(Throttle(), 7.0), (Throttle(retry_after=None), None), (Throttle(503, "2"), 2.0)]
)
def test_a_wish_to_slow_down_is_passed_on(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes, fault: Fault, seconds: float | None
) -> None:
    clock = Clock()
    service = open_service(double.url, clock=clock, attempts=3)
    double.inject(fault)
    with pytest.raises(Throttled) as caught:
        find(service, jpeg)
    assert caught.value.retry_after_s == seconds
    with pytest.raises(HeldBack, match="asks to slow down") as others:
        find(service, jpeg)
    assert others.value.retry_after_s == (1.0 if seconds is None else seconds)
    assert double.detections == 1
    clock.now += 1.0 if seconds is None else seconds
    assert find(service, jpeg).answered


def test_one_that_wants_fewer_questions_is_not_out(double: CompreFaceDouble, open_service: Open, jpeg: bytes) -> None:
    clock = Clock()
    service = open_service(double.url, clock=clock)
    double.inject(Throttle(429, "3"), on="health")
    with pytest.raises(Throttled) as caught:
        find(service, jpeg)
    assert (caught.value.retry_after_s, double.detections) == (3.0, 0)
    clock.now += 3
    assert find(service, jpeg).answered


@pytest.mark.parametrize("status", [500, 503])
def test_one_that_cannot_say_yet_what_it_is_is_asked_again(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes, status: int
) -> None:
    service = open_service(double.url)
    double.inject(Html(status), on="health")
    with pytest.raises(FacesUnavailable, match=f"answers {status}"):
        find(service, jpeg)
    assert find(service, jpeg).model == "compreface/agegender.AgeDetector"


def test_trouble_of_the_core_behind_the_api_is_unavailable(open_service: Open, jpeg: bytes) -> None:
    with CompreFaceDouble(read_timeout_s=0.05) as double:
        service = open_service(double.gateway_url)
        double.inject(Stall(5), Reset(), on="core")
        for words in ("Read timed out", "Connection reset"):
            with pytest.raises(FacesUnavailable, match=words):
                find(service, jpeg)
        double.go_down("core")
        with pytest.raises(FacesUnavailable, match="Connection refused"):
            find(service, jpeg)


def test_a_cold_core_answers_late_but_answers(open_service: Open, jpeg: bytes) -> None:
    with CompreFaceDouble(workers=1, cold_start_s=0.9) as double:
        service = open_service(double.url, timeout_s=0.6)
        with pytest.raises(FacesUnavailable, match=r"within 0\.6 s"):
            find(service, jpeg)
        with double.core.worker():
            """The only worker came free, so the models are loaded."""
        assert find(open_service(double.url), jpeg).answered


# --- several endpoints, and a breaker for each ------------------------------------------------------------------------


@pytest.fixture
def two() -> Iterator[tuple[CompreFaceDouble, CompreFaceDouble]]:
    with CompreFaceDouble() as first, CompreFaceDouble() as second:
        yield first, second


Two = tuple[CompreFaceDouble, CompreFaceDouble]


def test_photos_are_shared_out(two: Two, open_service: Open, jpeg: bytes) -> None:
    service = open_service(*(double.url for double in two))
    for _ in range(10):
        find(service, jpeg)
    assert [double.detections for double in two] == [5, 5]


def test_another_try_goes_to_another_endpoint(two: Two, open_service: Open, jpeg: bytes) -> None:
    for double in two:
        double.inject(Html(502))
    service = open_service(*(double.url for double in two), attempts=2)
    with pytest.raises(FacesUnavailable, match="502"):
        find(service, jpeg)
    assert [double.detections for double in two] == [1, 1]


def test_one_endpoint_down_costs_no_photo_and_it_is_used_again_when_it_is_well(
    two: Two, open_service: Open, jpeg: bytes
) -> None:
    clock = Clock()
    first, second = two
    service = open_service(first.url, second.url, clock=clock, attempts=2, breaker_failures=2)
    first.go_down()
    for _ in range(6):
        assert find(service, jpeg).answered
    assert second.detections == 6
    assert [health.ejected for health in service.health()] == [True, False]
    first.come_up()
    assert find(service, jpeg).answered
    assert first.detections == 0, "an ejected one is left alone until its time is over"
    clock.now += 10
    for _ in range(4):
        find(service, jpeg)
    assert first.calls["/healthcheck"] == 1
    assert first.detections == 2
    assert not any(health.ejected for health in service.health())


def test_an_ejected_endpoint_comes_back_by_its_health_and_a_photo(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes
) -> None:
    clock = Clock()
    service = open_service(double.url, clock=clock, breaker_failures=2, breaker_reset_s=10.0)
    double.inject(Html(502), times=3)

    def fails(words: str) -> None:
        with pytest.raises(FacesUnavailable, match=words):
            find(service, jpeg)

    fails("answers 502")
    fails("answers 502")
    fails("no CompreFace endpoint is in use .*answers 502")
    assert (double.detections, double.calls["/healthcheck"]) == (2, 0)
    clock.now += 10
    double.inject(Html(503), times=1, on="health")
    fails("no CompreFace endpoint is in use .*answers 503")
    assert double.detections == 2, "its health speaks against it, so no photo is sent"
    clock.now += 10
    fails("answers 502")
    assert double.detections == 3, "well, but the photo fails: ejected at once"
    fails("no CompreFace endpoint is in use")
    clock.now += 10
    for _ in range(3):
        assert find(service, jpeg).answered
    assert double.calls["/healthcheck"] == 2, "the first question about its health was lost on /status"


def test_what_comes_back_is_asked_again_what_it_is(open_service: Open, jpeg: bytes) -> None:
    clock = Clock()
    with CompreFaceDouble() as old:
        port = int(old.url.rsplit(":", 1)[1])
        service = open_service(old.url, clock=clock, breaker_failures=1)
        assert find(service, jpeg).version == "1.2.0 facenet.FaceDetector"
        old.go_down()
        with pytest.raises(FacesUnavailable):
            find(service, jpeg)
    clock.now += 10
    with CompreFaceDouble(personality=INSIGHTFACE, core_port=port):
        assert find(service, jpeg).version == "1.2.0 insightface.FaceDetector@retinaface_r50_v1"


def test_callers_wait_here_and_not_in_the_backlog(open_service: Open, jpeg: bytes) -> None:
    with CompreFaceDouble(service_s=0.02) as double:
        service = open_service(double.url, concurrency=2)
        with ThreadPoolExecutor(8) as threads:
            reports = list(threads.map(lambda _: find(service, jpeg), range(16)))
    assert all(report.answered for report in reports)
    assert double.most_at_once == 2


def test_nobody_waits_for_ever_for_a_place(double: CompreFaceDouble, open_service: Open, jpeg: bytes) -> None:
    service = open_service(double.url, concurrency=1, timeout_s=0.1)
    service._places[0].in_flight = 1
    with pytest.raises(FacesUnavailable, match=r"taken for 0\.4 s"):
        find(service, jpeg)


def test_an_interrupted_call_gives_its_place_back(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = open_service(double.url, concurrency=1)
    with monkeypatch.context() as patch:

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(service._places[0].endpoint, "find", interrupt)
        with pytest.raises(KeyboardInterrupt):
            find(service, jpeg)
    assert find(service, jpeg).answered


def test_a_third_caller_of_two_workers_waits_for_one_of_them(
    double: CompreFaceDouble, open_service: Open, jpeg: bytes
) -> None:
    service = open_service(double.url, concurrency=3)
    find(service, jpeg)
    with ThreadPoolExecutor(1) as thread:
        with double.core.worker(), double.core.worker():
            waiting = thread.submit(find, service, jpeg)
            while double.detections < 2:
                threading.Event().wait(0.001)
            assert not waiting.done()
        assert waiting.result(5).answered


# --- health and inventory ---------------------------------------------------------------------------------------------


def test_health_is_told_for_every_endpoint(two: Two, open_service: Open) -> None:
    first, second = two
    service = open_service(first.url, second.gateway_url)
    assert [(h.url, h.ok, h.mode) for h in service.health()] == [
        (first.url, True, Mode.CORE), (second.gateway_url, True, Mode.API),
    ]  # fmt: skip
    first.go_down()
    second.inject(Html(503), on="health")
    sick, busy = service.health()
    assert (sick.ok, busy.ok) == (False, False)
    assert "no connection" in sick.detail
    assert "/api/v1/consistence/status answers 503" in busy.detail


def test_the_api_alone_does_not_vouch_for_its_core(double: CompreFaceDouble, open_service: Open) -> None:
    service = open_service(double.gateway_url)
    assert service.health()[0].ok
    double.go_down("core")
    (health,) = service.health()
    assert (health.ok, health.detail) == (False, "/core/healthcheck answers 502")


def test_an_old_core_without_a_healthcheck_is_asked_for_its_status(open_service: Open) -> None:
    with CompreFaceDouble(has_healthcheck=False) as double:
        assert open_service(double.url).health()[0].ok
        assert double.calls["/status"] == 2


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (Canned(200, b'{"status": "NOT_READY"}'), "says 'NOT_READY'"),
        (Canned(200, b"<html>"), "says 'None'"),
        (Html(502), "answers 502"),
    ],
)
def test_a_200_that_is_not_ok_is_not_well(
    double: CompreFaceDouble, open_service: Open, answer: Fault, detail: str
) -> None:
    service = open_service(double.url, mode="core")
    assert service.health()[0].ok
    double.inject(answer, on="health")
    assert detail in service.health()[0].detail


@pytest.mark.parametrize(("path", "ok"), [("/status", True), ("/nowhere", False)])
def test_the_health_url_can_be_set(double: CompreFaceDouble, open_service: Open, path: str, ok: bool) -> None:
    assert open_service(double.url, health_url=path).health()[0].ok is ok
    assert open_service("http://127.0.0.1:9", health_url=double.url + path).health()[0].ok is ok
    assert open_service(double.url, health_url=double.gateway_url + "/anything").health()[0].ok


def test_a_flapping_health_is_no_reason_to_stop(double: CompreFaceDouble, open_service: Open, jpeg: bytes) -> None:
    service = open_service(double.url)
    find(service, jpeg)
    double.inject(Html(503), times=2, on="health")
    assert [service.health()[0].ok for _ in range(3)] == [False, False, True]
    assert find(service, jpeg).answered


def test_the_inventory_shows_what_can_tell_ages(two: Two, open_service: Open) -> None:
    service = open_service(two[0].url, two[1].gateway_url)
    inventory = service.inventory()
    assert set(inventory) == {two[0].url, two[1].gateway_url}
    assert {item.age for item in inventory.values()} == {"agegender.AgeDetector"}
    assert not inventory[two[0].url].points_at_ages
    two[0].go_down()
    with pytest.raises(FacesUnavailable):
        open_service(two[0].url).inventory()


# --- the double as a program ------------------------------------------------------------------------------------------


def test_the_double_runs_as_a_program(open_service: Open, jpeg: bytes) -> None:
    command = [sys.executable, "-m", "tests.doubles.compreface", "--service-ms", "0", "--faces", "two"]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root, env=dict(os.environ)) as program:
        assert program.stdout is not None
        try:
            urls = json.loads(program.stdout.readline())
            assert len(find(open_service(urls["core"]), jpeg).findings) == 2
            assert httpx.get(urls["gateway"] + "/core/status", trust_env=False).status_code == 200
        finally:
            program.send_signal(signal.SIGTERM)
        assert program.wait(20) == 0
