"""One look asks two sources that answer at different moments."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lomi_ops.domain.container import Cluster
from lomi_ops.domain.fleet import MemberState
from lomi_ops.ops.workers import look
from tests.unit.containers import NOW, WORKERS
from tests.unit.test_fleet import LEASE_S, container, record


def test_a_worker_that_has_just_registered_is_no_earlier_run_where_the_registry_answers_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = container(WORKERS, started_at=NOW - timedelta(seconds=1))
    mine = record(one.short_id, beat_age_s=2.5)  # as of an answer that came two seconds after the engine's
    elapsed, docker_said = [0.0], threading.Event()

    def registry() -> tuple[Any, ...]:
        docker_said.wait()
        elapsed[0] = 2.0
        return (mine,)

    def engine() -> Cluster:
        docker_said.set()
        return Cluster("p", (one,), NOW)

    def in_turn(ask: Any, questions: Any) -> None:
        """The engine begins first."""
        for question in reversed(questions):
            ask(question)

    monkeypatch.setattr(look, "monotonic", lambda: elapsed[0])
    monkeypatch.setattr(look, "all_at_once", in_turn)
    docker = SimpleNamespace(engine=SimpleNamespace(place="here"), cluster=engine, logs_of=lambda _: ())

    fleet = look.members(cast("Any", SimpleNamespace(list=registry)), cast("Any", docker), WORKERS, LEASE_S)

    (member,) = fleet.members
    assert (member.registered, member.state, member.earlier) == (mine, MemberState.READY, ())
