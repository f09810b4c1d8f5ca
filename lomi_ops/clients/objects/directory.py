"""A directory as object store: the object `key` of `bucket` is the file `<root>/<bucket>/<key>`."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lomi_ops.clients.objects.keys import (
    BUCKET_NOT_ALLOWED,
    BadKey,
    Buckets,
    ObjectMissing,
    check_key,
    shown,
    too_large,
)
from lomi_ops.clients.objects.store import StoredObject
from lomi_ops.errors import JobError, ObjectsUnavailable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK a pipe that lies where a photo should be would hang the reader.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1 << 20
_TEMPORARY = ".lomi-put-"
_PUT_RETRIES = 4


class DirectoryStore:
    """Implements ObjectStore.

    The root may be a symbolic link; below it none is followed, for reading or for writing: every part of a key is
    opened relative to its parent, so that nothing swapped in between can lead outside.
    """

    def __init__(self, root: Path, buckets: Buckets) -> None:
        self._root = root
        self._buckets = buckets

    def get(self, bucket: str, key: str, max_bytes: int) -> bytes:
        self._check(bucket, key)
        with self._blamed(key), self._parent(bucket, key) as (folder, name):
            fd = os.open(name, _READ, dir_fd=folder)
            try:
                return self._read(fd, bucket, key, max_bytes)
            finally:
                os.close(fd)

    def put(self, bucket: str, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """`content_type` is not kept. Creates the folders, the bucket's too."""
        self._check(bucket, key)
        with self._blamed(key):
            for _ in range(_PUT_RETRIES):
                # A delete next to us may remove the folder that it has emptied.
                with suppress(FileNotFoundError):
                    self._replace(bucket, key, data)
                    return
            self._replace(bucket, key, data)

    def size(self, bucket: str, key: str) -> int | None:
        self._check(bucket, key)
        try:
            with self._blamed(key), self._parent(bucket, key) as (folder, name):
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except ObjectMissing:
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def delete(self, bucket: str, key: str) -> None:
        """Removes the folders that become empty, too, but never the bucket's."""
        self._check(bucket, key)
        try:
            with self._blamed(key), self._parent(bucket, key) as (folder, name):
                if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    return
                os.unlink(name, dir_fd=folder)
        except ObjectMissing:
            return
        self._prune(bucket, key)

    def list(self, bucket: str, prefix: str = "") -> Iterator[StoredObject]:
        self._buckets.check(bucket)
        with self._blamed(prefix), self._bucket(bucket) as top:
            found = [item for item in _walk(top) if item.key.startswith(prefix)]
        yield from sorted(found, key=lambda item: item.key)

    def ensure_bucket(self, bucket: str) -> None:
        """Creates the root and the bucket's folder where they are missing."""
        self._buckets.check(bucket)
        with self._blamed(bucket):
            (self._root / bucket).mkdir(parents=True, exist_ok=True)

    def url(self, bucket: str, key: str) -> str:
        return (self._root.absolute() / bucket / key).as_uri()

    def describe(self) -> str:
        return f"the folder {self._root}"

    def close(self) -> None:
        """Nothing is kept open."""

    def _check(self, bucket: str, key: str) -> None:
        self._buckets.check(bucket)
        check_key(key)

    @contextmanager
    def _bucket(self, bucket: str, *, create: bool = False) -> Iterator[int]:
        """The bucket's folder, open. A missing one is an outage (an unmounted disk looks like that), unless the
        settings do not know the bucket: then the job is wrong."""
        try:
            root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            hint = "create it, mount it, or set objects.directory; lomi up makes one for the local stack"
            raise ObjectsUnavailable(f"{self.describe()} does not exist", hint=hint) from error
        try:
            yielded = _step(root, bucket, create=create)
        except (FileNotFoundError, NotADirectoryError) as error:
            if bucket not in self._buckets.configured and isinstance(error, FileNotFoundError):
                text = f"{self.describe()} has no bucket {shown(bucket)}"
                raise JobError(text, code=BUCKET_NOT_ALLOWED) from error
            text = f"{self.describe()} has no folder for the bucket {shown(bucket)}"
            raise ObjectsUnavailable(text, hint="create or mount it; symbolic links are not followed") from error
        finally:
            os.close(root)
        try:
            yield yielded
        finally:
            os.close(yielded)

    @contextmanager
    def _parent(self, bucket: str, key: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
        """The open folder that holds the object, and the object's name in it."""
        *parts, name = key.split("/")
        with self._bucket(bucket, create=create) as top:
            folder = os.dup(top)
            try:
                for part in parts:
                    inner = _step(folder, part, create=create)
                    os.close(folder)
                    folder = inner
                yield folder, name
            finally:
                os.close(folder)

    def _replace(self, bucket: str, key: str, data: bytes) -> None:
        with self._parent(bucket, key, create=True) as (folder, name):
            temporary = _TEMPORARY + secrets.token_hex(8)
            fd = os.open(temporary, _WRITE, 0o666, dir_fd=folder)
            try:
                with os.fdopen(fd, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(fd)
                os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                os.unlink(temporary, dir_fd=folder)
                raise

    def _read(self, fd: int, bucket: str, key: str, max_bytes: int) -> bytes:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise ObjectMissing(f"{shown(key)} in {bucket} is not a file")
        if found.st_size > max_bytes:
            raise too_large(bucket, key, found.st_size, max_bytes)
        data = bytearray()
        while len(data) <= max_bytes and (chunk := os.read(fd, min(_CHUNK, max_bytes + 1 - len(data)))):
            data += chunk
        if len(data) > max_bytes:
            raise too_large(bucket, key, None, max_bytes)
        if len(data) < found.st_size:
            raise ObjectsUnavailable(f"{shown(key)} in {bucket} became shorter while it was read")
        return bytes(data)

    def _prune(self, bucket: str, key: str) -> None:
        """Removes empty folders from the object's upwards; stops at the first that is in use."""
        while "/" in key:
            key = key.rpartition("/")[0]
            try:
                with self._parent(bucket, key) as (folder, name):
                    os.rmdir(name, dir_fd=folder)
            except OSError:
                return

    @contextmanager
    def _blamed(self, key: str) -> Iterator[None]:
        """Sorts the file system's errors: the object is not there, its name is impossible, or the store is ill."""
        try:
            yield
        except OSError as error:
            raise self._named(error, key) from error

    def _named(self, error: OSError, key: str) -> Exception:
        match error.errno:
            case errno.ENOENT:
                return ObjectMissing(f"{shown(key)} is not in {self.describe()}")
            case errno.ENOTDIR | errno.ELOOP | errno.EISDIR | errno.ENXIO:
                text = f"{shown(key)} in {self.describe()} is no file, or leads over a file or a symbolic link"
                return ObjectMissing(text)
            case errno.ENAMETOOLONG:
                return BadKey(f"the key {shown(key)} has a part that is too long for a file name")
            case errno.EACCES | errno.EPERM:
                hint = "the user that runs lomi must be able to read and write it, and every folder on the way"
                return ObjectsUnavailable(f"no permission for {shown(key)} in {self.describe()}", hint=hint)
            case _:
                return ObjectsUnavailable(f"{self.describe()}: {error.strerror} ({shown(key)})")


def _step(folder: int, name: str, *, create: bool) -> int:
    """Opens a folder inside an open folder, creating it if asked; follows no symbolic link."""
    if create:
        try:
            return os.open(name, _FOLDER, dir_fd=folder)
        except FileNotFoundError:
            with suppress(FileExistsError):  # somebody else made it just now
                os.mkdir(name, dir_fd=folder)
    return os.open(name, _FOLDER, dir_fd=folder)


def _walk(top: int) -> Iterator[StoredObject]:
    """Every object below an open folder; links, odd files and our temporary ones left out."""
    for folder, _, files, fd in os.fwalk(".", onerror=_unless_gone, dir_fd=top):
        for name in files:
            key = f"{folder}/{name}".removeprefix("./")
            try:
                check_key(key)
                found = os.stat(name, dir_fd=fd, follow_symlinks=False)
            except (BadKey, FileNotFoundError):
                continue
            if stat.S_ISREG(found.st_mode) and not name.startswith(_TEMPORARY):
                yield StoredObject(key, found.st_size)


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
