"""What CompreFace 1.2.0 answers, row by row. The double must pass all of it.

`LOMI_COMPREFACE_CORE_URL=http://host:3000` runs the part about the core against a real one as well; it needs the
calibration photos for a face.
"""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.conftest import PHOTOS
from tests.doubles.compreface import (
    FACENET,
    INSIGHTFACE,
    Canned,
    CompreFaceDouble,
    Face,
    Html,
    Personality,
    Reset,
    Stall,
    marked_png,
)
from tests.doubles.compreface.personality import BUCKETS
from tests.integration.compreface.conftest import encode

REAL = os.environ.get("LOMI_COMPREFACE_CORE_URL", "").rstrip("/")
KEY = "00000000-0000-0000-0000-000000000003"
GREY = encode("PNG", "L", (320, 320))
GARBAGE = b"this is text, whatever its name says"
PLUGIN_KEYS = {
    "age": "age",
    "gender": "gender",
    "mask": "mask",
    "pose": "pose",
    "landmarks": "landmarks",
    "calculator": "embedding",
}
ADULT = Face((0.3, 0.2, 0.7, 0.8), 0.9987, 28)


@dataclass(frozen=True)
class Target:
    """A core, and an image on which it sees exactly one face."""

    url: str
    portrait: bytes
    real: bool = False

    def find(self, image: bytes | None = None, **query: str) -> httpx.Response:
        return upload(f"{self.url}/find_faces", self.portrait if image is None else image, **query)


def upload(url: str, image: bytes, name: str = "photo.png", key: str | None = None, **query: str) -> httpx.Response:
    headers = {"x-api-key": key} if key else {}
    return httpx.post(url, params=query, files={"file": (name, image)}, headers=headers, timeout=30, trust_env=False)


def send(method: str, url: str, **options: Any) -> httpx.Response:
    return httpx.request(method, url, timeout=30, trust_env=False, **options)


@pytest.fixture(scope="module", params=["double", "real"] if REAL else ["double"])
def core(request: pytest.FixtureRequest) -> Iterator[Target]:
    if request.param == "real":
        yield Target(REAL, (PHOTOS / "img1.jpg").read_bytes(), real=True)
        return
    with CompreFaceDouble(default_faces=()) as double:
        yield Target(double.url, marked_png([ADULT]))


@pytest.fixture(scope="module")
def api() -> Iterator[CompreFaceDouble]:
    """Unknown images show nobody."""
    with CompreFaceDouble(default_faces=(), read_timeout_s=0.2) as double:
        yield double


# --- the core: errors -------------------------------------------------------------------------------------------------


def test_core_without_a_file_says_that_none_is_attached(core: Target) -> None:
    assert_core(send("POST", f"{core.url}/find_faces"), 400, "400 Bad Request: No file is attached")


def test_core_takes_a_part_without_a_filename_for_a_field(core: Target) -> None:
    answer = send("POST", f"{core.url}/find_faces", files={"file": (None, GREY)})
    assert_core(answer, 400, "400 Bad Request: No file is attached")


def test_core_with_an_empty_filename_says_that_none_is_selected(core: Target) -> None:
    body = (
        b'--xx\r\nContent-Disposition: form-data; name="file"; filename=""\r\n'
        b"Content-Type: application/octet-stream\r\n\r\nabc\r\n--xx--\r\n"
    )
    answer = send(
        "POST", f"{core.url}/find_faces", content=body, headers={"content-type": "multipart/form-data; boundary=xx"}
    )
    assert_core(answer, 400, "400 Bad Request: No file is selected")


@pytest.mark.parametrize(
    ("image", "query", "message"),
    [
        pytest.param(GREY, {}, "No face is found in the given image", id="nobody there"),
        pytest.param(GARBAGE, {}, "Image has incorrect format or is broken", id="text"),
        pytest.param(GREY, {"det_prob_threshold": "1.5"}, "Detection threshold incorrect", id="threshold above 1"),
        pytest.param(GREY, {"det_prob_threshold": "-0.1"}, "Detection threshold incorrect", id="threshold below 0"),
        pytest.param(None, {"limit": "-1"}, "Limit value is invalid (limit >= 0)", id="negative limit"),
        pytest.param(None, {"limit": "abc"}, "Limit format is invalid (limit >= 0)", id="limit in letters"),
        pytest.param(GREY, {"limit": "-1"}, "No face is found", id="nobody there comes before the limit"),
        pytest.param(GARBAGE, {"det_prob_threshold": "2"}, "Image has incorrect format", id="broken comes first"),
        pytest.param(GARBAGE, {"limit": "-1"}, "Image has incorrect format", id="broken comes before the limit"),
    ],
)
def test_core_tells_its_400s_apart(core: Target, image: bytes | None, query: dict[str, str], message: str) -> None:
    assert_core(core.find(image, **query), 400, f"400 Bad Request: {message}")


def test_core_answers_500_with_the_exception_when_a_threshold_is_no_number(core: Target) -> None:
    assert_core(core.find(GREY, det_prob_threshold="abc"), 500, "ValueError: could not convert string to float")


def test_core_breaks_on_two_channels(core: Target) -> None:
    answer = core.find(encode("PNG", "LA"))
    assert answer.status_code == 500
    assert re.match(r"\w+: .", answer.json()["message"])


def test_core_breaks_on_a_file_that_ends_early(core: Target) -> None:
    whole = encode("JPEG", size=(900, 900))
    answer = core.find(whole[: len(whole) // 2])
    assert answer.status_code in (400, 500), "read_img catches ValueError and SyntaxError only, and Pillow says OSError"
    assert "No face" not in answer.json()["message"]


@pytest.mark.parametrize("path", ["/find_face", "/api/v1/detection/detect", "/"])
def test_core_knows_no_other_paths(core: Target, path: str) -> None:
    assert_core(send("POST", core.url + path), 404, "404 Not Found: ")


@pytest.mark.parametrize("path", ["/find_faces", "/find_faces_base64"])
def test_core_finds_faces_by_post_only(core: Target, path: str) -> None:
    assert_core(send("GET", core.url + path), 405, "405 Method Not Allowed: ")


def test_core_reads_base64_too(core: Target) -> None:
    text = base64.b64encode(core.portrait).decode()
    answer = send("POST", f"{core.url}/find_faces_base64", json={"file": text}, params={"face_plugins": "age"})
    assert answer.status_code == 200
    assert "age" in answer.json()["result"][0]


def test_core_breaks_on_json_without_a_file(core: Target) -> None:
    assert_core(send("POST", f"{core.url}/find_faces_base64", json={"image": "x"}), 500, "KeyError: 'file'")


# --- the core: answers ------------------------------------------------------------------------------------------------


def test_core_answers_with_a_box_times_and_versions(core: Target) -> None:
    body = core.find().json()
    assert set(body) == {"plugins_versions", "result"}
    face = body["result"][0]
    assert set(face) == {"box", "execution_time"}
    assert set(face["box"]) == {"probability", "x_min", "y_min", "x_max", "y_max"}
    assert set(body["plugins_versions"]) == {"detector"}


@pytest.mark.parametrize("plugin", sorted(PLUGIN_KEYS))
def test_core_runs_only_the_plugin_that_is_asked_for(core: Target, plugin: str) -> None:
    body = core.find(face_plugins=plugin).json()
    face = body["result"][0]
    assert {key for key in PLUGIN_KEYS.values() if key in face} == {PLUGIN_KEYS[plugin]}
    assert set(body["plugins_versions"]) == {"detector", plugin}
    assert set(face["execution_time"]) == {"detector", plugin}


def test_core_ignores_plugins_it_does_not_know(core: Target) -> None:
    body = core.find(face_plugins="age,horoscope").json()
    assert set(body["plugins_versions"]) == {"detector", "age"}


def test_core_says_an_age_as_whole_years(core: Target) -> None:
    age = core.find(face_plugins="age").json()["result"][0]["age"]
    assert set(age) == {"low", "high", "probability"}
    assert isinstance(age["low"], int)
    assert isinstance(age["high"], int)
    assert age["low"] <= age["high"]


def test_core_takes_its_parameters_from_form_fields_too(core: Target) -> None:
    answer = send(
        "POST", f"{core.url}/find_faces", files={"file": ("a.png", core.portrait)}, data={"face_plugins": "age"}
    )
    assert "age" in answer.json()["result"][0]


def test_core_filters_by_a_threshold_of_one(core: Target) -> None:
    assert_core(core.find(det_prob_threshold="1"), 400, "400 Bad Request: No face is found in the given image")


def test_core_is_healthy(core: Target) -> None:
    answer = send("GET", f"{core.url}/healthcheck")
    assert (answer.status_code, answer.json()) == (200, {"status": "OK"})


def test_core_says_what_it_is_made_of(core: Target) -> None:
    body = send("GET", f"{core.url}/status").json()
    assert body["status"] == "OK"
    assert body["build_version"]
    assert body["calculator_version"] == body["available_plugins"]["calculator"]
    assert len(body["similarity_coefficients"]) == 2
    assert {"detector", "age"} <= set(body["available_plugins"])


# --- the core: what only a script can show ----------------------------------------------------------------------------

BIG, MIDDLE, SMALL = (
    Face((0.5, 0.1, 0.95, 0.7), 0.99, 30),
    Face((0.1, 0.1, 0.4, 0.5), 0.9, 40),
    Face((0.1, 0.6, 0.2, 0.8), 0.7, 10),
)


def core_boxes(double: CompreFaceDouble, **query: str) -> list[float]:
    answer = upload(f"{double.url}/find_faces", marked_png([SMALL, BIG, MIDDLE]), **query)
    return [face["box"]["probability"] for face in answer.json()["result"]]


def test_core_puts_large_faces_first(api: CompreFaceDouble) -> None:
    assert core_boxes(api, det_prob_threshold="0.1") == [0.99, 0.9, 0.7]


@pytest.mark.parametrize(("limit", "count"), [("0", 3), ("", 3), ("1", 1), ("2", 2), ("9", 3)])
def test_core_limits_after_sorting(api: CompreFaceDouble, limit: str, count: int) -> None:
    assert core_boxes(api, det_prob_threshold="0.1", limit=limit) == [0.99, 0.9, 0.7][:count]


@pytest.mark.parametrize(("threshold", "count"), [("0.69", 3), ("0.7", 2), ("0.9", 1)])
def test_core_keeps_only_what_is_above_the_threshold(api: CompreFaceDouble, threshold: str, count: int) -> None:
    assert len(core_boxes(api, det_prob_threshold=threshold)) == count


@pytest.mark.parametrize(("build", "count"), [(FACENET, 1), (INSIGHTFACE, 2)])
def test_builds_differ_in_their_own_threshold(build: Personality, count: int) -> None:
    with CompreFaceDouble(personality=build) as double:
        answer = upload(
            f"{double.url}/find_faces",
            marked_png([Face(probability=0.86), Face(probability=0.82), Face(probability=0.8)]),
        )
        assert len(answer.json()["result"]) == count


@pytest.mark.parametrize(("years", "bucket"), [(1, 0), (5, 1), (12, 2), (14, 3), (17, 3), (22, 3), (23, 4), (90, 7)])
def test_facenet_builds_answer_with_the_nearest_bucket(years: float, bucket: int) -> None:
    low, high = BUCKETS[bucket]
    assert FACENET.age(years, 0.6) == {"probability": 0.6, "low": low, "high": high}


def test_insightface_builds_name_one_year_and_a_constant_probability() -> None:
    with CompreFaceDouble(personality=INSIGHTFACE) as double:
        body = upload(f"{double.url}/find_faces", marked_png([Face(age=17)]), face_plugins="age").json()
    assert body["result"][0]["age"] == {"low": 17, "high": 17, "probability": 1.0}
    assert body["plugins_versions"]["age"] == "insightface.AgeDetector"


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "1"), ("PNG", "I;16"), ("GIF", "L"),
     ("WEBP", "RGB"), ("BMP", "RGB"), ("TIFF", "RGB")],
)  # fmt: skip
def test_core_really_decodes(kind: str, mode: str) -> None:
    with CompreFaceDouble() as double:
        body = upload(f"{double.url}/find_faces", encode(kind, mode)).json()
    assert body["result"][0]["box"] | {"probability": 0} == {
        "probability": 0, "x_min": 120, "x_max": 280, "y_min": 100, "y_max": 400,
    }  # fmt: skip


def test_core_says_of_a_file_that_ends_early_what_pillow_says(api: CompreFaceDouble) -> None:
    whole = encode("JPEG", size=(900, 900))
    answer = upload(f"{api.url}/find_faces", whole[: len(whole) // 2])
    assert_core(answer, 500, "OSError: image file is truncated")


def test_core_refuses_one_dimension(api: CompreFaceDouble) -> None:
    out = io.BytesIO()
    np.savez(out, np.zeros(9, np.uint8))
    answer = upload(f"{api.url}/find_faces", out.getvalue())
    assert_core(answer, 400, "400 Bad Request: Given image has only one dimension")


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_core_does_not_turn_photos_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    with CompreFaceDouble(
        faces_for=lambda pixels: [Face((0, 0, pixels.shape[1], pixels.shape[0]), pixels=True)]
    ) as double:
        body = upload(f"{double.url}/find_faces", encode("JPEG", size=(640, 480), exif=exif)).json()
    box = body["result"][0]["box"]
    assert (box["x_max"], box["y_max"]) == (640, 480)


@pytest.mark.parametrize(
    ("build", "corner"), [(FACENET, {"x_max": 400, "y_max": 439}), (INSIGHTFACE, {"x_max": 400, "y_max": 500})]
)
def test_detect_faces_false_stays_behind_after_an_error_and_goes_with_a_success(
    build: Personality, corner: dict[str, int]
) -> None:
    with CompreFaceDouble(personality=build, workers=1) as double:
        url = f"{double.url}/find_faces"
        assert upload(url, GARBAGE, detect_faces="false").status_code == 400
        fake = upload(url, encode("PNG")).json()["result"]
        true = upload(url, encode("PNG")).json()["result"]
    assert [face["box"] for face in fake] == [{"probability": 1.0, "x_min": 0, "y_min": 0, **corner}]
    assert true[0]["box"]["probability"] == 0.9987


@pytest.mark.parametrize("where", ["hash", "png", "exif", "comment"])
def test_a_script_knows_an_image_by_its_hash_or_its_note(api: CompreFaceDouble, where: str) -> None:
    from tests.doubles.compreface.script import NOTE, note_json

    faces = [Face((0.1, 0.1, 0.2, 0.2)), Face((0.6, 0.1, 0.9, 0.9))]
    note = NOTE + note_json(faces)
    exif = Image.Exif()
    exif[0x010E] = note
    image = {
        "hash": lambda: encode("PNG", size=(123, 321)),
        "png": lambda: marked_png(faces),
        "exif": lambda: encode("JPEG", exif=exif),
        "comment": lambda: encode("JPEG", comment=note.encode()),
    }[where]()
    if where == "hash":
        api.script.tell(image, faces)
    assert len(upload(f"{api.url}/find_faces", image).json()["result"]) == 2


# --- the API ----------------------------------------------------------------------------------------------------------

DETECT = "/api/v1/detection/detect"


@pytest.mark.parametrize(
    ("key", "status", "code", "message"),
    [
        pytest.param(None, 400, 20, "Missing header: x-api-key", id="no key"),
        pytest.param("secret", 400, 26, "Service API key should be UUID", id="a word"),
        pytest.param(KEY[:-1], 400, 26, "Service API key should be UUID", id="35 characters"),
        pytest.param("z" * 36, 400, 26, "Service API key should be UUID", id="36 characters but no UUID"),
        pytest.param(KEY[:-1] + "9", 404, 10, f"Detection service with API Key {KEY[:-1]}9 not found", id="unknown"),
        pytest.param(KEY[:-1] + "2", 404, 10, f"Detection service with API Key {KEY[:-1]}2 not found", id="other type"),
    ],
)  # fmt: skip
def test_api_checks_the_key_before_anything_else(
    api: CompreFaceDouble, key: str | None, status: int, code: int, message: str
) -> None:
    assert_api(upload(api.api_url + DETECT, b"", name="x.heic", key=key, limit="-1"), status, code, message)


@pytest.mark.parametrize("name", ["x.heic", "photo", "x.jpg.exe"])
def test_api_refuses_other_extensions_before_it_looks_at_the_image(api: CompreFaceDouble, name: str) -> None:
    answer = upload(api.api_url + DETECT, GARBAGE, name=name, key=KEY)
    assert_api(answer, 400, 21, f"File [{name}] has an unavailable extension")


@pytest.mark.parametrize("name", ["a.TIF", "a.tiff", "a.jpg", "a.JPEG", "a.png", "a.bmp", "a.ico", "a.gif", "a.webp"])
def test_api_takes_the_extension_at_its_word(api: CompreFaceDouble, name: str) -> None:
    assert upload(api.api_url + DETECT, marked_png([ADULT]), name=name, key=KEY).status_code == 200


def test_api_misses_a_part_without_a_filename(api: CompreFaceDouble) -> None:
    for files in ({"other": ("a.png", GREY)}, {"file": (None, GREY)}):
        answer = send("POST", api.api_url + DETECT, files=files, headers={"x-api-key": KEY})
        assert_api(answer, 400, 34, "Required part file is missing")


def test_api_refuses_a_negative_limit_before_the_extension(api: CompreFaceDouble) -> None:
    answer = upload(api.api_url + DETECT, GREY, name="x.heic", key=KEY, limit="-1")
    assert_api(answer, 400, 26, "Limit should be equal or greater than 0; ")


@pytest.mark.parametrize("query", [{"limit": "many"}, {"det_prob_threshold": "high"}])
def test_api_gives_up_on_parameters_of_the_wrong_type(api: CompreFaceDouble, query: dict[str, str]) -> None:
    answer = upload(api.api_url + DETECT, GREY, key=KEY, **query)
    assert_api(answer, 400, 0, "Something went wrong, please try again")


def test_api_gives_up_on_files_beyond_5_mb(api: CompreFaceDouble) -> None:
    answer = upload(api.api_url + DETECT, bytes(5 * 1024 * 1024 + 1), key=KEY)
    assert_api(answer, 400, 0, "Something went wrong, please try again")


def test_gateway_refuses_bodies_beyond_10_mb_in_html(api: CompreFaceDouble) -> None:
    assert_html(upload(api.gateway_url + DETECT, bytes(10 * 1024 * 1024 + 1), key=KEY), 413)


@pytest.mark.parametrize(
    ("image", "query"),
    [
        pytest.param(GREY, {}, id="nobody there"),
        pytest.param(GARBAGE, {}, id="broken image"),
        pytest.param(GREY, {"det_prob_threshold": "7"}, id="bad threshold"),
    ],
)
def test_api_turns_every_400_of_the_core_into_no_face(
    api: CompreFaceDouble, image: bytes, query: dict[str, str]
) -> None:
    answer = upload(api.api_url + DETECT, image, key=KEY, **query)
    assert_api(answer, 400, 28, "No face is found in the given image")


def test_api_turns_a_500_of_the_core_into_code_41_with_all_its_words(api: CompreFaceDouble) -> None:
    answer = upload(api.api_url + DETECT, encode("PNG", "LA"), key=KEY)
    assert_api(
        answer, 500, 41,
        "Error during synchronization between servers: [500 INTERNAL SERVER ERROR] during [POST] to "
        "[http://compreface-core:3000/find_faces] [FacesFeignClient#findFaces(MultipartFile,Integer,Double,String)]: "
        '[{"message":"ValueError: could not broadcast input array from shape (2,) into shape (3,)"}]',
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Stall(5), "Read timed out executing POST http://compreface-core:3000/find_faces"),
        (Reset(), "Connection reset executing POST"),
        (Canned(500, b'{"message":"PluginError: age error - x"}'), "PluginError: age error - x"),
    ],
)
def test_api_turns_trouble_with_the_core_into_code_41(api: CompreFaceDouble, fault: Any, words: str) -> None:
    api.inject(fault, on="core")
    answer = upload(api.api_url + DETECT, GREY, key=KEY)
    assert (answer.status_code, answer.json()["code"]) == (500, 41)
    assert words in answer.json()["message"]


def test_api_outlives_its_core_and_so_does_its_status() -> None:
    with CompreFaceDouble() as double:
        double.go_down("core")
        answer = upload(double.api_url + DETECT, GREY, key=KEY)
        assert (answer.status_code, answer.json()["code"]) == (500, 41)
        assert "Connection refused" in answer.json()["message"]
        assert send("GET", double.api_url + "/api/v1/consistence/status").json()["status"] == "OK"
        assert_html(send("GET", double.gateway_url + "/core/healthcheck"), 502)


def test_api_reads_base64_in_json(api: CompreFaceDouble) -> None:
    text = base64.b64encode(marked_png([ADULT])).decode()
    answer = send("POST", api.api_url + DETECT, json={"file": text}, headers={"x-api-key": KEY})
    assert len(answer.json()["result"]) == 1


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        pytest.param({}, 5, "Field content cannot be empty", id="no file"),
        pytest.param({"file": ""}, 5, "Field content cannot be empty", id="empty"),
        pytest.param({"file": "*no base64*"}, 21, "Provided value is not Base64", id="not base64"),
        pytest.param({"file": "AAAA"}, 28, "No face is found in the given image", id="base64 of a broken image"),
    ],
)
def test_api_refuses_json_that_holds_no_image(
    api: CompreFaceDouble, body: dict[str, str], code: int, message: str
) -> None:
    answer = send("POST", api.api_url + DETECT, json=body, headers={"x-api-key": KEY})
    assert_api(answer, 400, code, message)


def test_api_refuses_other_methods_as_not_found_and_other_bodies_as_unsupported(api: CompreFaceDouble) -> None:
    headers = {"x-api-key": KEY}
    assert_api(send("GET", api.api_url + DETECT, headers=headers), 404, 0, "Request method 'GET' not supported")
    answer = send("POST", api.api_url + DETECT, content=b"x", headers=headers | {"content-type": "text/plain"})
    assert answer.status_code == 415


def test_api_is_pretty_printed_and_shows_only_what_was_asked_for(api: CompreFaceDouble) -> None:
    answer = upload(api.api_url + DETECT, marked_png([ADULT]), key=KEY)
    assert answer.text.startswith('{\n  "result" : [')
    assert answer.json() == {
        "result": [{"box": {"probability": 0.9987, "x_min": 120, "x_max": 280, "y_min": 100, "y_max": 400}}]
    }


def test_api_shows_times_and_versions_only_with_status(api: CompreFaceDouble) -> None:
    answer = upload(api.api_url + DETECT, marked_png([ADULT]), key=KEY, status="true", face_plugins="age,landmarks")
    body = answer.json()
    assert body["result"][0]["execution_time"] == {"detector": 130, "age": 30, "landmarks": 0}
    assert body["plugins_versions"] == {"detector": "facenet.FaceDetector", "age": "agegender.AgeDetector"}


def test_api_may_say_more_than_is_documented_in_any_order() -> None:
    with CompreFaceDouble(extra_keys=True) as double:
        body = upload(double.api_url + DETECT, marked_png([ADULT]), key=KEY, face_plugins="age").json()
    assert "a_key_of_tomorrow" in body
    assert body["result"][0]["age"]["low"] == 25


def test_api_tells_its_health_and_limits_without_a_key(api: CompreFaceDouble) -> None:
    status = send("GET", api.api_url + "/api/v1/consistence/status").json()
    assert status == {
        "demoFaceCollectionIsInconsistent": False, "dbIsInconsistent": False, "saveImagesToDB": True, "status": "OK",
    }  # fmt: skip
    limits = send("GET", api.api_url + "/api/v1/config").json()
    assert limits == {"clientMaxFileSize": 5242880, "clientMaxBodySize": 10485760}


def test_api_hides_its_actuator_behind_the_key(api: CompreFaceDouble) -> None:
    assert_api(send("GET", api.api_url + "/actuator/health"), 400, 20, "Missing header: x-api-key")


def test_gateway_passes_the_core_through_without_a_key(api: CompreFaceDouble) -> None:
    assert send("GET", api.gateway_url + "/core/status").json()["build_version"] == "1.2.0"
    assert send("GET", api.gateway_url + "/core/healthcheck").json() == {"status": "OK"}
    answer = upload(api.gateway_url + "/core/find_faces", marked_png([ADULT]))
    assert len(answer.json()["result"]) == 1


def test_gateway_answers_unknown_paths_with_the_web_page(api: CompreFaceDouble) -> None:
    assert_html(send("GET", api.gateway_url + "/status"), 200)
    assert send("GET", api.gateway_url + "/admin/status").json() == {"status": "OK"}


# --- faults, and how busy it is ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [413, 502, 504])
def test_gateway_pages_are_html(api: CompreFaceDouble, status: int) -> None:
    api.inject(Html(status))
    assert_html(upload(api.gateway_url + DETECT, GREY, key=KEY), status)


def test_a_core_that_is_down_refuses_and_comes_back_on_the_same_port(double: CompreFaceDouble) -> None:
    double.go_down()
    with pytest.raises(httpx.ConnectError):
        send("GET", f"{double.url}/healthcheck")
    double.refuse_for(0.0).join()
    assert send("GET", f"{double.url}/healthcheck").status_code == 200


def assert_core(answer: httpx.Response, status: int, message: str) -> None:
    assert answer.status_code == status
    assert answer.json()["message"].startswith(message)


def assert_api(answer: httpx.Response, status: int, code: int, message: str) -> None:
    assert (answer.status_code, answer.json()) == (status, {"message": message, "code": code})


def assert_html(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html"
    assert answer.text.lower().startswith(("<html>", "<!doctype html>"))
