"""Containers, registrations and logs as one picture of the workers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.container import Container, ContainerState
from lomi_ops.domain.fleet import Member, MemberState, join, unclear
from lomi_ops.domain.worker import WorkerInfo, WorkerMode, WorkerRecord
from lomi_ops.domain.worker_log import READY_LINE, WorkerLog
from tests.unit import containers as made
from tests.unit.containers import NOW, WORKERS

LEASE_S = 12.0


def container(service: str, number: int = 1, **changed: Any) -> Container:
    return made.container(service, number, **{"id": str(number) * 64} | changed)


def record(host: str, boot: str = "b1", pid: int = 1, **changed: Any) -> WorkerRecord:
    """One that beats and holds nothing, but for what is changed."""
    well = WorkerRecord(WorkerInfo(boot, host, pid, "0.1.0", 1), WorkerMode.RUNNING, 1_000, 1.0)
    return replace(well, **changed)


def our_line(boot: str) -> str:
    return f'{{"ts":"2026-11-26T11:59:00.000+00:00","action":"worker_ready","msg":"{READY_LINE}","boot": "{boot}"'


def joined(
    *containers: Container, registered: tuple[WorkerRecord, ...] | None = (), logs: tuple[WorkerLog, ...] = ()
) -> tuple[Member, ...]:
    return join(containers, registered, logs, NOW, lease_s=LEASE_S)


def test_a_worker_is_found_in_its_container_by_its_host_name() -> None:
    one, other = container(WORKERS, 1), container(WORKERS, 2)
    mine = record(other.short_id, jobs=("j1",))

    first, second = joined(one, other, registered=(mine,), logs=(WorkerLog(one, NOW),))

    assert (first.container, first.registered, first.state) == (one, None, MemberState.READY)
    assert (second.container, second.registered, second.state) == (other, mine, MemberState.BUSY)
    assert (second.name, second.idle, second.old) == (other.name, False, False)


def test_an_old_worker_works_and_nobody_knows_what_it_holds() -> None:
    one = container(WORKERS)

    (member,) = joined(one, logs=(WorkerLog(one, NOW, ready_line=f"INFO:__main__:{READY_LINE}"),))

    assert (member.state, member.works, member.old, member.idle) == (MemberState.READY, True, True, None)
    assert member.ready_at == NOW


@pytest.mark.parametrize(
    ("changed", "state"),
    [({"mode": WorkerMode.QUIET, "jobs": ("j",)}, MemberState.QUIET), ({"mode": WorkerMode.DRAINING},
     MemberState.DRAINING), ({"beat_age_s": 13.0}, MemberState.SILENT), ({}, MemberState.READY)],
)  # fmt: skip
def test_the_registry_says_how_a_worker_of_ours_stands(changed: dict[str, Any], state: MemberState) -> None:
    one = container(WORKERS)

    assert joined(one, registered=(record(one.short_id, **changed),))[0].state is state


@pytest.mark.parametrize(
    ("standing", "state"),
    [(ContainerState.EXITED, MemberState.STOPPED), (ContainerState.CREATED, MemberState.STOPPED),
     (ContainerState.RESTARTING, MemberState.RESTARTING), (ContainerState.PAUSED, MemberState.PAUSED),
     (ContainerState.UNKNOWN, MemberState.UNKNOWN)],
)  # fmt: skip
def test_a_container_that_does_not_run_counts_more_than_a_beat(standing: ContainerState, state: MemberState) -> None:
    one = container(WORKERS, state=standing)

    (member,) = joined(one, registered=(record(one.short_id),))

    assert (member.state, member.works) == (state, False)


def test_one_that_was_killed_and_started_again_is_starting_and_its_last_life_is_no_worker() -> None:
    one = container(WORKERS, started_at=NOW - timedelta(seconds=5))
    dead = record(one.short_id, beat_age_s=9.0, jobs=("j1",))

    assert unclear((one,), (dead,), NOW) == (one,)
    (member,) = joined(one, registered=(dead,), logs=(WorkerLog(one),))

    assert (member.state, member.registered, member.earlier) == (MemberState.STARTING, None, (dead,))
    assert (member.jobs, member.idle) == ((), True)


def test_its_new_life_stands_before_the_old_one() -> None:
    one = container(WORKERS, started_at=NOW - timedelta(seconds=30))
    dead, alive = record(one.short_id, "b1", beat_age_s=40.0), record(one.short_id, "b2", started_ms=9_000)

    (member,) = joined(one, registered=(dead, alive))

    assert (member.registered, member.earlier, member.state) == (alive, (dead,), MemberState.READY)


def test_in_the_network_of_the_machine_the_log_says_who_is_in_the_container() -> None:
    one, other = (container(WORKERS, n, hostname="web-3", host_network=True, pid=n) for n in (1, 2))
    first, second = record("web-3", "b1", pid=7), record("web-3", "b2", pid=7)
    logs = (WorkerLog(one, NOW, ready_line=our_line("b2")), WorkerLog(other, NOW, ready_line=our_line("b1")))

    assert unclear((one, other), (first, second), NOW) == (one, other)
    found = joined(one, other, registered=(first, second), logs=logs)

    assert [(each.container, each.registered) for each in found] == [(one, second), (other, first)]


def test_in_the_namespaces_of_the_machine_its_number_says_it() -> None:
    one = container(WORKERS, hostname="web-3", host_network=True, pid=4711)
    mine, another = record("web-3", "b1", pid=4711), record("web-3", "b2", pid=4712)

    found = joined(one, registered=(another, mine))

    assert [(each.container, each.registered) for each in found] == [(one, mine), (None, another)]


def test_a_host_name_that_two_containers_share_tells_nothing() -> None:
    one, other = (container(WORKERS, n, hostname="worker") for n in (1, 2))

    found = joined(one, other, registered=(record("worker"),))

    assert [each.registered is None for each in found] == [True, True, False]
    assert found[2].name == "worker/1"


def test_a_process_without_a_container_and_a_task_of_another_machine_are_workers_too() -> None:
    (member,) = joined(registered=(record("web-9", pid=12),))

    assert (member.container, member.name, member.state, member.idle) == (None, "web-9/12", MemberState.READY, True)


def test_without_the_registry_the_logs_tell_who_is_ready() -> None:
    one, other = container(WORKERS, 1), container(WORKERS, 2, started_at=NOW - timedelta(seconds=3))
    logs = (WorkerLog(one, NOW - timedelta(hours=1), ready_line=our_line("b1")), WorkerLog(other))

    first, second = joined(one, other, registered=None, logs=logs)

    assert (first.state, first.idle, first.old) == (MemberState.READY, None, False)
    assert second.state is MemberState.STARTING


def test_one_of_ours_that_is_ready_and_that_the_registry_does_not_know_is_silent() -> None:
    one = container(WORKERS)
    long_ago, just_now = NOW - timedelta(minutes=1), NOW - timedelta(seconds=1)

    assert joined(one, logs=(WorkerLog(one, long_ago, ready_line=our_line("b")),))[0].state is MemberState.SILENT
    assert joined(one, logs=(WorkerLog(one, just_now, ready_line=our_line("b")),))[0].state is MemberState.STARTING


def test_one_that_says_why_it_cannot_work_is_failing_and_holds_nothing() -> None:
    one = container(WORKERS)

    (member,) = joined(one, logs=(WorkerLog(one, tail=("Error 111 connecting to redis:6379.",)),))

    assert (member.state, member.idle) == (MemberState.FAILING, True)
    assert member.trouble is not None
    assert "it does not reach Redis" in member.trouble.what


def test_of_a_log_that_nobody_can_read_nothing_is_known() -> None:
    one = container(WORKERS)

    assert joined(one)[0].state is MemberState.UNKNOWN
    assert joined(one, logs=(WorkerLog(one, complete=False, trouble="no"),))[0].state is MemberState.UNKNOWN


def test_a_stopped_one_holds_nothing() -> None:
    assert joined(made.stopped(WORKERS))[0].idle is True


HOSTS = st.sampled_from(["web-3", "worker", *(container(WORKERS, n).short_id for n in range(1, 5))])
STATES = st.sampled_from(list(ContainerState))


@st.composite
def fleets(draw: st.DrawFn) -> tuple[tuple[Container, ...], tuple[WorkerRecord, ...], tuple[WorkerLog, ...]]:
    def ago() -> timedelta:
        return timedelta(seconds=draw(st.integers(0, 100)))

    containers = tuple(
        container(WORKERS, number, state=draw(STATES), hostname=draw(st.sampled_from(["", "web-3", "worker"])),
                  host_network=draw(st.booleans()), pid=draw(st.integers(0, 3)), started_at=NOW - ago())
        for number in range(1, draw(st.integers(0, 4)) + 1)
    )  # fmt: skip
    records = tuple(
        record(draw(HOSTS), f"b{number}", draw(st.integers(1, 3)), beat_age_s=float(draw(st.integers(0, 90))),
               started_ms=draw(st.integers(0, 9)), mode=draw(st.sampled_from(list(WorkerMode))),
               jobs=draw(st.sampled_from([(), ("j",)])))
        for number in range(draw(st.integers(0, 6)))
    )  # fmt: skip
    logs = tuple(
        WorkerLog(each, draw(st.sampled_from([None, NOW - ago()])),
                  ready_line=draw(st.sampled_from(["", READY_LINE, our_line("b0"), our_line("b1")])))
        for each in containers if draw(st.booleans())
    )  # fmt: skip
    return containers, records, logs


@given(fleets())
def test_everybody_is_there_exactly_once(
    drawn: tuple[tuple[Container, ...], tuple[WorkerRecord, ...], tuple[WorkerLog, ...]],
) -> None:
    containers, records, logs = drawn

    found = joined(*containers, registered=records, logs=logs)

    assert [each.container for each in found if each.container] == list(containers)
    told = [life for each in found for life in (each.registered, *each.earlier) if life]
    assert sorted(each.info.boot for each in told) == sorted(each.info.boot for each in records)
    assert all(each.container or each.registered for each in found)


@given(fleets())
def test_nobody_who_holds_a_job_is_idle_and_who_does_not_run_does_not_work(
    drawn: tuple[tuple[Container, ...], tuple[WorkerRecord, ...], tuple[WorkerLog, ...]],
) -> None:
    containers, records, logs = drawn

    for each in joined(*containers, registered=records, logs=logs):
        assert not (each.jobs and each.idle)
        assert not (each.works and each.container and not each.container.up)
        assert not (each.old and each.registered)
