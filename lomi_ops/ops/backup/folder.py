"""Backups in a folder: each is made under a name with a dot, and gets its own name when it is whole."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lomi_ops.domain.backup import MANIFEST, Part, is_name
from lomi_ops.errors import LomiError
from lomi_ops.ops.backup import held
from lomi_ops.ops.backup.place import MAX_SMALL, DamagedBackup, Measured
from lomi_ops.ops.local.files import sync_folder

_PARTIAL = ".partial-"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FolderPlace:
    """Implements Place. Everything in it is for its owner only: a backup holds what people may not see."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def describe(self) -> str:
        return str(self._root)

    def names(self) -> tuple[str, ...]:
        with self._blamed():
            return tuple(sorted(path.name for path in self._entries() if (path / MANIFEST).is_file()))

    @contextmanager
    def draft(self, name: str) -> Iterator[FolderDraft]:
        """The lock in it dies with us, so that nobody sweeps a backup away that is being made."""
        with self._blamed():
            self._root.mkdir(mode=0o700, exist_ok=True)
            partial = self._root / f"{_PARTIAL}{name}"
            partial.mkdir(mode=0o700)
        try:
            with self._blamed(), held.hold(partial):
                yield FolderDraft(partial, self._root / name)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def sweep(self) -> tuple[str, ...]:
        with self._blamed():
            left = [path for path in self._all() if path.name.startswith(_PARTIAL) and not held.in_use(path)]
            left += [path for path in self._entries() if not (path / MANIFEST).exists()]
            for path in left:
                shutil.rmtree(path)
        return tuple(sorted(path.name.removeprefix(_PARTIAL) for path in left))

    def read(self, name: str, file: str) -> str | None:
        with self._blamed():
            try:
                with (self._root / name / file).open("rb") as opened:
                    return opened.read(MAX_SMALL).decode("utf-8", "replace")
            except FileNotFoundError:
                return None

    def note(self, name: str, file: str, text: str) -> None:
        with self._blamed():
            fresh = self._root / name / f".{file}"
            _write(fresh, [text.encode()])
            fresh.replace(self._root / name / file)
            sync_folder(self._root / name)

    def forget(self, name: str, file: str) -> None:
        with self._blamed():
            (self._root / name / file).unlink(missing_ok=True)

    def fetch(self, name: str, file: str, room: Path) -> Path:
        path = self._root / name / file
        if not path.is_file():
            raise DamagedBackup(f"{file} of {name} is missing")
        return path

    def remove(self, name: str) -> None:
        with self._blamed():
            (self._root / name / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(self._root / name)

    def close(self) -> None:
        """Nothing is kept open."""

    def _entries(self) -> list[Path]:
        """Folders that have the name of a backup. Others are somebody else's, and never touched."""
        return [path for path in self._all() if is_name(path.name) and path.is_dir() and not path.is_symlink()]

    def _all(self) -> list[Path]:
        try:
            return list(self._root.iterdir())
        except FileNotFoundError:
            return []

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _named(error, self._root) from error


class FolderDraft:
    """Implements Draft."""

    def __init__(self, partial: Path, final: Path) -> None:
        self._partial = partial
        self._final = final

    def put(self, file: str, chunks: Iterable[bytes]) -> Part:
        measured = Measured(chunks)
        _write(self._partial / file, measured)
        return measured.part(file)

    def commit(self, manifest: str) -> None:
        _write(self._partial / MANIFEST, [manifest.encode()])
        (self._partial / held.LOCK).unlink()
        sync_folder(self._partial)
        self._partial.rename(self._final)
        sync_folder(self._final.parent)


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    """On the disk before anybody gets to know its name."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _named(error: OSError, root: Path) -> LomiError:
    if error.errno in _FULL:
        return LomiError(
            f"there is no room for a backup in {root}; what was there before is untouched",
            hint="make room, or: lomi backup create --to DIR",
        )
    if error.errno == errno.ENOENT and not root.parent.is_dir():
        return LomiError(f"{root.parent} does not exist, so there can be no {root.name} in it", hint="mount or make it")
    what = error.strerror or type(error).__name__
    return LomiError(f"backups in {root}: {what}", hint="the user that runs lomi must own that folder")
