"""Where backups lie: a folder, or a bucket below a prefix. One folder or prefix in it for each, by its name.

A backup is there when its manifest is: that is written last, and removed first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lomi_ops.domain import backup
from lomi_ops.domain.backup import LATEST, Manifest, Part
from lomi_ops.errors import LomiError, NotFound, UsageError

if TYPE_CHECKING:
    from lomi_ops.config.sections.operating import BackupSection
    from lomi_ops.config.sections.services import ObjectsSection

MAX_SMALL = 4 * 1024 * 1024
"""Bytes of a manifest or a note."""


class DamagedBackup(LomiError):
    """A part is missing or is not what the manifest says."""


class Draft(Protocol):
    """A backup that is being made."""

    def put(self, file: str, chunks: Iterable[bytes]) -> Part:
        """Writes one file. Raises what `chunks` raises, LomiError where the place is full or away."""
        ...

    def commit(self, manifest: str) -> None:
        """Makes it a backup, in one step."""
        ...


class Place(Protocol):
    """Raises LomiError or ObjectsUnavailable where it does not answer."""

    def describe(self) -> str:
        """As somebody would name it for `--to`."""
        ...

    def names(self) -> tuple[str, ...]:
        """Every backup with a manifest, the oldest first. What is half done is none."""
        ...

    def draft(self, name: str) -> AbstractContextManager[Draft]:
        """A new backup; without a commit nothing of it stays."""
        ...

    def sweep(self) -> tuple[str, ...]:
        """Removes what interrupted runs have left; the names of it."""
        ...

    def read(self, name: str, file: str) -> str | None:
        """A small file; None where it is missing."""
        ...

    def note(self, name: str, file: str, text: str) -> None:
        """Writes a small file beside the others, in one step."""
        ...

    def forget(self, name: str, file: str) -> None:
        """Removes a note; one that is not there is no error."""
        ...

    def fetch(self, name: str, file: str, room: Path) -> Path:
        """A file on this machine, copied into the folder `room` where it is not. Raises DamagedBackup where it is
        missing."""
        ...

    def remove(self, name: str) -> None:
        """The manifest first."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """A backup in a place. Without a manifest that can be read only its name is known."""

    name: str
    manifest: Manifest | None
    verified_at: datetime | None
    damage: str = ""


def open_place(to: str | None, section: BackupSection, objects: ObjectsSection) -> Place:
    """The place that `--to` or `--from` names, else backup.to. Raises UsageError, ConfigError."""
    text = to or section.to
    if not text:
        raise UsageError("nothing says where backups lie", hint="set backup.to, or name a folder or s3://bucket/prefix")
    if (bucket := backup.s3_place(text)) is not None:
        from lomi_ops.clients.objects.opening import open_files
        from lomi_ops.ops.backup.bucket import BucketPlace

        return BucketPlace(open_files(objects, bucket[0]), *bucket)
    if "://" in text:
        raise UsageError(f"backups go to a folder or to s3://bucket/prefix, not to {text!r}")
    from lomi_ops.ops.backup.folder import FolderPlace

    return FolderPlace(Path(text).expanduser().absolute())


def listed(place: Place) -> tuple[Kept, ...]:
    """Every backup, the latest first."""
    return tuple(look(place, name) for name in reversed(place.names()))


def look(place: Place, name: str) -> Kept:
    """What is known of one backup."""
    text = place.read(name, backup.MANIFEST)
    try:
        manifest = backup.parse_manifest(text or "")
    except ValueError as damage:
        return Kept(name, None, None, str(damage))
    return Kept(name, manifest, verified(place, name))


def find(place: Place, name: str) -> Manifest:
    """The manifest of one backup; `latest` is the last. Raises NotFound, DamagedBackup."""
    names = place.names()
    wanted = names[-1] if name == LATEST and names else name
    if wanted not in names:
        which = "no backup" if name == LATEST else f"no backup {name!r}"
        raise NotFound(f"there is {which} in {place.describe()}", hint="lomi backup list, or: lomi backup create")
    kept = look(place, wanted)
    if kept.manifest is None:
        raise DamagedBackup(f"the manifest of {wanted} is damaged: {kept.damage}", hint="lomi backup list")
    return kept.manifest


def verified(place: Place, name: str) -> datetime | None:
    """When a backup was last tried and found right; None also where that cannot be read."""
    text = place.read(name, backup.VERIFIED)
    try:
        return backup.verified_at(text) if text else None
    except ValueError:
        return None


class Measured:
    """Chunks on their way, counted and hashed."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._hash = hashlib.sha256()
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._hash.update(chunk)
            self._size += len(chunk)
            yield chunk

    def part(self, file: str) -> Part:
        return Part(file, self._size, self._hash.hexdigest())


def measure(path: Path, file: str) -> Part:
    """What is in a file now."""
    with path.open("rb") as opened:
        measured = Measured(iter(lambda: opened.read(1 << 20), b""))
        for _ in measured:
            pass
    return measured.part(file)
