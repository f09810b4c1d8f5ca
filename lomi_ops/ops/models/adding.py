"""Installing a model: fetch, check, try, and only then give the file its name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lomi_ops.config import model_files
from lomi_ops.config.manifest import Manifest, read_manifest
from lomi_ops.errors import ModelError, Refused, UsageError
from lomi_ops.ops.models.listing import Trial, sha256_of
from lomi_ops.ops.models.sources import copy_source


@dataclass(frozen=True, slots=True)
class Added:
    """An installed model."""

    manifest: Manifest
    path: Path
    sha256: str
    origin: str
    """Where the file came from, in one phrase."""
    recorded: bool
    """The sha256 was nowhere given: what was found now is what is checked from now on."""


def add(
    wanted: str,
    *,
    into: Path,
    trial: Trial,
    source: str | None = None,
    sha256: str | None = None,
    accept_licence: bool = False,
    insecure: bool = False,
) -> Added:
    """Installs a model of the catalogue, or of the manifest file `wanted`, into the folder `into`.

    The file gets its name in one step after its sha256 and a test inference were right, so that a worker never sees
    half a model; what was installed before stays until then. Raises Refused for a licence that has to be accepted,
    ModelError for a file that is not the model, UsageError, or Transient where the network failed.
    """
    manifest = _manifest(wanted, into)
    expected = _expected(manifest, sha256)
    if insecure and expected is None:
        raise UsageError("--insecure needs --sha256: over http anybody may have changed the file")
    _check_licence(manifest, wanted, accepted=accept_licence)
    path = into / manifest.file
    if source is None and expected is not None and _is(path, expected):
        trial(manifest, path, expected)
        return Added(manifest, path, expected, "the file that was installed already", recorded=False)
    with _scratch(into, manifest.file) as scratch:
        with scratch.open("wb") as file:
            origin = copy_source(source or _beside(wanted, manifest), manifest, file, insecure=insecure)
            file.flush()
            os.fsync(file.fileno())
        found = sha256_of(scratch)
        if expected is not None and found != expected:
            raise ModelError(f"what came from {origin} has sha256 {found}, expected {expected}; nothing was installed")
        trial(manifest, scratch, found)
        _write(model_files.record_path(path), f"{found}  {manifest.file}\n")
        if model_files.is_manifest_path(wanted):
            _write(into / f"{manifest.name}.yaml", Path(wanted).expanduser().read_text(encoding="utf-8"))
        scratch.replace(path)
    return Added(manifest, path, found, origin, recorded=expected is None)


def _is(path: Path, sha256: str) -> bool:
    try:
        return sha256_of(path) == sha256
    except OSError:
        return False


def _manifest(wanted: str, into: Path) -> Manifest:
    if not model_files.is_manifest_path(wanted):
        return model_files.locate(wanted, into).manifest
    manifest = read_manifest(Path(wanted).expanduser())
    if manifest.name in model_files.catalogue():
        raise UsageError(f"{wanted} calls itself {manifest.name}, which is in the catalogue; give it another name")
    if manifest.file in {known.file for known in model_files.catalogue().values()}:
        raise UsageError(f"{wanted} names its file {manifest.file}, as a model of the catalogue does; choose another")
    return manifest


def _beside(wanted: str, manifest: Manifest) -> str | None:
    """The model file next to a manifest that was given by path."""
    if not model_files.is_manifest_path(wanted):
        return None
    path = Path(wanted).expanduser().parent / manifest.file
    return str(path) if path.is_file() else None


def _expected(manifest: Manifest, given: str | None) -> str | None:
    given = given.lower() if given else None
    if given is not None and (len(given) != 64 or set(given) - set("0123456789abcdef")):
        raise UsageError("--sha256 wants 64 hexadecimal digits")
    if given and manifest.sha256 and given != manifest.sha256:
        raise UsageError(f"the catalogue knows another sha256 for {manifest.name}: {manifest.sha256}")
    return given or manifest.sha256


def _check_licence(manifest: Manifest, wanted: str, *, accepted: bool) -> None:
    if manifest.permissive or accepted:
        return
    text = f"{manifest.name} is under {manifest.licence}, from {manifest.source}. {manifest.licence_note}".rstrip()
    raise Refused(text, hint=f"lomi models add {wanted} --accept-licence")


@contextmanager
def _scratch(into: Path, name: str) -> Iterator[Path]:
    """An empty file in the folder, readable by all as models are; gone afterwards unless it was renamed."""
    try:
        into.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(prefix=f".{name}.", suffix=".part", dir=into)
        os.fchmod(handle, 0o644)
        os.close(handle)
    except OSError as error:
        hint = "choose another folder with --dir, or with LOMI_MODELS"
        raise UsageError(f"cannot write to the models folder {into}: {error.strerror}", hint=hint) from error
    try:
        yield Path(path)
    except OSError as error:
        raise ModelError(f"cannot write {into / name}: {error.strerror}") from error
    finally:
        with suppress(FileNotFoundError):
            Path(path).unlink()


def _write(path: Path, text: str) -> None:
    """In one step: a reader sees the old text or the new one."""
    handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        os.fchmod(handle, 0o644)
        file.write(text)
    Path(scratch).replace(path)
