"""Whose turn it is in a rolling restart, and when a worker is back."""

from __future__ import annotations

from typing import Any

import pytest

from lomi_ops.domain.container import Container, ContainerState, Health
from lomi_ops.domain.fleet import Member, MemberState
from lomi_ops.domain.restart import plan, returned, was_quiet
from lomi_ops.domain.standing import Stand, Standing, stand
from lomi_ops.domain.worker import WorkerInfo, WorkerMode, WorkerRecord
from lomi_ops.domain.worker_log import READY_LINE, WorkerLog
from tests.unit import containers
from tests.unit.containers import NOW, WORKERS


def box(number: int = 1, **changed: Any) -> Container:
    return containers.container(WORKERS, number, **{"id": str(number) * 64, "health": Health.NONE} | changed)


def record(boot: str = "b1", *, jobs: tuple[str, ...] = (), mode: WorkerMode = WorkerMode.RUNNING) -> WorkerRecord:
    return WorkerRecord(WorkerInfo(boot, "host", 1, "0.1.0", 1), mode, 1, 1.0, jobs)


def test_who_does_nothing_comes_first_and_who_is_busy_last() -> None:
    busy = Member(MemberState.BUSY, box(1), record(jobs=("j",)))
    idle = Member(MemberState.READY, box(2), record())
    down = Member(MemberState.STOPPED, box(3, state=ContainerState.EXITED))
    elsewhere = Member(MemberState.READY, None, record())
    old = Member(MemberState.READY, box(4), log=WorkerLog(box(4), NOW, ready_line=READY_LINE))

    found = plan([busy, idle, down, elsewhere, old])

    assert found.order == (down, idle, busy, old)
    assert (found.unsafe, found.elsewhere) == ((old,), (elsewhere,))
    assert [each.hears for each in found.order] == [False, True, True, False]


BEFORE = Member(MemberState.READY, box(), record("b1"))


ANEW = "it has not registered yet"


@pytest.mark.parametrize(
    ("now", "standing", "why"),
    [
        (Member(MemberState.READY, box(), record("b2")), Standing.READY, ""),
        (Member(MemberState.QUIET, box(), record("b2", mode=WorkerMode.QUIET)), Standing.READY, ""),
        (Member(MemberState.READY, box(), record("b1")), Standing.COMING, ANEW),
        (Member(MemberState.QUIET, box(), record("b1", mode=WorkerMode.QUIET)), Standing.COMING, ANEW),
        (Member(MemberState.READY, box(), None, WorkerLog(box(), NOW)), Standing.COMING, ANEW),
        (Member(MemberState.READY, box(health=Health.HEALTHY), record("b2")), Standing.READY, ""),
        (Member(MemberState.READY, box(health=Health.UNHEALTHY, health_output="no note"), record("b2")),
         Standing.FAILED, "its health check fails: no note"),
        (Member(MemberState.STARTING, box()), Standing.COMING, "it has not loaded its model yet"),
        (Member(MemberState.FAILING, box()), Standing.COMING, "it is failing"),
        (Member(MemberState.STOPPED, box(state=ContainerState.EXITED, exit_code=2)),
         Standing.FAILED, "it ended with exit code 2"),
        (Member(MemberState.STARTING, box(restart_count=2)), Standing.FAILED, "it ended, and was started again"),
        (Member(MemberState.STOPPED, box(error="no such file")), Standing.FAILED, "no such file"),
        (Member(MemberState.READY, None, record("b2")), Standing.FAILED, "its container is gone"),
        (None, Standing.FAILED, "its container is gone"),
    ],
)  # fmt: skip
def test_a_worker_is_back_when_it_stands_and_is_registered_anew(
    now: Member | None, standing: Standing, why: str
) -> None:
    assert returned(BEFORE, now, stand(now, fresh=True)) == Stand(standing, why)


def test_an_old_one_is_back_when_its_log_says_so() -> None:
    before = now = Member(MemberState.READY, box(), log=WorkerLog(box(), NOW))

    assert returned(before, now, stand(now, fresh=True)).standing is Standing.READY
    assert not was_quiet(before)
