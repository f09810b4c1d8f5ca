"""How a registered worker stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lomi_ops.domain.worker import WorkerInfo, WorkerMode, WorkerRecord
from lomi_ops.domain.worker_state import WorkerState, worker_state

LEASE_S = 12.0


def worker(**said: Any) -> WorkerRecord:
    info = WorkerInfo("b1", "host", 1, "1", 1)
    return replace(WorkerRecord(info, WorkerMode.RUNNING, started_ms=0, beat_age_s=1.0), **said)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({}, WorkerState.RUNNING),
        ({"mode": WorkerMode.QUIET}, WorkerState.QUIET),
        ({"mode": WorkerMode.DRAINING}, WorkerState.DRAINING),
        ({"beat_age_s": 12.5}, WorkerState.SILENT),
        ({"beat_age_s": 12.5, "mode": WorkerMode.QUIET}, WorkerState.SILENT),
        ({"exit": "killed by SIGKILL"}, WorkerState.SILENT),
        ({"errors": 3, "done": 3, "error_age_s": 10.0}, WorkerState.FAILING),
        ({"errors": 3, "done": 4, "error_age_s": 10.0}, WorkerState.RUNNING),
        ({"errors": 2, "done": 0, "error_age_s": 10.0}, WorkerState.RUNNING),
        ({"errors": 9, "done": 0, "error_age_s": 301.0}, WorkerState.RUNNING),
        ({"errors": None, "done": None}, WorkerState.RUNNING),
    ],
)
def test_what_its_registration_tells(said: dict[str, Any], state: WorkerState) -> None:
    assert worker_state(worker(**said), LEASE_S) is state
