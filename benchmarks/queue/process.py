"""Measured processes from outside: started, told to go, asked what they saw, killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from benchmarks.queue.environments import ROOT
from benchmarks.queue.product import Plan

START_S = 300.0
"""Many interpreters that start at once on a machine that is busy."""


class Process:
    """One process that speaks as `gate.Gate` does."""

    def __init__(self, command: Sequence[str | Path], environment: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
        )
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @classmethod
    def of(cls, plan: Plan) -> Process:
        return cls([sys.executable, "-m", "benchmarks.queue.product", plan.dump()])

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.strip())

    def line(self, timeout_s: float = 60.0) -> str:
        """Raises queue.Empty when there is none for so long."""
        return self._lines.get(timeout=timeout_s)

    def ready(self) -> None:
        if (said := self.line(START_S)) != "ready":
            raise RuntimeError(f"a measured process said {said!r} in place of `ready`")

    def say(self, word: str) -> None:
        print(word, file=self._process.stdin, flush=True)

    def start_of_job(self, timeout_s: float = 60.0) -> tuple[str, float]:
        """The next job that it started: id and Unix time."""
        job_id, at = self.line(timeout_s).split()
        return job_id, float(at)

    def starts(self) -> list[tuple[str, float]]:
        """All that it has told so far."""
        return [self.start_of_job(0) for _ in range(self._lines.qsize())]

    def report(self, timeout_s: float = 120.0) -> dict[str, Any]:
        """What it saw, once it is done."""
        found: dict[str, Any] = json.loads(self.line(timeout_s))
        self._process.wait(30)
        self._close()
        return found

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)
        self._close()

    def _close(self) -> None:
        self._reader.join(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
