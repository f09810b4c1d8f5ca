"""A small model for workers in containers, named as the one that they look for: it sees a face in everything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lomi_ops.config.model_files import record_path
from tests import onnx_models

NAME = "nudenet-320n"
FACE = (16.0, 16.0, 16.0, 16.0, 0.95, 0.0, 0.0)
"""Centre, size, and the scores of a face, of porn and of nothing."""


def write_model(folder: Path) -> None:
    """Installed as `lomi models add` does it: file, manifest and sha256, readable by any user."""
    file = onnx_models.detector(folder / "boxes.onnx", [FACE])
    record_path(file).write_text(f"{onnx_models.sha256(file)}  {file.name}\n")
    manifest: dict[str, Any] = onnx_models.detector_manifest(file, name=NAME).model_dump(mode="json", exclude_none=True)
    (folder / f"{NAME}.yaml").write_text(json.dumps(manifest))
    for path in folder.iterdir():
        path.chmod(0o644)
