"""`lomi worker` as it is, but for the eyes: what a photo shows is written in it, so that judging takes milliseconds.

Everything else is the real program: settings, leases, beats, upkeep, slots, ledger, signals.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time

from lomi_ops.domain.finding import Box, Engine, EngineReport, EngineStatus, Finding, Label
from lomi_ops.domain.verdict import FailureCode
from lomi_ops.errors import PhotoError
from worker import run
from worker.judging.host import JudgeCrash
from worker.judging.look import Look
from worker.judging.wire import Begin, LoadedEngine
from worker.weather import canary

MODEL = "stub"
SIGHTS = {"good": (300.0, 0.0), "blurred": (1.0, 0.0), "porn": (300.0, 0.9), "doubtful": (300.0, 0.4)}
"""What a photo shows, with its sharpness and its score for porn."""


def photo(sight: str, ms: int) -> bytes:
    """A photo that shows `sight` (of SIGHTS, `broken` or `deadly`) and takes so long to look at."""
    return f"{sight} {ms}".encode()


class StubJudge:
    """Stands where `JudgingProcess` does; `kill` ends the look that is under way."""

    def __init__(self, begin: Begin, *, timeout_s: float) -> None:
        self._killed = threading.Event()
        self.engines: tuple[LoadedEngine, ...] = ()
        self.golden = None

    def start(self) -> tuple[LoadedEngine, ...]:
        self.engines = (LoadedEngine(Engine.NSFW.value, MODEL, "0"),)
        return self.engines

    def look(self, data: bytes, *, canonical: bool) -> Look:
        sight, ms = data.decode().split()
        self._killed.clear()  # one that died between two photos is replaced
        if self._killed.wait(int(ms) / 1000) or sight == "deadly":
            raise JudgeCrash("the judging process was ended by SIGKILL while judging a photo")
        if sight == "broken":
            raise PhotoError("is no photo", code=FailureCode.UNREADABLE)
        return _look(data, *SIGHTS[sight], canonical=canonical)

    def kill(self) -> None:
        self._killed.set()

    def close(self) -> None:
        self.kill()


def _look(data: bytes, sharpness: float, porn: float, *, canonical: bool) -> Look:
    def report(engine: Engine, *findings: Finding) -> EngineReport:
        return EngineReport(engine, MODEL, "0", EngineStatus.ANSWERED, findings)

    nsfw = (Finding(Label.PORN, porn),) if porn else ()
    return Look(
        640,
        480,
        hashlib.sha256(data).hexdigest(),
        report(Engine.BLUR, Finding(Label.SHARPNESS, 1.0, value=sharpness)),
        report(Engine.NSFW, *nsfw),
        report(Engine.FACES, Finding(Label.FACE, 0.9, Box(100, 100, 200, 200))),
        canonical=canary() if canonical else b"",
    )


def _sleep(seconds: float) -> None:
    threading.Event().wait(seconds)


if __name__ == "__main__":
    if "FAKETIME_TIMESTAMP_FILE" in os.environ:
        # Under libfaketime the call behind `sleep` fails where the monotonic clock is left alone.
        time.sleep = _sleep  # type: ignore[assignment]
    run.JudgingProcess = StubJudge  # type: ignore[assignment,attr-defined]
    from lomi_ops.__main__ import main

    main()
