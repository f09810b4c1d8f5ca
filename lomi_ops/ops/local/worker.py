"""The stack's workers: processes of `lomi worker` that see this stack and no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lomi_ops.ops.local import logs
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.process import ProcessId
from lomi_ops.ops.local.record import WORKER
from lomi_ops.ops.local.state import StackState, connection

GRACE_S = 55.0
"""A little more than a worker's own `grace_s` of 50: it drains, then gives back, and only then is killed."""

READY_LINE = "NSFW model loaded successfully"
"""What a worker logs when it can judge; operators count these lines too."""

_READY_ANYHOW_S = 30.0
"""A worker that has lived this long is taken for ready although its log level hides that line."""

_FOREIGN_PREFIXES = ("LOMI_REDIS", "LOMI_DATABASE", "LOMI_OBJECTS", "REDIS_", "DB_", "S3_", "PG")


def default_command(layout: Layout) -> tuple[str, ...]:
    return (sys.executable, "-m", "lomi_ops", "worker", "--data", str(layout.folder))


def environment(layout: Layout, state: StackState, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Our environment with the services of this stack in place of any other: a worker of the local stack must never
    find production through a variable that its operator happened to have set."""
    own = connection(layout, state)
    kept = {name: value for name, value in environ.items() if not name.startswith(_FOREIGN_PREFIXES)}
    return kept | {
        "LOMI_REDIS_URL": own.redis_url,
        "LOMI_DATABASE_URL": own.database_url,
        "LOMI_OBJECTS": own.objects,
        "LOMI_DATA": str(layout.folder),
    }


@dataclass(frozen=True, slots=True)
class WorkerService:
    layout: Layout
    number: int
    command: tuple[str, ...]
    grace_s: float = GRACE_S

    @property
    def name(self) -> str:
        return f"{WORKER}{self.number}"

    @property
    def log(self) -> Path:
        return self.layout.log(self.name)

    @property
    def endings(self) -> tuple[tuple[signal.Signals, float], ...]:
        """Drain; give back; the last resort, after which the lease's end gives the job back."""
        return (signal.SIGTERM, self.grace_s), (signal.SIGTERM, min(5.0, self.grace_s)), (signal.SIGKILL, 10.0)

    def spawn(self, state: StackState) -> subprocess.Popen[bytes]:
        with logs.opened(self.log) as log:
            return subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.layout.folder,
                start_new_session=True,
                env=environment(self.layout, state),
            )

    def answers(self, state: StackState, written: str, age_s: float) -> bool:
        return READY_LINE in written or age_s >= _READY_ANYHOW_S

    def survivor(self) -> ProcessId | None:
        """Workers look alike: the supervisor tells strays from known ones (`process.leaders`)."""
        return None
