"""Backups in a bucket. A store cannot rename: the files get their names at once, and the manifest comes last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lomi_ops.clients.objects.keys import ObjectMissing
from lomi_ops.domain.backup import MANIFEST, Part, is_name
from lomi_ops.errors import LomiError
from lomi_ops.ops.backup.place import MAX_SMALL, DamagedBackup, Measured

if TYPE_CHECKING:
    from lomi_ops.clients.objects.s3_files import S3Files


class BucketPlace:
    """Implements Place. One cluster for each prefix: what has no manifest there is taken for ours, left half done."""

    def __init__(self, files: S3Files, bucket: str, prefix: str) -> None:
        self._files = files
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    def describe(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(name for name, files in self._contents().items() if MANIFEST in files))

    @contextmanager
    def draft(self, name: str) -> Iterator[BucketDraft]:
        draft = BucketDraft(self._files, self._bucket, f"{self._prefix}{name}/")
        try:
            yield draft
        except BaseException:
            # The store may be what has failed: then the next run sweeps.
            with suppress(LomiError):
                draft.withdraw()
            raise

    def sweep(self) -> tuple[str, ...]:
        left = {name: files for name, files in self._contents().items() if MANIFEST not in files}
        for name, files in left.items():
            for file in files:
                self._files.delete(self._bucket, self._key(name, file))
        self._files.abandon_uploads(self._bucket, self._prefix)
        return tuple(sorted(left))

    def read(self, name: str, file: str) -> str | None:
        try:
            return self._files.get(self._bucket, self._key(name, file), MAX_SMALL).decode("utf-8", "replace")
        except ObjectMissing:
            return None

    def note(self, name: str, file: str, text: str) -> None:
        self._files.put(self._bucket, self._key(name, file), text.encode(), "application/json")

    def forget(self, name: str, file: str) -> None:
        self._files.delete(self._bucket, self._key(name, file))

    def fetch(self, name: str, file: str, room: Path) -> Path:
        path = room / file
        try:
            with path.open("wb") as opened:
                for chunk in self._files.get_stream(self._bucket, self._key(name, file)):
                    opened.write(chunk)
        except ObjectMissing as missing:
            raise DamagedBackup(f"{file} of {name} is missing") from missing
        except OSError as problem:
            text = f"{file} of {name} could not be copied into {room}: {problem.strerror}"
            raise LomiError(text, hint="make room there, or name another folder in TMPDIR") from problem
        return path

    def remove(self, name: str) -> None:
        files = self._contents().get(name, ())
        for file in sorted(files, key=lambda file: file != MANIFEST):
            self._files.delete(self._bucket, self._key(name, file))

    def close(self) -> None:
        self._files.close()

    def _contents(self) -> dict[str, list[str]]:
        """Files by backup. Objects with other names are somebody else's."""
        found: dict[str, list[str]] = {}
        for item in self._files.list(self._bucket, self._prefix):
            name, _, file = item.key.removeprefix(self._prefix).partition("/")
            if is_name(name) and file and "/" not in file:
                found.setdefault(name, []).append(file)
        return found

    def _key(self, name: str, file: str) -> str:
        return f"{self._prefix}{name}/{file}"


class BucketDraft:
    """Implements Draft."""

    def __init__(self, files: S3Files, bucket: str, prefix: str) -> None:
        self._files = files
        self._bucket = bucket
        self._prefix = prefix
        self._put: list[str] = []

    def put(self, file: str, chunks: Iterable[bytes]) -> Part:
        measured = Measured(chunks)
        self._put.append(file)
        self._files.put_stream(self._bucket, self._prefix + file, measured)
        return measured.part(file)

    def commit(self, manifest: str) -> None:
        self._files.put(self._bucket, self._prefix + MANIFEST, manifest.encode(), "application/json")

    def withdraw(self) -> None:
        for file in (MANIFEST, *self._put):
            self._files.delete(self._bucket, self._prefix + file)
