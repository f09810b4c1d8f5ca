"""The cluster as the live view asks it."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import redis

from lomi_ops.domain import span
from lomi_ops.domain.frame import Frame
from lomi_ops.domain.job_filter import JobFacts
from lomi_ops.domain.job_state import JobState
from lomi_ops.domain.shown import shown
from lomi_ops.errors import LomiError
from lomi_ops.ops.live.looking import Looking
from lomi_ops.queue import entries
from lomi_ops.queue.keys import Keys
from lomi_ops.tui.top.sheet import Cell, Column, Row, Sheet, Tone


class Source(Protocol):
    """What the view asks; each call may wait, and is made beside the event loop."""

    def tick(self, patience_s: float) -> Frame: ...

    def jobs(self, wanted: str) -> Sheet:
        """Raises LomiError, UsageError for a filter that is none."""
        ...

    def run(self, words: Sequence[str]) -> str:
        """Runs a command line of `lomi`; what it said."""
        ...


LISTED = 200
"""Jobs that are shown at most: the rest is found by a filter."""
RUN_S = 300.0
_COLUMNS = (
    Column("job"), Column("state"), Column("age", right=True), Column("photos", right=True),
    Column("tries", right=True), Column("worker"), Column("what", grows=True),
)  # fmt: skip
_TONES = {JobState.DEAD: Tone.BAD, JobState.DELAYED: Tone.WARN, JobState.RUNNING: Tone.GOOD}


@dataclass(frozen=True, slots=True)
class ClusterSource:
    """The one that there is."""

    looking: Looking
    client: redis.Redis
    keys: Keys
    now_ms: Callable[[], int]
    common: Sequence[str] = ()
    """Options of this program that a command must have as well, such as `--env production`."""
    changed: Callable[[], None] = lambda: None
    """Told after a command: what is asked for seldom is asked at the next look."""

    def tick(self, patience_s: float) -> Frame:
        return self.looking.tick(patience_s)

    def jobs(self, wanted: str) -> Sheet:
        from lomi_ops.domain.job_filter import parse

        found = entries.find(self.client, self.keys, parse([wanted]), ordered=True)
        listed = list(itertools.islice(found, LISTED + 1))
        now_ms = self.now_ms()
        note = f"the first {LISTED}; / narrows" if len(listed) > LISTED else "" if listed else "none"
        if wanted:
            note = f"{wanted}  {note}".rstrip()
        return Sheet("Jobs", _COLUMNS, tuple(_row(each, now_ms) for each in listed[:LISTED]), note)

    def run(self, words: Sequence[str]) -> str:
        """A process of its own: what it asks, refuses and writes down is what the command does."""
        done = subprocess.run(
            [sys.executable, "-m", "lomi_ops", *words, *self.common],
            capture_output=True, text=True, timeout=RUN_S, check=False, stdin=subprocess.DEVNULL,
            env=os.environ | {"NO_COLOR": "1", "COLUMNS": "100"},
        )  # fmt: skip
        self.changed()
        said = "\n".join(shown(line) for line in (done.stdout + done.stderr).splitlines() if line.strip())
        if done.returncode:
            raise LomiError(said or f"it ended with {done.returncode}")
        return said or "done"


def _row(job: JobFacts, now_ms: int) -> Row:
    age_s = None if job.uploaded_ms is None else max(0, now_ms - job.uploaded_ms) / 1000
    worker = job.worker[0] if job.worker else ""
    said = f"{job.code}: {job.error}" if job.code and job.error else job.code or job.error
    cells = (
        Cell(shown(job.job_id)), Cell(job.state.value, _TONES.get(job.state, Tone.PLAIN)),
        Cell("" if age_s is None else span.said(age_s), order=age_s),
        Cell(str(len(job.photos) or ""), order=len(job.photos)),
        Cell(str(job.tries or ""), order=job.tries), Cell(shown(worker)), Cell(shown(said)),
    )  # fmt: skip
    record = {
        "job": job.job_id, "state": job.state.value, "age_s": age_s, "photos": list(job.photos), "tries": job.tries,
        "worker": worker, "error": said, "user": job.user,
    }  # fmt: skip
    return Row(job.job_id, cells, record, f"lomi queue show {job.job_id}")
