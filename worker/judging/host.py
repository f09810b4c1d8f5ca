"""The parent's end of a judging process: starts it, asks it, and replaces it when a photo kills it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from lomi_ops.errors import LomiError, ModelError, PhotoError, Transient
from worker.judging.look import Look
from worker.judging.wire import Answer, Ask, Begin, LoadedEngine, Ready, Unfit, Unjudgeable

START_TIMEOUT_S = 120.0
"""Loading a large model from a cold disk on a busy machine."""


class JudgeCrash(LomiError):
    """The judging process died or hung while it looked at a photo. The photo is the suspect."""


class JudgeDown(Transient):
    """The judging process could not be started. No photo is to blame."""


class JudgingProcess:
    """One child process. Not thread-safe, except `kill`, which any thread may call at any time."""

    def __init__(self, begin: Begin, *, timeout_s: float) -> None:
        self._begin = begin
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self.engines: tuple[LoadedEngine, ...] = ()

    def start(self) -> tuple[LoadedEngine, ...]:
        """Starts the child and waits until its models are loaded.

        Raises ModelError when a required model is missing or wrong, JudgeDown when the child dies while loading.
        """
        self._spawn()
        try:
            self._send(self._begin)
            answer = self._receive(START_TIMEOUT_S, "loading the models")
        except JudgeCrash as crash:
            raise JudgeDown(crash.message) from crash
        if isinstance(answer, Unfit):
            self.close()
            raise ModelError(answer.message, hint=answer.hint)
        assert isinstance(answer, Ready)
        self.engines = answer.engines
        return self.engines

    def look(self, data: bytes, *, canonical: bool) -> Look:
        """One photo. Raises PhotoError when it cannot be judged, JudgeCrash when it killed the child, and what `start`
        raises where a new child is needed first."""
        if self._child is None:
            self.start()
        self._send(Ask(data, canonical))
        answer: Answer = self._receive(self._timeout_s, "judging a photo")
        if isinstance(answer, Unjudgeable):
            raise PhotoError(answer.message, code=answer.code)
        return answer

    def kill(self) -> None:
        """Ends the child at once; a `look` in another thread then raises JudgeCrash."""
        with self._lock:
            child = self._child
        if child is not None:
            child.kill()

    def close(self) -> None:
        """Ends the child and waits for it."""
        with self._lock:
            child, self._child = self._child, None
            pipe, self._pipe = self._pipe, None
        if pipe is not None:
            pipe.close()
        if child is not None:
            child.kill()
            child.wait()

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def _spawn(self) -> None:
        ours, theirs = socket.socketpair()
        # One thread per process: numpy's BLAS would else start a pool per core beside ONNX Runtime's.
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "worker.judging.child", str(theirs.fileno())]
        child = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=environment, start_new_session=True
        )
        theirs.close()
        with self._lock:
            self._child, self._pipe = child, Connection(ours.detach())

    def _send(self, message: Any) -> None:
        assert self._pipe is not None
        try:
            self._pipe.send(message)
        except OSError as gone:
            raise self._crashed("taking a photo") from gone

    def _receive(self, timeout_s: float, doing: str) -> Any:
        assert self._pipe is not None
        try:
            if not self._pipe.poll(timeout_s):
                self.close()
                raise JudgeCrash(f"the judging process did not answer within {timeout_s:.0f} s while {doing}")
            return self._pipe.recv()
        except (EOFError, OSError) as gone:
            raise self._crashed(doing) from gone

    def _crashed(self, doing: str) -> JudgeCrash:
        child = self._child
        code = child.wait() if child is not None else None
        self.close()
        return JudgeCrash(f"the judging process {_how_it_ended(code)} while {doing}")


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "was closed"
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
