"""When the last backup was, by our own record or by what an operator's own backups leave behind."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lomi_ops.clients.objects.opening import open_files
from lomi_ops.domain.backup import BackupRecord, s3_place, time_of
from lomi_ops.errors import ConfigError, LomiError
from lomi_ops.ops.backup.place import Place, look, open_place, verified

if TYPE_CHECKING:
    from lomi_ops.config.sections.operating import BackupSection
    from lomi_ops.config.sections.services import ObjectsSection

COMMAND_TIMEOUT_S = 10.0
TRIALS = 40
"""Backups in which a trial is looked for: one a night, tried once a month."""


def is_configured(section: BackupSection) -> bool:
    """Whether anything says where to look."""
    return section.says_where


def last_backup(
    section: BackupSection, objects: ObjectsSection, *, command_timeout_s: float = COMMAND_TIMEOUT_S
) -> BackupRecord | None:
    """The latest of all that the settings name; None where there is no backup there.

    Raises LomiError where it cannot be told: a folder that may not be read, a command that fails, a bucket that does
    not answer (ObjectsUnavailable). A file or an object that is not there is no error.
    """
    found = [each for each in _records(section, objects, command_timeout_s) if each is not None]
    return max(found, key=lambda each: each.when, default=None)


def _records(section: BackupSection, objects: ObjectsSection, timeout_s: float) -> Iterator[BackupRecord | None]:
    if section.to:
        with closing(open_place(None, section, objects)) as place:
            yield of_place(place)
    if section.file:
        yield of_file(section.file)
    if section.object:
        yield _of_object(section.object, objects)
    if section.command:
        yield of_command(section.command, timeout_s)


def of_place(place: Place) -> BackupRecord | None:
    """The latest backup whose manifest can be read; it is as old as its beginning."""
    for name in reversed(place.names()):
        kept = look(place, name)
        if kept.manifest is not None:
            where = f"{place.describe()}/{name}"
            return BackupRecord(kept.manifest.started_at, where, name, kept.manifest.bytes, kept.verified_at)
    return None


def last_trial(place: Place) -> tuple[str, datetime] | None:
    """The latest backup that was restored for a trial and found right, and when that was; None where none of the latest
    ones was."""
    for name in reversed(place.names()[-TRIALS:]):
        when = verified(place, name)
        if when is not None:
            return name, when
    return None


def of_file(path: Path) -> BackupRecord | None:
    """A file by when it was written last; with `*` in its name the latest of several."""
    try:
        found = [(each, each.stat()) for each in _files(path)]
    except OSError as problem:
        raise LomiError(f"backup.file {path}: {problem.strerror}") from problem
    if not found:
        return None
    latest, status = max(found, key=lambda pair: pair[1].st_mtime)
    return BackupRecord(datetime.fromtimestamp(status.st_mtime, UTC), str(latest), bytes=status.st_size)


def _files(path: Path) -> list[Path]:
    if not any(sign in path.name for sign in "*?["):
        return [path] if path.exists() else []
    return [each for each in path.parent.glob(path.name) if each.is_file()]


def _of_object(text: str, objects: ObjectsSection) -> BackupRecord | None:
    found = s3_place(text)
    if found is None:
        raise ConfigError("backup.object must look like s3://bucket/key", hint="lomi config show")
    bucket, key = found
    with closing(open_files(objects, bucket)) as files:
        latest = files.latest(bucket, key.removesuffix("*")) if key.endswith("*") else files.dated(bucket, key)
    return None if latest is None else BackupRecord(latest.modified, f"s3://{bucket}/{latest.key}", bytes=latest.size)


def of_command(command: str, timeout_s: float) -> BackupRecord | None:
    """A program that prints when the last backup was, ISO or seconds since 1970; nothing where there is none.

    It is run as it is, by no shell. Raises LomiError.
    """
    try:
        words = shlex.split(command)
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout_s,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        raise LomiError(f"backup.command did not end within {timeout_s:g} s") from late
    except (OSError, ValueError, IndexError) as problem:
        raise LomiError(f"backup.command cannot be run: {getattr(problem, 'strerror', None) or problem}") from problem
    if done.returncode != 0:
        raise LomiError(f"backup.command ended with {done.returncode}")
    if not done.stdout.strip():
        return None
    try:
        return BackupRecord(time_of(done.stdout.strip().splitlines()[0]), f"backup.command ({Path(words[0]).name})")
    except ValueError as problem:
        raise LomiError(f"backup.command printed {problem}") from problem
