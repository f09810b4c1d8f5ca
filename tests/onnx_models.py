"""Small ONNX graphs of every kind that a manifest can describe, with results that can be computed by hand.

A classifier here takes the mean of each channel and multiplies it by a matrix; a detector answers fixed rows whatever
it sees. Some of them fault on a bright or a dark photo and behave on the grey one of the warm-up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lomi_ops.config.manifest import Manifest, parse_manifest

OPSET, IR = 17, 8
AXES = {"nchw": [2, 3], "nhwc": [1, 2]}


def classifier(
    path: Path,
    weights: Sequence[Sequence[float]],
    *,
    bias: Sequence[float] | None = None,
    size: int = 8,
    layout: str = "nchw",
    half: bool = False,
    softmax: bool = False,
    batch: int | str = "batch",
) -> Path:
    """`mean of each channel @ weights + bias`, `weights` being `[3, labels]`, then perhaps softmax."""
    kind = np.float16 if half else np.float32
    matrix = np.array(weights, dtype=kind)
    offset = np.zeros(matrix.shape[1], dtype=kind) if bias is None else np.array(bias, dtype=kind)
    shape: list[Any] = {
        "nchw": [batch, 3, size, size],
        "nhwc": [batch, size, size, 3],
        "flat": [batch, size * size * 3],
    }[layout]
    nodes = []
    pixels = "pixels"
    if layout == "flat":
        nodes.append(helper.make_node("Reshape", ["pixels", "square"], ["image"]))
        pixels = "image"
    nodes += [
        helper.make_node("ReduceMean", [pixels], ["means"], axes=AXES.get(layout, [1, 2]), keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["scores" if not softmax else "raw"]),
    ]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["raw"], ["scores"], axis=1))
    constants = {"weights": matrix, "bias": offset, "square": np.array([-1, size, size, 3], dtype=np.int64)}
    return _save(path, nodes, constants, shape, [batch, matrix.shape[1]], half=half)


def heavy(path: Path, megabytes: int, *, size: int = 8) -> Path:
    """A two-class classifier with so many megabytes of weights, which the runtime lays out anew, as in a large one."""
    side = 1024
    layers = max(1, megabytes * 2**20 // (4 * side * side))
    nodes = [
        helper.make_node("ReduceMean", ["pixels"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["means", "first"], ["tokens0"]),
    ]
    nodes += [helper.make_node("MatMul", [f"tokens{n}", f"layer{n}"], [f"tokens{n + 1}"]) for n in range(layers)]
    nodes.append(helper.make_node("MatMul", [f"tokens{layers}", "last"], ["scores"]))
    chance = np.random.default_rng(1)
    shapes = {"first": (3, side), "last": (side, 2)} | {f"layer{n}": (side, side) for n in range(layers)}
    constants = {name: chance.normal(size=shape).astype(np.float32) / side for name, shape in shapes.items()}
    return _save(path, nodes, constants, ["batch", 3, size, size], ["batch", 2])


def detector(
    path: Path,
    rows: Sequence[Sequence[float]],
    *,
    size: int = 32,
    batch: int | str = "batch",
    sides: tuple[int | str, int | str] | None = None,
    square_only: bool = False,
) -> Path:
    """Always answers `rows`, each of them centre x, centre y, width, height and one score per label.

    `sides` are height and width as the graph declares them, names for any; with `square_only` it fails at any other.
    """
    table = np.array(rows, dtype=np.float32).T[None]
    nodes = [helper.make_node("Reshape", ["pixels", "square"], ["image"])] if square_only else []
    nodes += [
        helper.make_node(
            "ReduceMean", [nodes[0].output[0] if nodes else "pixels"], ["mean"], keepdims=1, axes=[1, 2, 3]
        ),
        helper.make_node("Mul", ["mean", "nothing"], ["none"]),
        helper.make_node("Reshape", ["none", "cube"], ["zero"]),
        helper.make_node("Add", ["rows", "zero"], ["scores"]),
    ]
    constants = {
        "rows": table,
        "nothing": np.zeros(1, dtype=np.float32),
        "cube": np.array([1, 1, 1], dtype=np.int64),
        "square": np.array([1, 3, size, size], dtype=np.int64),
    }
    return _save(path, nodes, constants, [batch, 3, *(sides or (size, size))], [1, table.shape[1], table.shape[2]])


def not_finite_when_dark(path: Path, *, size: int = 8) -> Path:
    """A two-class softmax over the square root of brightness - 0.1: NaN on a black photo."""
    nodes = [
        helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Sub", ["mean", "limit"], ["rest"]),
        helper.make_node("Sqrt", ["rest"], ["root"]),
        helper.make_node("MatMul", ["root", "weights"], ["scores"]),
    ]
    constants = {"limit": np.array([0.1], np.float32), "weights": np.array([[1, 0], [0, 1], [0, 0]], np.float32)}
    return _save(path, nodes, constants, ["batch", 3, size, size], ["batch", 2])


def raises_when_bright(path: Path, *, size: int = 8) -> Path:
    """Looks up a table of six by brightness * 10: the runtime raises on a white photo."""
    nodes = [
        helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "ten"], ["place"]),
        helper.make_node("Cast", ["place"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["scores"], axis=0),
    ]
    constants = {"ten": np.array([10], np.float32), "table": np.full((6, 2), 0.5, np.float32)}
    return _save(path, nodes, constants, ["batch", 3, size, size], ["batch", 2])


def manifest(path: Path | None = None, **changes: Any) -> Manifest:
    """A two-class manifest for `classifier`'s defaults, with changes at the top level or as `input__size`."""
    body: dict[str, Any] = {
        "name": "toy",
        "version": "1",
        "file": path.name if path else "toy.onnx",
        "licence": "MIT",
        "source": "the tests",
        "input": {
            "name": "pixels",
            "size": 8,
            "layout": "nchw",
            "scale": 1 / 255,
            "resize": {"mode": "squash", "resample": "bilinear"},
        },
        "output": {"kind": "classifier", "name": "scores", "values": "logits"},
        "labels": ["nsfw", "sfw"],
        "mapping": {"nsfw": "porn", "sfw": "neutral"},
    }
    for key, value in changes.items():
        *parents, last = key.split("__")
        place = body
        for parent in parents:
            place = place[parent]
        place[last] = value
    return parse_manifest(json.dumps(body), "toy.yaml")


def detector_manifest(path: Path | None = None, **changes: Any) -> Manifest:
    """For `detector`: three labels, of which one is a face."""
    return manifest(
        path,
        **{
            "name": "boxes",
            "input__size": 32,
            "input__resize": {"mode": "pad_right_bottom", "resample": "cv2_linear"},
            "output": {"kind": "detector", "name": "scores", "style": "clamped"},
            "labels": ["FACE", "HARD", "OTHER"],
            "mapping": {"FACE": "face", "HARD": "porn", "OTHER": "neutral"},
        }
        | changes,
    )


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _save(
    path: Path,
    nodes: list[Any],
    constants: dict[str, Any],
    inputs: list[Any],
    outputs: list[Any],
    *,
    half: bool = False,
) -> Path:
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("pixels", kind, inputs)],
        [helper.make_tensor_value_info("scores", kind, outputs)],
        [numpy_helper.from_array(value, name) for name, value in constants.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.save(model, str(path))
    return path
