"""What runs: the supervisor's note of its parts, for `status`, for `up`, and for the supervisor that comes after it.

It is a hint, never the truth: every reader checks each process by its identity. It holds no secret.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from lomi_ops.ops.local import files
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.process import ProcessId

SUPERVISOR = "supervisor"
REDIS = "redis"
POSTGRES = "postgres"
WORKER = "worker-"
"""Workers are `worker-1`, `worker-2` and so on."""


class PartState(StrEnum):
    STARTING = "starting"
    """It runs and does not answer yet."""
    RUNNING = "running"
    RESTARTING = "restarting"
    """It ended and is started again, at once or after a pause."""
    FAILED = "failed"
    """It ended again and again; the pauses have grown, the tries go on."""
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class PartRecord:
    name: str
    state: PartState
    process: ProcessId | None = None
    since: float = 0.0
    """Unix time of the process's start."""
    restarts: int = 0
    """How often it was started again since the supervisor's own start."""
    error: str = ""
    """Why it ended last; empty once it has been stable."""


@dataclass(frozen=True, slots=True)
class StackRecord:
    supervisor: ProcessId | None = None
    since: float = 0.0
    version: str = ""
    """The supervisor's version of lomi."""
    workers: int | None = None
    """How many workers it has been told to keep; None before it has read that."""
    reloads: int = 0
    """How often it has read the state file again."""
    error: str = ""
    """Why the workers are held back, or the supervisor cannot work."""
    parts: tuple[PartRecord, ...] = ()

    def part(self, name: str) -> PartRecord | None:
        return next((part for part in self.parts if part.name == name), None)


def write(layout: Layout, record: StackRecord) -> None:
    files.write_private(layout.record, json.dumps(asdict(record), indent=2) + "\n")


def read(layout: Layout) -> StackRecord:
    """An empty record where there is none or it cannot be understood."""
    try:
        return _parse(json.loads(layout.record.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return StackRecord()


def _parse(body: dict[str, Any]) -> StackRecord:
    return StackRecord(
        supervisor=_process(body["supervisor"]),
        since=float(body["since"]),
        version=str(body["version"]),
        workers=body["workers"],
        reloads=int(body["reloads"]),
        error=str(body["error"]),
        parts=tuple(
            PartRecord(
                name=str(part["name"]),
                state=PartState(part["state"]),
                process=_process(part["process"]),
                since=float(part["since"]),
                restarts=int(part["restarts"]),
                error=str(part["error"]),
            )
            for part in body["parts"]
        ),
    )


def _process(body: dict[str, Any] | None) -> ProcessId | None:
    return None if body is None else ProcessId(int(body["pid"]), int(body["started"]), str(body["boot"]))
