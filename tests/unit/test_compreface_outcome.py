from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.clients.compreface.outcome import Kind, Mode, Outcome, another_try, classify
from lomi_ops.clients.compreface.transport import Reply

FACE = {"box": {"probability": 0.9, "x_min": 1, "y_min": 1, "x_max": 9, "y_max": 9}}
KEY = "00000000-0000-0000-0000-000000000003"


def said(status: int, message: str, code: int | None = None) -> Reply:
    body: dict[str, object] = {"message": message}
    return Reply(status, json.dumps(body if code is None else {**body, "code": code}).encode())


CORE = [
    (said(400, "400 Bad Request: No face is found in the given image"), Kind.NO_FACE),
    (said(400, "400 Bad Request: Image has incorrect format or is broken"), Kind.UNAVAILABLE),
    (said(400, "400 Bad Request: Given image has only one dimension"), Kind.UNAVAILABLE),
    (said(400, "400 Bad Request: No file is attached"), Kind.MISCONFIGURED),
    (said(400, "400 Bad Request: No file is selected"), Kind.MISCONFIGURED),
    (said(400, "400 Bad Request: Detection threshold incorrect (0 <= det_prob_threshold <= 1)"), Kind.MISCONFIGURED),
    (said(400, "400 Bad Request: Limit format is invalid (limit >= 0)"), Kind.MISCONFIGURED),
    (said(400, "400 Bad Request: Limit value is invalid (limit >= 0)"), Kind.MISCONFIGURED),
    (said(400, "400 Bad Request: something new"), Kind.UNDEFINED),
    (said(400, "No face is found in the given image", 28), Kind.NO_FACE),
    (said(500, "PluginError: agegender.AgeDetector error - x"), Kind.UNAVAILABLE),
    (said(500, "OSError: image file is truncated"), Kind.UNAVAILABLE),
    (said(500, "ValueError: No face is found in the given image"), Kind.UNAVAILABLE),
    (said(404, "404 Not Found: "), Kind.MISCONFIGURED),
    (said(405, "405 Method Not Allowed: "), Kind.MISCONFIGURED),
]

API = [
    (said(400, "No face is found in the given image", 28), Kind.NO_FACE),
    (said(400, "Missing header: x-api-key", 20), Kind.MISCONFIGURED),
    (said(400, "Service API key should be UUID", 26), Kind.MISCONFIGURED),
    (said(404, f"Detection service with API Key {KEY} not found", 10), Kind.MISCONFIGURED),
    (said(400, "Required part file is missing", 34), Kind.MISCONFIGURED),
    (said(400, "Field content cannot be empty", 5), Kind.MISCONFIGURED),
    (said(400, "File [x.heic] has an unavailable extension", 21), Kind.MISCONFIGURED),
    (said(400, "Something went wrong, please try again", 0), Kind.UNDEFINED),
    (said(400, "something new", 99), Kind.UNDEFINED),
    (said(500, "Error during synchronization between servers: x", 41), Kind.UNAVAILABLE),
    (said(500, "No face is found in the given image", 28), Kind.UNAVAILABLE),
    (said(404, "Request method 'GET' not supported", 0), Kind.MISCONFIGURED),
    (said(404, "demo", 404), Kind.MISCONFIGURED),
    (said(400, "400 Bad Request: No face is found in the given image"), Kind.UNDEFINED),
    (Reply(415), Kind.MISCONFIGURED),
]

BOTH = [
    (Reply(502, b"<html>"), Kind.UNAVAILABLE),
    (Reply(503, b"<html>"), Kind.UNAVAILABLE),
    (Reply(504, b"<html>"), Kind.UNAVAILABLE),
    (Reply(500, b""), Kind.UNAVAILABLE),
    (Reply(408), Kind.UNAVAILABLE),
    (Reply(418), Kind.UNAVAILABLE),
    (Reply(204), Kind.UNAVAILABLE),
    (Reply(301, b"", {"location": "https://elsewhere/"}), Kind.UNAVAILABLE),
    (Reply(400, b"<html>"), Kind.UNDEFINED),
    (Reply(401, b"<html>"), Kind.MISCONFIGURED),
    (Reply(403, b"<html>"), Kind.MISCONFIGURED),
    (Reply(404, b"<html>"), Kind.MISCONFIGURED),
    (Reply(413, b"<html>"), Kind.MISCONFIGURED),
    (Reply(429), Kind.THROTTLED),
    (Reply(503, b"", {"retry-after": "5"}), Kind.THROTTLED),
    (Reply(200, b"<html>"), Kind.UNAVAILABLE),
    (Reply(200, b'{"result": []}'), Kind.UNAVAILABLE),
    (Reply(200, json.dumps({"result": [FACE]}).encode()), Kind.FACES),
]

CASES = [
    *[(Mode.CORE, reply, kind) for reply, kind in CORE],
    *[(Mode.API, reply, kind) for reply, kind in API],
    *[(mode, reply, kind) for mode in Mode for reply, kind in BOTH],
]


@pytest.mark.parametrize(("mode", "reply", "kind"), CASES, ids=lambda value: str(getattr(value, "body", value))[:60])
def test_every_answer_has_one_meaning(mode: Mode, reply: Reply, kind: Kind) -> None:
    assert classify(reply, mode).kind is kind


@given(st.sampled_from(list(Mode)), st.integers(100, 599), st.binary(max_size=200))
def test_no_answer_in_other_words_is_ever_about_faces(mode: Mode, status: int, body: bytes) -> None:
    assert classify(Reply(status, body), mode).kind not in (Kind.FACES, Kind.NO_FACE)


@pytest.mark.parametrize(("mode", "reply", "kind"), CASES, ids=lambda value: str(getattr(value, "body", value))[:60])
def test_no_meaning_repeats_the_key(mode: Mode, reply: Reply, kind: Kind) -> None:
    outcome = classify(reply, mode)
    assert KEY not in outcome.detail + outcome.hint


@pytest.mark.parametrize(("status", "field"), [(413, "canonical_side"), (404, "compreface.urls")])
def test_what_a_person_can_change_comes_with_the_setting(status: int, field: str) -> None:
    assert field in classify(Reply(status, b"<html>"), Mode.API).hint


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"retry-after": "999999"}, 3600.0),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 09:00:30 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 -0000", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "²"}, None),
        ({}, None),
    ],
)
def test_a_wish_to_wait_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert classify(Reply(429, b"", headers), Mode.CORE).retry_after_s == seconds


def kinds(*named: Kind) -> list[Outcome]:
    return [Outcome(kind) for kind in named]


@pytest.mark.parametrize(
    ("outcomes", "attempts", "again"),
    [
        (kinds(Kind.FACES), 9, False),
        (kinds(Kind.NO_FACE), 9, False),
        (kinds(Kind.MISCONFIGURED), 9, False),
        (kinds(Kind.UNAVAILABLE), 1, False),
        (kinds(Kind.UNAVAILABLE), 2, True),
        (kinds(Kind.UNAVAILABLE, Kind.THROTTLED), 2, False),
        (kinds(Kind.THROTTLED), 2, True),
        (kinds(Kind.UNDEFINED), 1, True),
        (kinds(Kind.UNDEFINED, Kind.UNDEFINED), 9, False),
        (kinds(Kind.UNAVAILABLE, Kind.UNDEFINED), 2, True),
        (kinds(Kind.UNDEFINED, Kind.UNAVAILABLE), 3, True),
    ],
)
def test_only_weather_is_tried_again(outcomes: list[Outcome], attempts: int, again: bool) -> None:
    assert another_try(outcomes, attempts) is again
