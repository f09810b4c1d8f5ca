"""The parent's end of a judging process: starts it, asks it, and replaces it when a photo kills it."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from lomi_ops.domain.golden import Golden
from lomi_ops.domain.inheritance import inherited
from lomi_ops.errors import LomiError, ModelError, PhotoError, Transient
from worker.judging.look import Look
from worker.judging.wire import OUT_OF_MEMORY, Answer, Ask, Begin, LoadedEngine, Ready, Unfit, Unjudgeable, send_ask

START_TIMEOUT_S = 120.0
"""Loading a large model from a cold disk on a busy machine."""
END_TIMEOUT_S = 5.0
"""A process that has closed its pipe is on its way out, unless a library hangs in its own clean-up."""


ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""One per process: numpy's BLAS would else start a pool per core beside ONNX Runtime's."""
KEPT_PAGES = {
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(192 << 20),
    "MALLOC_ARENA_MAX": "1",
    "PILLOW_BLOCK_SIZE": "256m",
}
"""Bytes, and one heap for all threads: each further one would keep pages of its own. The C library would else ask the
kernel for the pixels of every large photo anew, page by page. What it keeps for the next one stays below the memory
that a worker may have; what is larger than any usual photo goes back. Pillow keeps each photo in one piece, so that
models are shown it where it lies."""


class JudgeCrash(LomiError):
    """The judging process died or hung while it looked at a photo. The photo is the suspect."""


class JudgeDown(Transient):
    """The judging process could not be started. No photo is to blame."""


class JudgingProcess:
    """One child process. Not thread-safe, except `kill`, which any thread may call at any time."""

    def __init__(self, begin: Begin, *, timeout_s: float) -> None:
        self._begin = begin
        self._timeout_s = timeout_s
        self._child: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self.engines: tuple[LoadedEngine, ...] = ()
        self.golden: Golden | None = None
        self.made_of = ""

    def start(self) -> tuple[LoadedEngine, ...]:
        """Starts the child and waits until its models are loaded.

        Raises ModelError when a required model is missing or wrong, JudgeDown when the child dies while loading.
        """
        self._spawn()
        try:
            self._send(self._begin)
            answer = self._receive(START_TIMEOUT_S, "loading the models")
        except JudgeCrash as crash:
            raise JudgeDown(crash.message, hint="look at the memory of this machine") from crash
        if isinstance(answer, Unfit):
            self.close()
            raise ModelError(answer.message, hint=answer.hint)
        assert isinstance(answer, Ready)
        self.engines, self.golden, self.made_of = answer.engines, answer.golden, answer.made_of
        return self.engines

    def look(self, data: bytes, *, canonical: bool) -> Look:
        """One photo. Raises PhotoError when it cannot be judged, JudgeCrash when it killed the child, and what `start`
        raises where a new child is needed first: the last photo killed the old one, or it died between photos."""
        if self._child is not None and self._child.poll() is not None:
            self.close()
        if self._child is None:
            self.start()
        self._send(Ask(data, canonical))
        answer: Answer = self._receive(None, "judging a photo")
        if isinstance(answer, Unjudgeable):
            raise PhotoError(answer.message, code=answer.code)
        return answer

    def kill(self) -> None:
        """Ends the child at once; a `look` in another thread then raises JudgeCrash, and a `start` JudgeDown."""
        child = self._child
        if child is not None:
            child.kill()

    def close(self) -> None:
        """Ends the child and waits for it."""
        child, self._child = self._child, None
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            pipe.close()
        if child is not None:
            child.kill()
            child.wait()

    @property
    def pid(self) -> int | None:
        child = self._child
        return child.pid if child is not None else None

    def _spawn(self) -> None:
        ours, theirs = socket.socketpair()
        # -P: a photo folder that we are started in may hold a numpy.py of its own.
        command = [sys.executable, "-P", "-m", "worker.judging.child", str(theirs.fileno()), str(os.getpid())]
        try:
            child = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # What decoders print must not end up between answers and log lines.
                stdout=subprocess.DEVNULL,
                env=child_environment(os.environ),
                start_new_session=True,
            )
        except OSError as refused:
            ours.close()
            raise JudgeDown(f"no judging process could be started: {refused.strerror}") from refused
        finally:
            theirs.close()
        _limit_stalls(ours, self._timeout_s)
        self._child, self._pipe = child, Connection(ours.detach())

    def _send(self, message: Begin | Ask) -> None:
        assert self._pipe is not None
        try:
            if isinstance(message, Ask):
                send_ask(self._pipe, message)
            else:
                self._pipe.send(message)
        except BlockingIOError as stuck:
            raise self._silent(self._timeout_s, "taking a photo") from stuck
        except OSError as gone:
            raise self._crashed("taking a photo") from gone

    def _receive(self, timeout_s: float | None, doing: str) -> Any:
        """None for as long as any stall may last, which the socket sees to."""
        assert self._pipe is not None
        try:
            if timeout_s is not None and not self._pipe.poll(timeout_s):
                raise self._silent(timeout_s, doing)
            return self._pipe.recv()
        except BlockingIOError as stuck:
            raise self._silent(self._timeout_s, doing) from stuck
        except (EOFError, OSError) as gone:
            raise self._crashed(doing) from gone

    def _silent(self, timeout_s: float, doing: str) -> JudgeCrash:
        self.close()
        return JudgeCrash(f"the judging process gave no answer within {timeout_s:g} s while {doing}")

    def _crashed(self, doing: str) -> JudgeCrash:
        code = _exit_code(self._child) if self._child is not None else None
        self.close()
        return JudgeCrash(f"the judging process {_how_it_ended(code)} while {doing}")


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a child needs to find Python, itself and its models."""
    kept = inherited(environ)
    here = str(Path(__file__).parents[2])
    path = os.pathsep.join(part for part in (here, kept.get("PYTHONPATH", "")) if part)
    return KEPT_PAGES | kept | {"PYTHONPATH": path} | ONE_THREAD


def _limit_stalls(ours: socket.socket, seconds: float) -> None:
    """A child that stands still in the middle of a message must not keep us in `send` or `recv` for ever."""
    limit = struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)


def _exit_code(child: subprocess.Popen[bytes]) -> int | None:
    """Of a child whose pipe is closed; None where it hangs instead of ending."""
    try:
        return child.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return None


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "closed its pipe"
    if code == OUT_OF_MEMORY:
        return "ran out of memory"
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
