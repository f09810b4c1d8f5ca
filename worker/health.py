"""The note a worker keeps about itself, and how `lomi worker --healthcheck` reads it.

A file, because a container's health command is another process on the same machine and must not need Redis to say
that Redis is what is missing.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lomi_ops.errors import LomiError

STALE_AFTER_S = 30.0
"""A worker notes its state at every beat, 4 s by default: seven missed notes are a hung worker."""
PREFIX = "lomi-worker-"


class HealthNotWritten(LomiError):
    """The note could not be written; the worker goes on."""


@dataclass(frozen=True, slots=True)
class Health:
    """The state of one worker process at a moment."""

    pid: int
    state: str
    """starting, ready, waiting (something is down), draining"""
    at: float
    """Unix time of this note."""
    unclaimed_s: float
    """Seconds since Redis last answered a claim, when this was noted; not a moment, since the wall clock may jump."""
    detail: str = ""
    stuck_after_s: float = 0.0
    """Seconds without an answered claim after which its slots are stuck, whatever the rest does; 0: not known."""
    born: str = ""
    """When the kernel started the process, in its ticks: a pid comes back, but not with this. Empty: not known."""


def birth(pid: int) -> str:
    """The start time of a living process as the kernel has it; empty where it does not say. proc(5), stat, field 22."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def default_file(pid: int) -> Path:
    return Path(tempfile.gettempdir()) / f"{PREFIX}{os.getuid()}-{pid}.json"


def write(path: Path, health: Health) -> None:
    """Replaces the note in one step, and never writes through a link that somebody else laid there.

    Where the disk is full, an older note is at least marked as fresh: the worker is alive. Raises HealthNotWritten.
    """
    temporary = _temporary(path, health.pid)
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(health), file)
        temporary.replace(path)
    except OSError as failure:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        with suppress(OSError):
            os.utime(path, follow_symlinks=False)
        raise HealthNotWritten(f"cannot write {path}: {failure.strerror}") from failure


def remove(path: Path) -> None:
    """At the end of a worker, by the worker."""
    for file in (path, _temporary(path, os.getpid())):
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _temporary(path: Path, pid: int) -> Path:
    return path.with_name(f".{path.name}.{pid}")


def read_all(path: Path | None) -> list[Health]:
    """The note in `path`, else those of all living workers of this user."""
    if path is not None:
        candidates = [path]
    else:
        candidates = sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}{os.getuid()}-*.json"))
    notes = [note for file in candidates if (note := _read(file)) is not None]
    return [note for note in notes if path is not None or _alive(note)]


def complaint(note: Health, now: float) -> str | None:
    """Why this worker is not healthy, or None. A worker that waits for Postgres is healthy: a restart cures nothing."""
    if not _alive(note):
        return f"worker {note.pid} is gone"
    if now - note.at > STALE_AFTER_S:
        return f"worker {note.pid} has not moved for {now - note.at:.0f} s"
    if note.state == "starting":
        return f"worker {note.pid} has not loaded its models yet"
    idle = max(0.0, now - note.at) + note.unclaimed_s
    if note.state == "ready" and 0 < note.stuck_after_s < idle:
        return f"worker {note.pid} has asked for no job for {idle:.0f} s: its slots are stuck"
    return None


def _read(path: Path) -> Health | None:
    try:
        note = Health(**json.loads(path.read_text()))
        return replace(note, at=max(note.at, path.stat().st_mtime))
    except (OSError, ValueError, TypeError):
        return None


def _alive(note: Health) -> bool:
    try:
        os.kill(note.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not note.born or birth(note.pid) in ("", note.born)
