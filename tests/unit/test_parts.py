"""Workers of a local stack have the names of their logs."""

from __future__ import annotations

from pathlib import Path

from lomi_ops.domain.fleet import Member, MemberState
from lomi_ops.domain.member_choice import chosen
from lomi_ops.domain.worker import WorkerInfo, WorkerMode, WorkerRecord
from lomi_ops.ops.local import record
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.process import ProcessId
from lomi_ops.ops.local.record import PartRecord, PartState, StackRecord
from lomi_ops.ops.workers.look import Fleet
from lomi_ops.ops.workers.parts import named
from tests.unit.containers import NOW


def member(host: str, pid: int) -> Member:
    info = WorkerInfo(f"{host}-{pid}", host, pid, "0.1.0", 1)
    return Member(MemberState.READY, registered=WorkerRecord(info, WorkerMode.RUNNING, 1, 1.0, ()))


def part(name: str, pid: int) -> PartRecord:
    return PartRecord(name, PartState.RUNNING, ProcessId(pid, 1, "boot"))


def test_processes_of_the_stack_have_its_names_and_come_first_and_others_keep_theirs(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.record.parent.mkdir(parents=True)
    record.write(layout, StackRecord(parts=(part("worker-10", 7), part("worker-2", 8), part("redis", 9))))
    fleet = Fleet((member("here", 6), member("here", 7), member("here", 8), member("here", 9), member("far", 8)), NOW)

    found = named(fleet, layout, "here").members

    assert [each.name for each in found] == ["worker-2", "worker-10", "here/6", "here/9", "far/8"]
    assert chosen(found, ["worker-10"]) == chosen(found, ["here/7"]) == (found[1],)


def test_who_may_not_read_what_the_supervisor_notes_sees_processes(tmp_path: Path) -> None:
    fleet = Fleet((member("here", 7),), NOW)

    assert [each.name for each in named(fleet, Layout(tmp_path), "here").members] == ["here/7"]
