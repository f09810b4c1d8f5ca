"""Workers that are waited for until they hold nothing: what was finished in time, and who is late."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lomi_ops.domain.fleet import Member, MemberState
from lomi_ops.domain.worker import WorkerMode, WorkerRecord
from lomi_ops.ops.workers.draining import Draining
from tests.unit.test_restart import box, record


class Registry:
    """Of one worker that has a job in its hand."""

    def __init__(self) -> None:
        self.one = record(jobs=("j",))

    def list(self) -> list[WorkerRecord]:
        return [self.one]

    def set_mode(self, boot: str, mode: WorkerMode) -> None:
        self.one = replace(self.one, mode=mode)


class Machine:
    """A clock that moves when somebody sleeps; each sleep may take longer than was asked for."""

    def __init__(self, registry: Registry, stands_still_s: float = 0.0, *, finishes: bool = False) -> None:
        self._registry, self._still_s, self._finishes = registry, stands_still_s, finishes
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + self._still_s
        if self._finishes:
            self._registry.one = replace(self._registry.one, jobs=())


def draining(registry: Registry, machine: Machine) -> Draining:
    unused: Any = None
    found: Any = registry
    member = Member(MemberState.BUSY, box(), registry.one)
    return Draining([member], found, unused, lambda text: None, machine.clock, machine.sleep)


def test_who_finished_while_the_machine_stood_still_is_not_late() -> None:
    registry = Registry()

    found = draining(registry, Machine(registry, 60.0, finishes=True))

    assert len(list(found.emptied(10.0))) == 1
    assert found.late == ()


def test_who_does_not_finish_is_late_and_is_waited_for_no_longer() -> None:
    registry = Registry()
    machine = Machine(registry)

    found = draining(registry, machine)

    assert list(found.emptied(10.0)) == []
    assert len(found.late) == 1
    assert machine.now == 10.5, "the first moment after the limit"
