"""Postgres itself is down: whoever looked last tells people of that, once, and of its end."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lomi_ops.db import alerts
from lomi_ops.db.bootstrap import prepare
from lomi_ops.db.pool import Database
from lomi_ops.domain.alert_rules import RULES
from lomi_ops.domain.measure import Measured
from lomi_ops.errors import LomiError
from lomi_ops.ops.alerts.blind import Blind
from lomi_ops.ops.alerts.runner import Runner, Service
from tests.doubles.receiver import Receiver
from tests.integration.alerts.conftest import REDIS, Desk, section, webhook
from tests.services import PostgresServer, postgres_server

DOWN = next(rule for rule in RULES if rule.slug == "postgres_down")


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with postgres_server() as found:
        prepare(found.url)
        yield found


def test_a_postgres_that_is_stopped_is_told_and_so_is_its_return(
    server: PostgresServer, receiver: Receiver, other: Receiver
) -> None:
    clock = [datetime(2026, 11, 26, 12, 0, tzinfo=UTC)]
    settings = section({"ops": webhook(receiver), "late": webhook(other)})
    troubles: list[str] = []
    told: list[tuple[str, str]] = []
    with Database(server.url, connect_timeout_s=2) as database:
        desk = Desk(database, settings)
        runner = Runner(database, desk.watch, lambda: Measured(datetime.now(UTC), {REDIS: 1.0}), desk.routes, settings,
                        uuid.uuid4(), "test")  # fmt: skip
        blind = Blind(DOWN, desk.routes, 900, "production", clock=lambda: clock[0],
                      tell=lambda at, route, subject: told.append((route, subject)))  # fmt: skip
        service = Service(runner, blind, threading.Event(), trouble=lambda failure: troubles.append(failure.message))

        def go(looks: int) -> None:
            for _ in range(looks):
                clock[0] += timedelta(seconds=15)
                service._pass()

        go(1)
        server.stop()
        go(2)
        assert receiver.got == [], "a restart is nobody's business"
        other.status = 500
        go(2)
        other.status = 200
        go(2)
        assert receiver.subjects() == ["[lomi production] FIRING critical: Postgres does not answer"]
        assert len({each.once for each in other.got}) == 1, "whoever could not be told is told again"
        server.start()
        # By then somebody else may look.
        assert alerts.take(database, uuid.uuid4(), "other", at=database.now() + timedelta(hours=1), lease_s=9999)
        go(8)
        assert any("looked after by other" in each for each in troubles)
    for double in (receiver, other):
        assert double.subjects()[-1] == "[lomi production] RESOLVED: Postgres does not answer"
        assert [each.body["notice"] for each in double.got].count("resolved") == 1
    assert any("HTTP 500" in each for each in troubles)
    firing = "[lomi production] FIRING critical: Postgres does not answer"
    resolved = "[lomi production] RESOLVED: Postgres does not answer"
    assert told == [("ops", firing), ("late", firing), ("ops", resolved), ("late", resolved)]


def test_who_did_not_look_before_says_nothing(receiver: Receiver) -> None:
    settings = section({"ops": webhook(receiver)})
    with Database("postgresql://nobody@127.0.0.1:1/none", connect_timeout_s=2) as database:
        desk = Desk(database, settings)
        runner = Runner(
            database, desk.watch, lambda: Measured(datetime.now(UTC)), desk.routes, settings, uuid.uuid4(), ""
        )
        heard: list[LomiError] = []
        blind = Blind(replace(DOWN, for_s=0), desk.routes, 900)
        Service(runner, blind, threading.Event(), trouble=heard.append)._pass()
    assert len(heard) == 1
    assert receiver.got == []


def test_nobody_is_told_of_a_rule_that_is_switched_off(receiver: Receiver) -> None:
    with Database("postgresql://nobody@127.0.0.1:1/none") as database:
        desk = Desk(database, section({"ops": webhook(receiver)}))
        assert list(Blind(None, desk.routes, 900).saw(reached=False)) == []
    assert receiver.got == []
