"""One program under supervision: started, watched, started again with growing pauses, ended step by step."""

from __future__ import annotations

import logging
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from lomi_ops.errors import StackError
from lomi_ops.ops.local import logs, process
from lomi_ops.ops.local.process import ProcessId
from lomi_ops.ops.local.record import PartRecord, PartState
from lomi_ops.ops.local.service import Service
from lomi_ops.ops.local.state import StackState

STABLE_S = 10.0
"""A part that has run this long is well: its next end counts as a first one."""
FAILED_AFTER = 4
LONGEST_PAUSE_S = 15.0

_LOG = logging.getLogger(__name__)


def pause_s(failures: int) -> float:
    """Seconds to wait before the next start: none after a first end, then 0.2 doubling up to 15."""
    return 0.0 if failures < 2 else min(LONGEST_PAUSE_S, 0.2 * 2.0 ** min(failures - 2, 10))


def state_after_end(failures: int) -> PartState:
    return PartState.FAILED if failures >= FAILED_AFTER else PartState.RESTARTING


@dataclass(slots=True)
class Part:
    """Mutable, and only the supervisor's thread touches it. Times are monotonic unless they say otherwise."""

    service: Service
    state: PartState = PartState.RESTARTING
    process: ProcessId | None = None
    since: float = 0.0
    """Unix time of the start."""
    restarts: int = 0
    error: str = ""
    failures: int = 0
    not_before: float = 0.0
    mourn: Callable[[int, str], None] = lambda pid, why: None
    """Called when it ended by itself: which process, and why."""
    _child: subprocess.Popen[bytes] | None = None
    _began: float = 0.0
    _log_offset: int = 0
    _ending: int = 0
    _ending_until: float = 0.0

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def waiting(self) -> bool:
        """True while it should run and does not."""
        return self.state in (PartState.RESTARTING, PartState.FAILED)

    def record(self) -> PartRecord:
        state = PartState.STARTING if self.waiting and not self._began else self.state
        return PartRecord(self.name, state, self.process, self.since, self.restarts, self.error)

    def adopt(self, found: ProcessId, known: PartRecord | None, now: float) -> None:
        """Takes over a process that an earlier supervisor started."""
        self.process, self._child = found, None
        self.since = known.since if known else time.time()
        self.error = known.error if known else ""
        self.state = known.state if known else PartState.STARTING
        self._began = now
        if self.state is PartState.RUNNING:
            self._log_offset = logs.size(self.service.log)
        elif self.state is PartState.STOPPING:
            self._ending, self._ending_until = 0, now + self.service.endings[0][1]
        else:
            self.state = PartState.STARTING
        _LOG.info("%s: found running, pid %d", self.name, found.pid)

    def start(self, state: StackState, now: float) -> None:
        """One start. What goes wrong here counts as an end of the program."""
        again = self._began > 0
        self._log_offset = logs.size(self.service.log)
        self._began = now
        try:
            self._child = self.service.spawn(state)
        except (OSError, StackError) as problem:
            self._ended(str(problem), now)
            return
        self.process = process.identify(self._child.pid)
        self.since = time.time()
        self.restarts += again
        self.state = PartState.STARTING
        _LOG.info("%s: started, pid %d", self.name, self._child.pid)

    def watch(self, state: StackState, now: float) -> None:
        """Notices its end, its readiness and its recovery; pushes an ending on."""
        if self.waiting or self.state is PartState.STOPPED:
            return
        if not self._lives():
            self._ended(self._why(), now)
        elif self.state is PartState.STOPPING:
            self._push(now)
        elif self.state is PartState.STARTING:
            if self.service.answers(state, logs.since(self.service.log, self._log_offset), now - self._began):
                self.state = PartState.RUNNING
        elif now - self._began >= STABLE_S:
            self.failures, self.error = 0, ""

    def stop(self, now: float) -> None:
        """Begins the ending; `watch` carries it on."""
        if self.state in (PartState.STOPPING, PartState.STOPPED):
            return
        if not self._lives():
            self._gone()
            return
        self.state, self._ending = PartState.STOPPING, 0
        self._signal(now)

    def hurry(self) -> None:
        """Lets the next start come at once, with a clean slate: somebody may have mended what was wrong."""
        self.not_before, self.failures = 0.0, 0
        if self.waiting:
            self.state = PartState.RESTARTING

    def _lives(self) -> bool:
        if self._child is not None and self._child.poll() is not None:
            return False
        return process.alive(self.process)

    def _push(self, now: float) -> None:
        if now >= self._ending_until and self._ending + 1 < len(self.service.endings):
            self._ending += 1
            self._signal(now)

    def _signal(self, now: float) -> None:
        number, patience_s = self.service.endings[self._ending]
        self._ending_until = now + patience_s
        if self.process is not None:
            process.send(self.process, number)

    def _ended(self, why: str, now: float) -> None:
        if self.state is PartState.STOPPING:
            self._gone()
            return
        if self.process is not None:
            self.mourn(self.process.pid, why)
        self.failures = 1 if now - self._began >= STABLE_S else self.failures + 1
        self.error = why
        self.process, self._child = None, None
        self.not_before = now + pause_s(self.failures)
        self.state = state_after_end(self.failures)
        _LOG.warning("%s: ended, %s", self.name, why)

    def _gone(self) -> None:
        self.process, self._child, self.state = None, None, PartState.STOPPED
        _LOG.info("%s: stopped", self.name)

    def _why(self) -> str:
        """How it ended and the telling line of its log. Killed programs have said nothing about it."""
        code = None if self._child is None else self._child.returncode
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        written = logs.since(self.service.log, self._log_offset)
        told = logs.telling(written) if code is None else logs.reason(written)
        end = "ended" if code is None else f"ended with exit code {code}"
        return f"{end}: {told}" if told else end
