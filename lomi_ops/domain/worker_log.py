"""What the log of a worker tells, of an old one or of ours: that its model is loaded, or why it is not. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lomi_ops.domain import span
from lomi_ops.domain.check import Status
from lomi_ops.domain.container import Container, one_line

READY_LINE = "NSFW model loaded successfully"
"""What old workers and ours log once they can judge, and what runbooks grep for."""
PATIENCE_S = 180.0
"""A model may take so long to load: old workers fetch theirs from the internet at every start."""
_SHOWN = 240
_BOOT = re.compile(r'"boot": ?"([^"]+)"')
"""A line that was cut is no JSON any more."""
_LAST_WORDS = ("worker_cannot_go_on", "start_waits")
"""Actions of our log that say why a worker does not work."""


class Cause(StrEnum):
    """Why a worker does not start."""

    MODEL = "model"
    FACES = "compreface"
    REDIS_LOGIN = "redis_login"
    REDIS = "redis"
    DATABASE = "database"
    MEMORY = "memory"
    OTHER = "other"


_PATTERNS = (
    (
        Cause.MEMORY,
        r"memoryerror|(cannot|can't) allocate memory|bad_alloc|out of memory|not enough memory|\boom\b|^killed$",
    ),
    (Cause.DATABASE, r"password authentication failed|psycopg|\bpostgres(ql)?\b|role \S+ does not exist"),
    (Cause.REDIS_LOGIN, r"\bwrongpass\b|\bnoauth\b|\bnoperm\b|invalid username-password|\bauthenticationerror\b"),
    (
        Cause.FACES,
        r"compreface.*(refus|time[sd]? ?out|unavail|max retries|fail|not respond|no connection|not known|unreachable)",
    ),
    (
        Cause.REDIS,
        r"error -?\d+ connecting to|redis.*(refus|time[sd]? ?out|not known|unreachable|no answer|not answer)",
    ),
    (
        Cause.MODEL,
        (
            r"hugging ?face|valid model identifier|localentrynotfound|nsfw model.*(fail|error|could not)|\.onnx\b|"
            r"(fail|error|could not|cannot).*\bmodel\b|\bmodel\b.*(not installed|missing|does not exist|not found)"
        ),
    ),
)
_COMPILED = tuple((cause, re.compile(pattern, re.IGNORECASE)) for cause, pattern in _PATTERNS)
COMPLAINT = re.compile(r"(error|exception)\b|\b(fatal|critical|traceback|fail(ed|ure)?)\b", re.IGNORECASE)
_WORDS = {
    Cause.MODEL: ("its model does not load", "their model does not load"),
    Cause.FACES: ("CompreFace does not answer it", "CompreFace does not answer them"),
    Cause.REDIS_LOGIN: ("Redis does not let it in", "Redis does not let them in"),
    Cause.REDIS: ("it does not reach Redis", "they do not reach Redis"),
    Cause.DATABASE: ("it does not get into Postgres", "they do not get into Postgres"),
    Cause.MEMORY: ("it lacks memory", "they lack memory"),
    Cause.OTHER: ("it fails", "they fail"),
}


@dataclass(frozen=True, slots=True)
class StartFailure:
    """Why a worker does not start, by its own words."""

    cause: Cause
    line: str
    """The words that tell."""
    hint: str = ""
    """What the worker itself advised."""

    def words(self, workers: int = 1) -> str:
        """Of one worker, or of several."""
        return _WORDS[self.cause][workers > 1]


@dataclass(frozen=True, slots=True)
class WorkerLog:
    """What the log of a worker's container holds of its present run, or of its last one."""

    container: Container
    ready_at: datetime | None = None
    """When it logged that its model is loaded; None where it did not."""
    complete: bool = True
    """False where the log does not reach back to the start of this run, or cannot be read at all."""
    trouble: str = ""
    """Why the log cannot be read."""
    tail: tuple[str, ...] = ()
    """Its last lines, the latest last."""
    ready_line: str = ""
    """What it logged then."""

    @property
    def ours(self) -> bool:
        """Whether a worker of lomi wrote it: those register."""
        return self.ready_line.startswith("{")

    @property
    def boot(self) -> str:
        """Under which a worker of lomi registered; empty for an old one."""
        found = _BOOT.search(self.ready_line) if self.ours else None
        return found[1] if found else ""


def start_failure(lines: Sequence[str]) -> StartFailure | None:
    """What the latest telling line says; None where no line complains."""
    complaint = None
    for line in reversed(lines):
        text, hint = _own(line)
        for cause, pattern in _COMPILED:
            if pattern.search(text) and (hint is not None or COMPLAINT.search(text) or cause is not Cause.DATABASE):
                return StartFailure(cause, one_line(text, _SHOWN), hint or "")
        if hint is not None:
            return StartFailure(Cause.OTHER, one_line(text, _SHOWN), hint)
        if complaint is None and COMPLAINT.search(text):
            complaint = StartFailure(Cause.OTHER, one_line(text, _SHOWN))
    return complaint


def _own(line: str) -> tuple[str, str | None]:
    """The words of a line, and the hint where it is one of ours that says why a worker does not work."""
    if not line.startswith("{"):
        return line, None
    try:
        said = json.loads(line)
    except ValueError:
        return line, None
    if not isinstance(said, dict) or "msg" not in said:
        return line, None
    hint = str(said.get("hint", "")) if said.get("action") in _LAST_WORDS else None
    return str(said["msg"]), hint


@dataclass(frozen=True, slots=True)
class WorkerTrouble:
    """A worker that has not logged that its model is loaded."""

    container: Container
    status: Status
    what: str
    failure: StartFailure | None = None


def worker_trouble(log: WorkerLog, now: datetime) -> WorkerTrouble | None:
    """What keeps a worker from working, as far as its container tells; None where its model is loaded."""
    container = log.container
    if log.ready_at is not None and container.up:
        return None
    name, failure = container.name, start_failure(log.tail)
    if container.oom_killed and (failure is None or not container.up):
        killed = StartFailure(Cause.MEMORY, "killed for want of memory")
        return WorkerTrouble(container, Status.FAIL, f"{name}: killed for want of memory", killed)
    if not container.up:
        why = f": {failure.words()}: {failure.line}" if failure else f", exit code {container.exit_code}"
        return WorkerTrouble(container, Status.FAIL, f"{name} does not run{why}", failure)
    if log.trouble or not log.complete:
        why = log.trouble or "its log does not reach back to its start"
        return WorkerTrouble(container, Status.UNKNOWN, f"{name}: {why}")
    ran_s = (now - container.started_at).total_seconds() if container.started_at else PATIENCE_S
    if failure:
        return WorkerTrouble(container, Status.FAIL, f"{name}: {failure.words()}: {failure.line}", failure)
    if ran_s < PATIENCE_S:
        return WorkerTrouble(container, Status.UNKNOWN, f"{name} is still loading, for {span.said(ran_s)}")
    return WorkerTrouble(container, Status.FAIL, f"{name} has loaded no model in {span.said(ran_s)}")
