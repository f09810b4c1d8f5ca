"""Where models lie: the catalogue that comes with the package, and the folders that installed files are looked for in.

A model is installed when its file lies in one of the folders and its sha256 is known: pinned in the manifest, or
recorded by `lomi models add` in `FILE.sha256` beside it, in the format of sha256sum.
"""

from __future__ import annotations

import difflib
import functools
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from lomi_ops.config.manifest import Manifest, parse_manifest, read_manifest
from lomi_ops.errors import ModelError


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A manifest and where its file lies."""

    manifest: Manifest
    path: Path | None
    """None: not installed."""
    sha256: str | None
    """What the file must hash to; None where nobody has recorded it."""
    bundled: bool = False
    """The manifest comes with the package."""

    @property
    def name(self) -> str:
        return self.manifest.name


@functools.cache
def catalogue() -> Mapping[str, Manifest]:
    """The manifests that come with the package, by name. They hold no weights."""
    found = {}
    for entry in sorted((resources.files("lomi_ops.config") / "catalogue").iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".yaml"):
            manifest = parse_manifest(entry.read_text(encoding="utf-8"), entry.name)
            found[manifest.name] = manifest
    return MappingProxyType(found)


def model_folders(chosen: Path | None) -> tuple[Path, ...]:
    """Folders to look in, best first. A folder that somebody chose (`models.dir`, LOMI_MODELS) is the only one, so
    that nothing is taken from elsewhere by surprise."""
    if chosen is not None:
        return (chosen.expanduser(),)
    return (data_folder(), Path(sys.prefix) / "share" / "lomi" / "models")


def install_folder(chosen: Path | None) -> Path:
    """Where `lomi models add` puts files."""
    return chosen.expanduser() if chosen is not None else data_folder()


def data_folder() -> Path:
    """The user's folder of models, or the system's for root."""
    if os.geteuid() == 0:
        return Path("/var/lib/lomi/models")
    base = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")  # noqa: PTH111  no HOME is no error
    return Path(base) / "lomi" / "models"


def locate(wanted: str, chosen: Path | None = None) -> ModelFile:
    """The model of that name, or of that manifest file (anything with a slash or `.yaml`).

    The file of a manifest given by path is looked for beside it first. Raises ModelError for an unknown name and for
    an invalid manifest; a missing file is `path=None`.
    """
    folders = model_folders(chosen)
    if is_manifest_path(wanted):
        own = Path(wanted).expanduser()
        return _with_file(read_manifest(own), (own.parent, *folders))
    for folder in folders:
        if (own := folder / f"{wanted}.yaml").is_file() and _is_name(wanted):
            return _with_file(read_manifest(own), folders)
    if wanted in catalogue():
        return _with_file(catalogue()[wanted], folders, bundled=True)
    raise ModelError(f"no model is called {wanted}", hint=_suggestion(wanted))


def require(wanted: str, chosen: Path | None = None) -> tuple[Manifest, Path, str | None]:
    """Manifest, file and expected sha256 of an installed model. Raises ModelError with the command that installs it."""
    found = locate(wanted, chosen)
    hint = f"lomi models add {wanted}"
    if found.path is None:
        places = ", ".join(str(folder) for folder in model_folders(chosen))
        raise ModelError(f"the model {wanted} is not installed: no {found.manifest.file} in {places}", hint=hint)
    if found.sha256 is None and not is_manifest_path(wanted):
        raise ModelError(f"{found.path} was not installed by lomi: no sha256 is recorded for it", hint=hint)
    return found.manifest, found.path, found.sha256


def installed_manifests(chosen: Path | None) -> dict[str, Path]:
    """Manifests that people added themselves, by name."""
    found: dict[str, Path] = {}
    for folder in model_folders(chosen):
        for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
            found.setdefault(path.stem, path)
    return found


def record_path(file: Path) -> Path:
    """Where the sha256 of a model file is recorded."""
    return file.with_name(file.name + ".sha256")


def is_manifest_path(wanted: str) -> bool:
    return "/" in wanted or wanted.endswith((".yaml", ".yml"))


def _with_file(manifest: Manifest, folders: tuple[Path, ...], *, bundled: bool = False) -> ModelFile:
    path = next((folder / manifest.file for folder in folders if (folder / manifest.file).is_file()), None)
    sha256 = manifest.sha256 or (_recorded(path) if path else None)
    return ModelFile(manifest, path, sha256, bundled)


def _recorded(file: Path) -> str | None:
    record = record_path(file)
    if not record.is_file():
        return None
    try:
        first = record.read_text(encoding="ascii").split(maxsplit=1)
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read {record}") from error
    if not first or not re.fullmatch(r"[0-9a-f]{64}", first[0]):
        raise ModelError(f"{record} holds no sha256")
    return first[0]


def _is_name(wanted: str) -> bool:
    return re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", wanted) is not None


def _suggestion(wanted: str) -> str:
    close = difflib.get_close_matches(wanted, catalogue(), 1)
    return f"did you mean {close[0]}?" if close else "lomi models list"
