"""A ViT-B/16 with random weights as an ONNX file, with its manifest: the arithmetic of the large classifiers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE, PATCH, WIDTH, HEADS, LAYERS, LABELS = 224, 16, 768, 12, 12, 2
_TOKENS = (SIZE // PATCH) ** 2 + 1
MANIFEST = """\
name: vit-random
version: "1"
about: ViT-B/16 at 224 with random weights; it knows nothing.
file: vit-random.onnx
licence: Apache-2.0
source: benchmarks/worker/vit.py
input:
  name: pixels
  size: 224
  layout: nchw
  scale: 0.00392156862745098
  mean: [0.5, 0.5, 0.5]
  std: [0.5, 0.5, 0.5]
  resize: {mode: squash, resample: bilinear}
output: {kind: classifier, name: logits, values: logits}
labels: [normal, nsfw]
mapping: {normal: neutral, nsfw: porn}
"""


CONFIG = """\
policy:
  policies:
    vit:
      version: 1
      requires: [blur, nsfw]
"""


def settings(folder: Path, manifest: Path) -> dict[str, str]:
    """What a worker needs to judge by it, and by blur: no second model looks for faces."""
    config = folder / "lomi.yaml"
    config.write_text(CONFIG)
    return {
        "LOMI_CONFIG": str(config),
        "LOMI_POLICY": "vit",
        "LOMI_MODELS__NSFW": str(manifest),
        "LOMI_MODELS__LOCAL_FACES": "",
        "LOMI_MODELS__DIR": str(folder),
    }


class _Graph:
    """Nodes and constants as they are added; every step answers the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._chance = np.random.default_rng(1)

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: np.ndarray[tuple[int, ...], np.dtype[np.float32 | np.int64]]) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def weights(self, *shape: int) -> str:
        return self.constant((self._chance.normal(size=shape) * 0.02).astype(np.float32))

    def dense(self, tokens: str, into: int, out: int) -> str:
        return self.add("Add", self.add("MatMul", tokens, self.weights(into, out)), self.weights(out))

    def norm(self, tokens: str) -> str:
        one, zero = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
        return self.add("LayerNormalization", tokens, self.constant(one), self.constant(zero), axis=-1)

    def heads(self, tokens: str, order: list[int]) -> str:
        shape = self.constant(np.array([-1, _TOKENS, HEADS, WIDTH // HEADS], np.int64))
        split = self.add("Reshape", self.dense(tokens, WIDTH, WIDTH), shape)
        return self.add("Transpose", split, perm=order)

    def attention(self, tokens: str) -> str:
        query, key, value = (self.heads(tokens, order) for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
        scale = self.constant(np.array((WIDTH // HEADS) ** -0.5, np.float32))
        scores = self.add("Softmax", self.add("Mul", self.add("MatMul", query, key), scale), axis=-1)
        mixed = self.add("Transpose", self.add("MatMul", scores, value), perm=[0, 2, 1, 3])
        return self.dense(
            self.add("Reshape", mixed, self.constant(np.array([-1, _TOKENS, WIDTH], np.int64))), WIDTH, WIDTH
        )

    def repeated(self, token: str, beside: str) -> str:
        """One token of `[1, 1, WIDTH]` for each photo of `beside`."""
        photos = self.add("Shape", beside, start=0, end=1)
        shape = self.add("Concat", photos, self.constant(np.array([1, WIDTH], np.int64)), axis=0)
        return self.add("Expand", token, shape)

    def perceptron(self, tokens: str) -> str:
        wide = self.dense(tokens, WIDTH, 4 * WIDTH)
        root, one, half = (self.constant(np.array(number, np.float32)) for number in (2**0.5, 1.0, 0.5))
        bent = self.add("Add", self.add("Erf", self.add("Div", wide, root)), one)
        return self.dense(self.add("Mul", self.add("Mul", wide, bent), half), 4 * WIDTH, WIDTH)


def write(folder: Path) -> tuple[Path, Path]:
    """The model's file and its manifest, in `folder`. Its batch axis is free, as exporters leave it."""
    graph = _Graph()
    patches = graph.add(
        "Conv", "pixels", graph.weights(WIDTH, 3, PATCH, PATCH), graph.weights(WIDTH),
        kernel_shape=[PATCH, PATCH], strides=[PATCH, PATCH],
    )  # fmt: skip
    rows = graph.add("Reshape", patches, graph.constant(np.array([-1, WIDTH, _TOKENS - 1], np.int64)))
    seen = graph.add("Transpose", rows, perm=[0, 2, 1])
    tokens = graph.add("Concat", graph.repeated(graph.weights(1, 1, WIDTH), seen), seen, axis=1)
    tokens = graph.add("Add", tokens, graph.weights(1, _TOKENS, WIDTH))
    for _ in range(LAYERS):
        tokens = graph.add("Add", tokens, graph.attention(graph.norm(tokens)))
        tokens = graph.add("Add", tokens, graph.perceptron(graph.norm(tokens)))
    first = graph.add("Gather", graph.norm(tokens), graph.constant(np.array(0, np.int64)), axis=1)
    logits = graph.add("Identity", graph.dense(first, WIDTH, LABELS))
    graph.nodes.append(helper.make_node("Identity", [logits], ["logits"]))
    inputs = [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", LABELS])]
    made = helper.make_graph(graph.nodes, "vit", inputs, outputs, graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    file, manifest = folder / "vit-random.onnx", folder / "vit-random.yaml"
    onnx.save(model, file)
    manifest.write_text(MANIFEST)
    return file, manifest
