from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lomi_ops.clients.compreface.answers import Inventory, findings, read_answer, read_inventory, read_object
from lomi_ops.domain.finding import AgeRange, Box, Label
from lomi_ops.errors import FacesUnavailable

SIZE = (4000, 3000)


def face(**changes: Any) -> dict[str, Any]:
    box = {"probability": 0.99, "x_min": 100, "y_min": 50, "x_max": 300, "y_max": 350}
    age = {"probability": 0.93, "low": 25, "high": 32}
    body: dict[str, Any] = {"box": box, "age": age, "execution_time": {"detector": 130.0}}
    for key, value in changes.items():
        part, _, name = key.partition("__")
        if name:
            body[part] = body[part] | {name: value}
        else:
            body[part] = value
    return body


def answer(*faces: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"result": faces, "plugins_versions": {"age": "agegender.AgeDetector"}, **more}).encode()


def test_a_face_becomes_a_finding_in_pixels_of_the_photo() -> None:
    (found,) = findings(read_answer(answer(face())), 2.5, SIZE)
    assert found.label is Label.FACE
    assert found.score == 0.99
    assert found.box == Box(250, 125, 500, 750)
    assert found.age == AgeRange(25, 32, 0.93)


def test_a_face_without_an_age_has_none() -> None:
    bare = face()
    del bare["age"]
    (found,) = findings(read_answer(answer(bare)), 1.0, SIZE)
    assert found.age is None


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        ({"low": 17, "high": 17, "probability": 1.0}, AgeRange(17, 17, None)),
        ({"low": 17, "high": 17}, AgeRange(17, 17, None)),
        ({"low": 15, "high": 20, "probability": 1.0}, AgeRange(15, 20, 1.0)),
        ({"low": 17, "high": 17, "probability": 0.5}, AgeRange(17, 17, 0.5)),
        ({"low": 0, "high": 2, "probability": 1.0000001}, AgeRange(0, 2, 1.0)),
    ],
)
def test_a_constant_probability_is_no_confidence(age: dict[str, Any], expected: AgeRange) -> None:
    (found,) = findings(read_answer(answer(face(age=age))), 1.0, SIZE)
    assert found.age == expected


def test_order_layout_and_unknown_keys_do_not_matter() -> None:
    body = {
        "extra": [1],
        "result": [face(mask={"value": "x"}, embedding=[0.1])],
        "plugins_versions": {"age": "a", "new": None},
    }
    plain = findings(read_answer(answer(face())), 1.0, SIZE)
    for seed in range(5):
        text = json.dumps(shuffled(body, random.Random(seed)), indent=3, separators=(" , ", " : "))
        assert findings(read_answer(text.encode()), 1.0, SIZE) == plain


def shuffled(value: Any, dice: random.Random) -> Any:
    if isinstance(value, list):
        return [shuffled(item, dice) for item in value]
    if not isinstance(value, dict):
        return value
    items = [(key, shuffled(item, dice)) for key, item in value.items()]
    dice.shuffle(items)
    return dict(items)


@pytest.mark.parametrize(
    "changes",
    [
        {"age__low": 40},
        {"age__low": -1},
        {"age__high": 900},
        {"age__low": 25.5},
        {"age__probability": float("nan")},
        {"age__probability": 1.2},
        {"age": "old"},
        {"box__probability": float("nan")},
        {"box__probability": -0.1},
        {"box__probability": 1.1},
        {"box__x_min": float("nan")},
        {"box__x_max": float("inf")},
        {"box__y_min": None},
        {"box": {}},
    ],
)
def test_what_cannot_be_true_is_a_fault(changes: dict[str, Any]) -> None:
    with pytest.raises(FacesUnavailable, match=r"impossible answer: result\.0"):
        read_answer(answer(face(**changes)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"[]",
        b"null",
        b"{}",
        b'{"result": []}',
        b'{"result": null}',
        answer(face())[:-20],
        b"\xff",
    ],
)
def test_anything_else_is_a_fault_and_never_the_absence_of_faces(body: bytes) -> None:
    with pytest.raises(FacesUnavailable):
        read_answer(body)


@pytest.mark.parametrize(
    "changes",
    [{"box__x_max": 100}, {"box__x_max": 90}, {"box__y_max": 50}, {"box__x_min": 5000, "box__x_max": 6000}],
)
def test_a_box_without_an_area_in_the_photo_is_a_fault(changes: dict[str, Any]) -> None:
    with pytest.raises(FacesUnavailable, match="outside of the photo"):
        findings(read_answer(answer(face(**changes))), 1.0, SIZE)


@given(
    st.tuples(st.floats(-0.3, 0.9), st.floats(-0.3, 0.9), st.floats(0.4, 1.5), st.floats(0.4, 1.5)),
    st.floats(0.25, 8),
    st.integers(64, 12_000),
    st.integers(64, 12_000),
)
def test_a_box_that_reaches_beyond_the_photo_is_cut_at_its_edge(
    shares: tuple[float, float, float, float], scale: float, width: int, height: int
) -> None:
    """InsightFace builds answer such boxes for faces at the border."""
    x, y, right, bottom = shares[0], shares[1], shares[0] + shares[2], shares[1] + shares[3]
    sent = {"x_min": x * width / scale, "y_min": y * height / scale,
            "x_max": right * width / scale, "y_max": bottom * height / scale}  # fmt: skip
    said = face(box={"probability": 0.9, **sent})
    (found,) = findings(read_answer(answer(said)), scale, (width, height))
    assert found.box is not None
    assert found.box.x >= 0
    assert found.box.y >= 0
    assert found.box.w > 0
    assert found.box.h > 0
    assert found.box.x + found.box.w <= width
    assert found.box.y + found.box.h <= height


@given(st.integers(80, 1600), st.integers(80, 1600), st.floats(1, 5), st.booleans())
@example(111, 1421, 1.65625, False)
def test_a_made_up_face_is_a_fault_in_every_shape_of_photo(
    width: int, height: int, scale: float, insightface: bool
) -> None:
    """Computed as the core does: downscaled to 640, whole pixels, and up again."""
    shrink = min(1.0, 640 / max(width, height))
    w, h = int(width * shrink), int(height * shrink)
    right, bottom = (w, h) if insightface else (int(min(h * 1.2230769, w)), int(min(w * 1.0986842, h)))
    box = {"probability": 1.0, "x_min": 0, "y_min": 0, "x_max": int(right / shrink), "y_max": int(bottom / shrink)}
    size = (round(width * scale), round(height * scale))
    with pytest.raises(FacesUnavailable, match="skips detection"):
        findings(read_answer(answer(face(box=box))), scale, size)


@pytest.mark.parametrize(
    "box",
    [
        {"probability": 0.99999, "x_min": 0, "y_min": 0, "x_max": 4000, "y_max": 3000},
        {"probability": 1.0, "x_min": 60, "y_min": 0, "x_max": 4000, "y_max": 3000},
        {"probability": 1.0, "x_min": 0, "y_min": 0, "x_max": 2000, "y_max": 2500},
        {"probability": 1.0, "x_min": 100, "y_min": 100, "x_max": 300, "y_max": 300},
    ],
)
def test_a_real_face_may_be_certain_or_large(box: dict[str, float]) -> None:
    assert len(findings(read_answer(answer(face(box=box))), 1.0, SIZE)) == 1


def test_an_inventory_names_model_and_version() -> None:
    body = {
        "status": "OK", "build_version": "1.2.0",
        "available_plugins": {"age": "agegender.AgeDetector", "detector": "facenet.FaceDetector"},
    }  # fmt: skip
    inventory = read_inventory(json.dumps(body).encode())
    assert inventory is not None
    assert inventory.model == "compreface/agegender.AgeDetector"
    assert inventory.version == "1.2.0 facenet.FaceDetector"
    assert not inventory.points_at_ages
    changed = inventory.updated({"age": "insightface.AgeDetector"})
    assert changed.points_at_ages
    assert changed.version == inventory.version


def test_an_empty_inventory_still_names_the_service() -> None:
    assert (Inventory().model, Inventory().version, Inventory().age) == ("compreface", "", "")


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"status": "OK"}', b'{"status": "BAD", "available_plugins": {}}'])
def test_other_answers_are_no_inventory(body: bytes) -> None:
    assert read_inventory(body) is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"3", b"\xff\xfe"])
def test_no_object_reads_as_an_empty_one(body: bytes) -> None:
    assert read_object(body) == {}
