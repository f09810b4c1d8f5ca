"""What is in the catalogue, what is installed, and whether it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lomi_ops.config import model_files
from lomi_ops.config.manifest import Manifest
from lomi_ops.config.model_files import ModelFile
from lomi_ops.errors import ModelError

Trial = Callable[[Manifest, Path, str | None], object]
"""Loads a model, checks the file against the sha256, runs one inference; raises ModelError where that fails. The front
end hands it in, since inference lives in the worker."""

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One model that `lomi models list` shows."""

    name: str
    manifest: Manifest
    path: Path | None
    """None: not installed."""
    sha256: str | None
    bundled: bool
    """From the catalogue of the package, not added by a person."""
    problem: str = ""
    """Why an installed file cannot be used as it is."""

    @property
    def installed(self) -> bool:
        return self.path is not None


@dataclass(frozen=True, slots=True)
class Verified:
    """The outcome of looking at one installed model."""

    name: str
    path: Path | None
    ok: bool
    detail: str


def listed(chosen: Path | None) -> list[Entry]:
    """Every model of the catalogue and every one that people added, by name. Raises ModelError for a broken manifest
    that somebody added."""
    names = sorted({*model_files.catalogue(), *model_files.installed_manifests(chosen)})
    return [_entry(model_files.locate(name, chosen)) for name in names]


def verify(names: Sequence[str], chosen: Path | None, trial: Trial) -> list[Verified]:
    """Checks sha256 and a test inference of the named models, else of all that are installed.

    Raises ModelError for a name that is not known.
    """
    if not names:
        names = [entry.name for entry in listed(chosen) if entry.installed]
    return [_verify(name, chosen, trial) for name in names]


def sha256_of(path: Path) -> str:
    """Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _entry(found: ModelFile) -> Entry:
    unknown = found.path is not None and found.sha256 is None
    problem = f"no sha256 is recorded; lomi models add {found.name} FILE" if unknown else ""
    return Entry(found.name, found.manifest, found.path, found.sha256, found.bundled, problem)


def _verify(name: str, chosen: Path | None, trial: Trial) -> Verified:
    path = model_files.locate(name, chosen).path
    try:
        manifest, path, sha256 = model_files.require(name, chosen)
        trial(manifest, path, sha256)
    except ModelError as error:
        return Verified(name, path, False, error.message)
    return Verified(name, path, True, "the file is what it was, and it answers")
