"""Which workers a typed name means, and what they can be told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lomi_ops.domain.container import Container, ContainerState
from lomi_ops.domain.fleet import Member, MemberState, join
from lomi_ops.domain.member_choice import Answer, chosen, reply
from lomi_ops.domain.worker import WorkerInfo, WorkerMode, WorkerRecord
from lomi_ops.domain.worker_log import READY_LINE, WorkerLog
from lomi_ops.errors import NotFound, UsageError
from tests.unit.containers import NOW, WORKERS, container


def box(number: int, **changed: Any) -> Container:
    return container(WORKERS, number, **{"id": f"{number}f" * 32} | changed)


def record(host: str, boot: str, **changed: Any) -> WorkerRecord:
    return WorkerRecord(
        WorkerInfo(boot, host, 7, "0.1.0", 1), changed.pop("mode", WorkerMode.RUNNING), 1, 1.0, **changed
    )


MEMBERS = join(
    [box(1), box(2), box(12)], (record(box(2).short_id, "beef"), record("web-9", "cafe"), record("web-9", "fade")),
    [WorkerLog(box(1), NOW, ready_line=READY_LINE)], NOW, lease_s=12.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "name"),
    [("app-moderator-worker-2", "app-moderator-worker-2"), ("moderator-worker-1", "app-moderator-worker-1"),
     ("app-moderator-worker-12", "app-moderator-worker-12"), ("2f2f", "app-moderator-worker-2"),
     (f"{box(2).short_id}/7", "app-moderator-worker-2"), ("beef", "app-moderator-worker-2"), ("caf", "web-9/7")],
)  # fmt: skip
def test_a_worker_is_known_by_any_of_its_names_and_by_the_start_of_one(typed: str, name: str) -> None:
    (found,) = chosen(MEMBERS, [typed])

    assert found.name == name


def test_what_may_be_several_is_not_guessed() -> None:
    with pytest.raises(UsageError, match="app may be 3 workers: app-moderator-worker-1, app-moderator-worker-2"):
        chosen(MEMBERS, ["app"])
    with pytest.raises(UsageError, match="web-9 may be 2 workers"):
        chosen(MEMBERS, ["web-9"])


def test_a_typo_is_told_the_nearest_name() -> None:
    with pytest.raises(NotFound, match="no worker moderator-wroker-2, did you mean moderator-worker-2"):
        chosen(MEMBERS, ["moderator-wroker-2"])
    with pytest.raises(NotFound):
        chosen(MEMBERS, [""])


def test_each_is_chosen_once_in_the_order_of_the_list() -> None:
    found = chosen(MEMBERS, ["cafe", "2f2f", "app-moderator-worker-2", "moderator-worker-1"])

    assert [each.name for each in found] == ["app-moderator-worker-1", "app-moderator-worker-2", "web-9/7"]


def told(member: Member, mode: WorkerMode = WorkerMode.QUIET) -> Answer:
    return reply(member, mode).answer


def test_only_those_that_registered_can_be_told() -> None:
    old, ours = MEMBERS[0], MEMBERS[1]
    young = box(3, started_at=NOW - timedelta(seconds=3))
    (starting,) = join([young], (), [WorkerLog(young)], NOW, lease_s=12.0)
    gone = Member(MemberState.STOPPED, box(4, state=ContainerState.EXITED))

    assert [told(each) for each in (ours, old, starting, gone)] == [
        Answer.TOLD, Answer.CANNOT, Answer.CANNOT, Answer.NOBODY,
    ]  # fmt: skip
    assert reply(old, WorkerMode.QUIET).why == "an old worker takes no orders"
    assert told(old, WorkerMode.RUNNING) is Answer.ALREADY


@pytest.mark.parametrize(
    ("mode", "wanted", "answer"),
    [(WorkerMode.QUIET, WorkerMode.QUIET, Answer.ALREADY), (WorkerMode.QUIET, WorkerMode.RUNNING, Answer.TOLD),
     (WorkerMode.DRAINING, WorkerMode.QUIET, Answer.ALREADY), (WorkerMode.DRAINING, WorkerMode.RUNNING, Answer.CANNOT),
     (WorkerMode.RUNNING, WorkerMode.RUNNING, Answer.ALREADY)],
)  # fmt: skip
def test_who_is_on_its_way_out_is_not_called_back(mode: WorkerMode, wanted: WorkerMode, answer: Answer) -> None:
    (member,) = join([], (record("web-9", "cafe", mode=mode),), (), NOW, lease_s=12.0)

    assert told(member, wanted) is answer


def test_a_silent_one_hears_it_when_it_comes_back() -> None:
    silent = WorkerRecord(WorkerInfo("cafe", "web-9", 7, "0.1.0", 1), WorkerMode.RUNNING, 1, 99.0)
    (member,) = join([], (silent,), (), NOW, lease_s=12.0)

    assert reply(member, WorkerMode.QUIET).answer is Answer.TOLD
    assert "silent" in reply(member, WorkerMode.QUIET).why
