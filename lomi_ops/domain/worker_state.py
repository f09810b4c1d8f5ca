"""How a registered worker stands, as far as its registration tells."""

from __future__ import annotations

from enum import StrEnum

from lomi_ops.domain.worker import WorkerMode, WorkerRecord

FAILING_ERRORS = 3
FAILING_S = 300.0


class WorkerState(StrEnum):
    RUNNING = "running"
    QUIET = "quiet"
    DRAINING = "draining"
    SILENT = "silent"
    """Not heard of for longer than a lease, or whoever started it has told its end."""
    FAILING = "failing"
    """At least three attempts failed with it, the last one within five minutes, and no more jobs were finished."""

    @property
    def there(self) -> bool:
        return self is not WorkerState.SILENT


_OF_MODES = {WorkerMode.QUIET: WorkerState.QUIET, WorkerMode.DRAINING: WorkerState.DRAINING}


def worker_state(worker: WorkerRecord, lease_s: float) -> WorkerState:
    if worker.silent(lease_s) or worker.exit:
        return WorkerState.SILENT
    if worker.mode in _OF_MODES:
        return _OF_MODES[worker.mode]
    return WorkerState.FAILING if _failing(worker) else WorkerState.RUNNING


def _failing(worker: WorkerRecord) -> bool:
    errors, done, age_s = worker.errors or 0, worker.done or 0, worker.error_age_s
    return errors >= max(FAILING_ERRORS, done) and age_s is not None and age_s <= FAILING_S
