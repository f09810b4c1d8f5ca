"""Which process is which: a pid together with its start time, so that a recycled pid is never taken for ours."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process for all time: no other one ever has the same three values on this machine."""

    pid: int
    started: int
    """Clock ticks after boot, field 22 of /proc/PID/stat."""
    boot: str
    """The kernel's random id of this boot."""


def identify(pid: int) -> ProcessId | None:
    """The identity of a living process; None when there is none or only its zombie is left."""
    fields = _stat(pid)
    if fields is None or fields[0] in ("Z", "X"):
        return None
    return ProcessId(pid, int(fields[19]), _boot())


def taken(pid: int) -> bool:
    """True when the number is in use, if only by the zombie of a process that nobody has collected."""
    return (_PROC / str(pid)).exists()


def alive(process: ProcessId | None) -> bool:
    return process is not None and identify(process.pid) == process


def send(process: ProcessId, number: signal.Signals) -> bool:
    """Signals exactly this process; False when it is gone. A pidfd closes the gap between looking and killing."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    except OSError:  # kernels and sandboxes without pidfd
        return _kill(process, number)
    try:
        if not alive(process):
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def wait_gone(process: ProcessId, timeout_s: float) -> bool:
    """Waits until the process has ended; False when it has not in time."""
    deadline = time.monotonic() + timeout_s
    while alive(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def works_in(pid: int) -> Path | None:
    """The working folder of a process; None when it is gone or not ours to look at."""
    try:
        return (_PROC / str(pid) / "cwd").readlink()
    except OSError:
        return None


def occupants(folder: Path) -> tuple[int, ...]:
    """Processes that work in this folder, as far as we may see: a server and what it left behind."""
    return tuple(pid for pid in _pids() if works_in(pid) == folder and identify(pid) is not None)


def leaders(command: tuple[str, ...]) -> tuple[ProcessId, ...]:
    """Living session leaders of this user that run exactly this command line.

    Children that a leader forked have its command line too, but not its place in the session.
    """
    wanted = b"".join(os.fsencode(word) + b"\0" for word in command)
    found = []
    for pid in _pids():
        fields = _stat(pid)
        if fields is None or int(fields[3]) != pid or _command(pid) != wanted or _uid(pid) != os.geteuid():
            continue
        if process := identify(pid):
            found.append(process)
    return tuple(found)


def _kill(process: ProcessId, number: signal.Signals) -> bool:
    if not alive(process):
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def _pids() -> tuple[int, ...]:
    return tuple(int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on; the name before it may hold blanks and brackets."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def _command(pid: int) -> bytes:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""


def _uid(pid: int) -> int | None:
    try:
        return (_PROC / str(pid)).stat().st_uid
    except OSError:
        return None


def _boot() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
