"""Somebody who submits, on a cluster seen from both sides; time is a number that waiting moves on."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from lomi_ops.db import ledger
from lomi_ops.db.ledger import Course
from lomi_ops.domain.decision import PhotoDecision
from lomi_ops.domain.submission import Progress, Request, Submission, requested
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.ops.jobs import cancel, submit, watch
from lomi_ops.ops.jobs.cancel import CancelOutcome
from lomi_ops.ops.jobs.handles import Handles
from lomi_ops.ops.jobs.submit import Pushed, Recorded
from lomi_ops.ops.jobs.watch import Target, Waited
from lomi_ops.queue.replies import Claimed
from lomi_ops.queue.wire import parse_job
from tests.integration.db.conftest import (  # noqa: F401 - fixtures
    backend,
    db,
    plain,
    plainly,
)
from tests.integration.reconcile.conftest import Cluster, client, cluster, now, unswapped  # noqa: F401 - fixtures
from worker.upkeep import Upkeep


@dataclass
class Desk:
    """Submits, and plays the worker."""

    cluster: Cluster
    handles: Handles
    moment: float = 0.0
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    """What happens during the next naps, one a nap."""
    told: list[Progress] = field(default_factory=list)

    def nap(self, seconds: float) -> None:
        self.moment += seconds
        if self.meanwhile:
            self.meanwhile.pop(0)()

    def record(self, *names: object, submission_id: UUID | None = None, dry_run: bool = False, **how: Any) -> Recorded:
        request = names[0] if names and isinstance(names[0], Request) else self.request(*names, **how)
        return submit.record(
            self.handles, request, submission_id or uuid.uuid4(), actor="abebe", now=now(), dry_run=dry_run
        )

    def request(self, *names: object, **how: Any) -> Request:
        fields = {"prefix": None, "priority": None, "per_minute": None} | how
        return requested(map(str, names), **fields)

    def submit(self, *names: object, **how: Any) -> Submission:
        found = self.record(*names, **how).submission
        assert found is not None
        submit.push(self.handles, found)
        return found

    def push(self, submission: Submission) -> Pushed:
        return submit.push(self.handles, submission)

    def look(self, submission: Submission | str) -> Progress:
        return watch.look(self.handles, watch.find(self.handles, _name(submission)))

    def wait(self, submission: Submission | str, **how: Any) -> Waited:
        target = watch.find(self.handles, _name(submission))
        return watch.wait(self.handles, target, tell=self.told.append, **how)

    def cancel(self, submission: Submission | str, **how: Any) -> CancelOutcome:
        target: Target = watch.find(self.handles, _name(submission))
        return cancel.cancel(self.handles, target, actor="sara", now=now(), **how)

    # --- a worker ---

    def work(self, status: MediaStatus = MediaStatus.APPROVED, reason: str | None = None) -> str:
        """Takes the next job, decides all its photos alike, finishes it."""
        held = self.cluster.claim()
        self.settle(held, status, reason)
        self.handles.queue.finish(held.job_id, held.token)
        return held.job_id

    def settle(self, held: Claimed, status: MediaStatus, reason: str | None = None) -> None:
        job = parse_job(held.raw)
        decisions: list[PhotoDecision] = [plainly(photo.media_id, status, reason) for photo in job.photos]
        ledger.settle(
            self.handles.database, job, decisions, attempt=held.attempt, token=held.token, worker=held.slot, at=now(),
            course=Course(held.first_seen_ms, held.claimed_ms, "host-1", 1.5),
        )  # fmt: skip

    def write_down(self) -> None:
        """As the upkeep of any worker does."""
        from lomi_ops.config.sections.working import WorkerSection

        Upkeep(self.handles.queue, self.handles.database, WorkerSection())._write_down()

    def forget(self) -> None:
        """Redis is wiped."""
        self.cluster.client.flushall()

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        return self.cluster.backend.connection.execute(query.encode(), values).fetchall()


def _name(submission: Submission | str) -> str:
    return submission if isinstance(submission, str) else str(submission.id)


@pytest.fixture
def desk(cluster: Cluster) -> Desk:  # noqa: F811
    return desk_of(cluster)


def desk_of(cluster: Cluster) -> Desk:  # noqa: F811
    at = cluster.handles
    made: list[Desk] = []
    handles = Handles(
        at.database, at.queue, at.redis, at.bucket, at.link,
        wait=lambda seconds: made[0].nap(seconds), clock=lambda: made[0].moment,
    )  # fmt: skip
    made.append(Desk(cluster, handles))
    return made[0]
