"""One ONNX file in memory, checked against its manifest before it is trusted with a photo."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort

from lomi_ops.config.manifest import Boxes, DType, Input, Layout, Manifest
from lomi_ops.errors import ModelError
from worker.engines.pages import give_back_pages
from worker.engines.tensor import Preparation, Tensor

Output = npt.NDArray[np.float32]

_TYPES = {DType.F32: "tensor(float)", DType.F16: "tensor(float16)"}

_ORT_ERRORS = (
    ort.Fail,
    ort.InvalidArgument,
    ort.InvalidGraph,
    ort.InvalidProtobuf,
    ort.NoModel,
    ort.NoSuchFile,
    ort.NotImplemented,
    ort.RuntimeException,
    ort.EPFail,
    RuntimeError,
    ValueError,
)
"""ONNX Runtime's errors have no common parent of their own."""


class Session:
    """A loaded model that has answered once. Thread-safe; make it after a fork, one per process."""

    def __init__(self, manifest: Manifest, path: Path, *, sha256: str | None = None, threads: int = 1) -> None:
        """Loads and warms up. `sha256` is what the file must hash to; None accepts any file.

        Raises ModelError for a file that is missing, altered, no ONNX graph, or of another shape than the manifest's.
        """
        self.manifest = manifest
        self._hint = f"lomi models add {manifest.name}"
        body = self._read(path)
        self.sha256 = hashlib.sha256(body).hexdigest()
        expected = sha256 or manifest.sha256
        if expected is not None and self.sha256 != expected:
            raise self._unfit(path, f"has sha256 {self.sha256[:12]}…, expected {expected[:12]}…: altered or incomplete")
        # The bytes that were hashed are the bytes that are loaded.
        self._session = self._open(path, body, threads)
        del body
        self._input = self._checked_input(path)
        self._output = self._checked_output(path)
        self._warm_up(path)
        give_back_pages()

    def run(self, tensor: Tensor) -> Output:
        """The model's output for one photo, as float32. Raises whatever the runtime raises, and ValueError where the
        shape is not the manifest's or a number is not finite."""
        output: npt.NDArray[Any] = self._session.run([self._output], {self._input: tensor})[0]
        if not self._shape_fits(list(output.shape)):
            raise ValueError(f"output has the shape {list(output.shape)}")
        if not np.isfinite(output).all():
            raise ValueError("output holds numbers that are not finite")
        return output.astype(np.float32, copy=False)

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise ModelError(f"the file of model {self.manifest.name} is missing: {path}", hint=self._hint) from error
        except OSError as error:
            raise self._unfit(path, f"cannot be read: {error.strerror}") from error

    def _open(self, path: Path, body: bytes, threads: int) -> Any:
        options = onnxruntime.SessionOptions()
        # One process per core: no thread pool beyond the photo in hand, and idle threads must not spin next to it.
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The arena keeps its peak for ever, but with one fixed size there is one peak (docs/models.md).
        options.enable_cpu_mem_arena = True
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(body, options, providers=["CPUExecutionProvider"])
        except _ORT_ERRORS as error:
            raise self._unfit(path, "is not an ONNX graph that this runtime can load") from error
        # It keeps the file's bytes for ever, to begin anew with another provider. We have none, and want no such try.
        session.disable_fallback()
        session._model_bytes = None
        return session

    def _checked_input(self, path: Path) -> str:
        spec = self.manifest.input
        inputs: dict[str, Any] = {node.name: node for node in self._session.get_inputs()}
        name = spec.name or (next(iter(inputs)) if len(inputs) == 1 else None)
        if name is None or set(inputs) != {name}:
            raise self._unfit(path, f"has the inputs {_names(inputs)}, the manifest wants {spec.name or 'exactly one'}")
        node = inputs[name]
        if node.type != _TYPES[spec.dtype]:
            raise self._unfit(path, f"takes {node.type}, the manifest says {_TYPES[spec.dtype]}")
        if not _matches(node.shape, spec.shape):
            raise self._unfit(path, f"takes the shape {node.shape}, the manifest says {list(spec.shape)}")
        if spec.resize.stride is not None and any(isinstance(side, int) for side in _sides(node.shape, spec)):
            raise self._unfit(path, f"takes the shape {node.shape}, and stride wants height and width free")
        return name

    def _checked_output(self, path: Path) -> str:
        outputs: dict[str, Any] = {node.name: node for node in self._session.get_outputs()}
        wanted = self.manifest.output.name
        name = wanted or (next(iter(outputs)) if len(outputs) == 1 else None)
        if name is None or name not in outputs:
            raise self._unfit(path, f"has the outputs {_names(outputs)}, the manifest wants {wanted or 'exactly one'}")
        return name

    def _warm_up(self, path: Path) -> None:
        """One run at the real shape: proves output shape and numbers, and pays the first run's cost before a photo.
        With a stride another one at the narrowest: a graph may name its sides and still know only the square."""
        side, stride = self.manifest.input.size, self.manifest.input.resize.stride
        prepare = Preparation(self.manifest.input)
        try:
            for width in sorted({side, stride or side}, reverse=True):
                self.run(prepare.tensors(np.full((side, width, 3), 127, dtype=np.uint8))[0])
        except _ORT_ERRORS as error:
            text = str(error) if type(error) is ValueError else "cannot be run"
            raise self._unfit(path, f"failed its test inference: {text}") from error

    def _shape_fits(self, shape: list[int]) -> bool:
        labels = len(self.manifest.labels)
        if isinstance(self.manifest.output, Boxes):
            return len(shape) == 3 and shape[:2] == [1, 4 + labels] and shape[2] > 0
        return shape == [1, labels]

    def _unfit(self, path: Path, what: str) -> ModelError:
        return ModelError(f"the file of model {self.manifest.name}, {path}, {what}", hint=self._hint)


def _matches(found: list[int | str | None], wanted: tuple[int, ...]) -> bool:
    """Whether a graph's shape allows the wanted one; names and None stand for any number."""
    return len(found) == len(wanted) and all(
        not isinstance(have, int) or have == want for have, want in zip(found, wanted, strict=True)
    )


def _sides(shape: list[int | str | None], spec: Input) -> list[int | str | None]:
    """Height and width."""
    return shape[2:4] if spec.layout is Layout.NCHW else shape[1:3]


def _names(nodes: dict[str, Any]) -> str:
    return ", ".join(nodes) or "none"
