"""A cluster whose numbers are made up, on a real Postgres, with receivers over real HTTP. The clock is the test's."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lomi_ops.config.sections.alerts import AlertsSection
from lomi_ops.db import alerts
from lomi_ops.db.pool import Database
from lomi_ops.domain.alert_rules import RULES
from lomi_ops.domain.measure import Measured, Source
from lomi_ops.ops.alerts.look import Look, Watch
from lomi_ops.ops.alerts.routes import routes_of
from lomi_ops.ops.alerts.sending import Round, send_due
from tests.commands import lomi, quiet_machine
from tests.doubles.receiver import KEY, Receiver, running_receiver
from tests.integration.db.conftest import db, plain
from tests.integration.e2e.conftest import cluster, start
from tests.unit.alerts.simulation import Key, number

__all__ = ["cluster", "db", "lomi", "plain", "quiet_machine", "start"]

START = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
DEAD = number("lomi_queue_jobs", state="dead")
REDIS = number("lomi_up", service="redis")
READY = number("lomi_queue_jobs", state="ready")


@dataclass
class Desk:
    """One program that looks and sends, as a test moves its clock."""

    database: Database
    section: AlertsSection
    at: datetime = START
    token: uuid.UUID = field(default_factory=uuid.uuid4)

    def __post_init__(self) -> None:
        self.routes = routes_of(self.section)
        self.watch = Watch(self.database, RULES, self.routes, self.section.repeat_s, self.section.gap_s, "production")

    def look(
        self, values: Mapping[Key, float], after_s: float = 15, silent: Mapping[Source, str] | None = None
    ) -> Look:
        self.at += timedelta(seconds=after_s)
        assert alerts.take(self.database, self.token, "test", at=self.at, lease_s=60)
        return self.watch.look(self.token, Measured(self.at, dict(values), silent or {}), self.at)

    def send(self, after_s: float = 0) -> Round:
        self.at += timedelta(seconds=after_s)
        return send_due(self.database, self.routes, retry_s=self.section.retry_s, clock=lambda: self.at)

    def hold(self, measured: Measured, *, passed_s: float = 900) -> None:
        """Two passes with the same numbers and that much time between them: whatever must last has lasted."""
        for after_s in (15.0, passed_s):
            self.look(measured.values, after_s, measured.silent)
            self.send()

    @property
    def firing(self) -> set[str]:
        return {each.rule for each in alerts.incidents(self.database)}

    def go(self, values: Mapping[Key, float], seconds: float = 0) -> None:
        """Passes every 15 s, for so long, one at least."""
        ends = self.at + timedelta(seconds=seconds)
        while True:
            self.look(values)
            self.send()
            if self.at >= ends:
                break


def webhook(receiver: Receiver, path: str = "", **more: Any) -> dict[str, Any]:
    return {"webhook": f"{receiver.url}/{path}", "key": KEY, "timeout_s": 5, **more}


def section(routes: Mapping[str, Any], **more: Any) -> AlertsSection:
    return AlertsSection.model_validate({"routes": dict(routes), **more})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as double:
        yield double


@pytest.fixture
def other() -> Iterator[Receiver]:
    with running_receiver() as double:
        yield double
