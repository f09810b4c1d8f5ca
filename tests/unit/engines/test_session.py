from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from lomi_ops.config.manifest import Manifest
from lomi_ops.errors import ExitCode, ModelError
from tests.onnx_models import classifier, detector, detector_manifest, heavy, manifest, raises_when_bright, sha256
from worker.engines.session import Session
from worker.engines.tensor import Preparation
from worker.judging.host import child_environment

MEMORY_OF_A_SESSION = """
import re, sys
from pathlib import Path
from lomi_ops.config.manifest import read_manifest
from worker.engines.session import Session

def own():
    return 1024 * int(re.search(r"Anonymous: +([0-9]+)", Path("/proc/self/smaps_rollup").read_text())[1])

manifest, before = read_manifest(Path(sys.argv[1])), own()
session = Session(manifest, Path(sys.argv[2]))
print(own() - before)
"""
WEIGHTS = [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return classifier(tmp_path / "toy.onnx", WEIGHTS)


def refused(described: Manifest, path: Path, **more: Any) -> str:
    with pytest.raises(ModelError) as caught:
        Session(described, path, **more)
    assert caught.value.hint == f"lomi models add {described.name}"
    assert caught.value.exit_code is ExitCode.USAGE
    assert str(path) in caught.value.message
    return caught.value.message


def test_a_good_file_is_loaded_and_its_sha256_kept(model: Path) -> None:
    session = Session(manifest(model), model, sha256=sha256(model))
    assert session.sha256 == sha256(model)
    answer = session.run(Preparation(session.manifest.input).tensors(np.full((9, 9, 3), 255, dtype=np.uint8))[0])
    assert answer.tolist() == [[1.0, 1.0]]
    assert answer.dtype == np.float32


def test_several_threads_answer_the_same(model: Path) -> None:
    tensor = np.random.default_rng(1).random((1, 3, 8, 8), dtype=np.float32)
    one, two = (Session(manifest(model), model, threads=threads).run(tensor) for threads in (1, 2))
    assert np.abs(one - two).max() <= 1e-6


def test_a_missing_file_names_the_command_that_brings_it(tmp_path: Path) -> None:
    assert "missing" in refused(manifest(), tmp_path / "toy.onnx")


def test_a_folder_in_its_place_is_an_error(tmp_path: Path) -> None:
    assert "cannot be read" in refused(manifest(), tmp_path)


def test_one_changed_byte_is_found(model: Path) -> None:
    expected = sha256(model)
    body = bytearray(model.read_bytes())
    body[len(body) // 2] ^= 1
    model.write_bytes(body)
    assert "altered" in refused(manifest(model), model, sha256=expected)
    assert "altered" in refused(manifest(model, sha256=expected), model)


def test_a_truncated_file_without_a_known_sha256_is_found_by_the_runtime(model: Path) -> None:
    model.write_bytes(model.read_bytes()[:100])
    assert "not an ONNX graph" in refused(manifest(model), model)


@pytest.mark.parametrize("body", [b"", b"<html>not found</html>", b"\x00" * 1000])
def test_what_is_no_model_is_refused(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "toy.onnx"
    path.write_bytes(body)
    refused(manifest(path), path)


def test_the_size_of_the_input_has_to_fit(model: Path) -> None:
    assert "shape" in refused(manifest(model, input__size=16), model)


def test_the_layout_has_to_fit(model: Path) -> None:
    assert "shape" in refused(manifest(model, input__layout="nhwc"), model)
    assert "shape" in refused(manifest(model, input__layout="flat"), model)


def test_the_type_has_to_fit(model: Path) -> None:
    assert "tensor(float16)" in refused(manifest(model, input__dtype="f16"), model)


def test_the_names_have_to_fit_or_be_left_out(model: Path) -> None:
    assert "has the inputs pixels" in refused(manifest(model, input__name="images"), model)
    assert "has the outputs scores" in refused(manifest(model, output__name="logits"), model)
    session = Session(manifest(model, input__name=None, output__name=None), model)
    assert session.sha256 == sha256(model)


def test_the_number_of_labels_has_to_fit(model: Path) -> None:
    labels, mapping = ["a", "b", "c"], {"a": "porn", "b": "neutral", "c": "neutral"}
    text = refused(manifest(model, labels=labels, mapping=mapping), model)
    assert "output has the shape [1, 2]" in text


def test_a_detectors_rows_have_to_fit(tmp_path: Path) -> None:
    path = detector(tmp_path / "boxes.onnx", [[1, 1, 1, 1, 0.5, 0.5]])
    assert "output has the shape [1, 6, 1]" in refused(detector_manifest(path), path)


def test_a_detector_is_no_classifier_and_the_other_way_round(tmp_path: Path, model: Path) -> None:
    boxes = detector(tmp_path / "boxes.onnx", [[1, 1, 1, 1, 0.5, 0.5, 0.5]])
    refused(manifest(boxes, input__size=32), boxes)
    refused(detector_manifest(model, input__size=8), model)


def test_a_stride_wants_a_graph_that_takes_any_height_and_width(tmp_path: Path) -> None:
    resize = {"mode": "pad_right_bottom", "resample": "bilinear", "stride": 8}
    rows = [[1, 1, 1, 1, 0.5, 0.5, 0.5]]
    held: list[tuple[int | str, int | str]] = [(32, 32), ("height", 32), (32, "width")]
    for place, sides in enumerate(held):
        fixed = detector(tmp_path / f"{place}.onnx", rows, sides=sides)
        assert "stride wants height and width free" in refused(detector_manifest(input__resize=resize), fixed)
    free = detector(tmp_path / "free.onnx", rows, sides=("height", "width"))
    session = Session(detector_manifest(input__resize=resize), free)
    assert session.run(np.zeros((1, 3, 8, 32), dtype=np.float32)).shape == (1, 7, 1)


def test_a_graph_that_names_its_sides_and_knows_only_the_square_never_starts(tmp_path: Path) -> None:
    resize = {"mode": "pad_right_bottom", "resample": "bilinear", "stride": 8}
    rows = [[1, 1, 1, 1, 0.5, 0.5, 0.5]]
    path = detector(tmp_path / "boxes.onnx", rows, sides=("height", "width"), square_only=True)
    assert Session(detector_manifest(path), path).sha256
    assert "failed its test inference" in refused(detector_manifest(input__resize=resize), path)


def test_a_batch_of_one_in_the_file_is_fine_and_a_larger_one_is_not(tmp_path: Path) -> None:
    session = Session(manifest(), classifier(tmp_path / "one.onnx", WEIGHTS, batch=1))
    assert session.run(np.zeros((1, 3, 8, 8), dtype=np.float32)).shape == (1, 2)
    assert "shape" in refused(manifest(), classifier(tmp_path / "four.onnx", WEIGHTS, batch=4))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_model_that_answers_no_numbers_never_starts(tmp_path: Path, value: float) -> None:
    path = classifier(tmp_path / "toy.onnx", WEIGHTS, bias=[value, 0.0])
    assert "not finite" in refused(manifest(path), path)


def test_a_model_that_cannot_run_never_starts(tmp_path: Path) -> None:
    path = raises_when_bright(tmp_path / "toy.onnx")
    assert "cannot be run" in refused(manifest(path, input__scale=1.0), path)


def test_the_file_may_change_after_it_was_loaded(model: Path) -> None:
    session = Session(manifest(model), model)
    model.write_bytes(b"")
    assert session.run(np.zeros((1, 3, 8, 8), dtype=np.float32)).shape == (1, 2)


def test_the_bytes_of_the_file_are_not_kept_once_it_is_loaded(tmp_path: Path) -> None:
    file = heavy(tmp_path / "toy.onnx", 12)
    tracemalloc.start()
    try:
        session = Session(manifest(file), file)
        assert tracemalloc.get_traced_memory()[0] < file.stat().st_size / 4
    finally:
        tracemalloc.stop()
    assert session.run(np.zeros((1, 3, 8, 8), dtype=np.float32)).shape == (1, 2)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and the C library's malloc_trim")
def test_a_process_keeps_little_more_than_the_weights(tmp_path: Path) -> None:
    file = heavy(tmp_path / "toy.onnx", 64)
    (tmp_path / "toy.yaml").write_text(manifest(file).model_dump_json())
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_OF_A_SESSION, str(tmp_path / "toy.yaml"), str(file)],
        env=child_environment(os.environ), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert float(done.stdout) < 1.4 * file.stat().st_size


def test_no_thread_spins_between_photos(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    original = onnxruntime.InferenceSession

    def spy(body: Any, options: Any, **more: Any) -> Any:
        seen.update(intra=options.intra_op_num_threads, inter=options.inter_op_num_threads)
        seen["spinning"] = options.get_session_config_entry("session.intra_op.allow_spinning")
        return original(body, options, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", spy)
    Session(manifest(model), model, threads=3)
    assert seen == {"intra": 3, "inter": 1, "spinning": "0"}


def test_errors_hold_no_text_of_the_runtime(model: Path) -> None:
    model.write_bytes(b"\x08\x01" + b"secret-node-name" * 10)
    assert "secret-node-name" not in json.dumps(refused(manifest(model), model))
