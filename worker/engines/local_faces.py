"""The local face detector: the face classes of a model that also looks for nudity, out of one and the same run."""

from __future__ import annotations

from collections.abc import Iterable

from lomi_ops.config.manifest import Boxes, Manifest
from lomi_ops.domain.finding import Finding, Label
from lomi_ops.errors import ModelError


def faces_of(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The faces among a model's findings. It knows no ages."""
    return tuple(finding for finding in findings if finding.label is Label.FACE)


def check_finds_faces(manifest: Manifest) -> None:
    """Raises ModelError for a model that cannot be the local face detector."""
    if not isinstance(manifest.output, Boxes) or not manifest.finds_faces:
        raise ModelError(
            f"the model {manifest.name} finds no faces, so it cannot be models.local_faces",
            hint="lomi models list shows which models find faces",
        )
