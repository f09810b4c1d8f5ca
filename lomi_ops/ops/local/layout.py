"""Where a stack lives: one folder, and the names inside it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lomi_ops.config.paths import default_data
from lomi_ops.errors import StackError


@dataclass(frozen=True, slots=True)
class Layout:
    """Names below the folder of one stack. Nothing here touches the disk."""

    folder: Path

    @property
    def state(self) -> Path:
        """What the stack is: ports, passwords, number of workers. The mark of a stack folder."""
        return self.folder / "stack.json"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def record(self) -> Path:
        """What runs at the moment; the supervisor writes it."""
        return self.run / "parts.json"

    @property
    def command_lock(self) -> Path:
        """Held by `up` and `down` while they work."""
        return self.run / "command.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the supervisor as long as it lives."""
        return self.run / "supervisor.lock"

    @property
    def state_lock(self) -> Path:
        """Held around each change of the state file."""
        return self.run / "state.lock"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def log(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    @property
    def redis(self) -> Path:
        return self.folder / "redis"

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def postgres_data(self) -> Path:
        return self.postgres / "data"

    @property
    def objects(self) -> Path:
        """The object store: `<bucket>/<key>` below it."""
        return self.folder / "objects"

    @property
    def binaries(self) -> Path:
        """Copies of wheels' binaries, for a service user who cannot read the originals."""
        return self.folder / "binaries"


def locate(data: Path | None, environ: Mapping[str, str] = os.environ) -> Layout:
    """The layout of `data`, else of LOMI_DATA, else of the default folder. Symbolic links are resolved.

    A command gives `data` from its settings (`config.load` knows --data, LOMI_DATA and the configuration file), so that
    only the default is chosen here. Raises StackError where there is no home folder to put a stack in.
    """
    named = Path(environ["LOMI_DATA"]) if environ.get("LOMI_DATA") else default_data(environ)
    chosen = data or named
    if chosen is None:
        raise StackError("this user has no home folder to keep a stack in", hint="lomi up --data DIR")
    return Layout(chosen.expanduser().resolve())
