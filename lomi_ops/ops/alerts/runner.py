"""One pass: look, send what is due, and tell the dead man's switch. As a service: pass after pass."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from lomi_ops.config.sections.alerts import AlertsSection
from lomi_ops.db import alerts
from lomi_ops.db.pool import Database
from lomi_ops.domain.measure import Measured
from lomi_ops.errors import LockHeld, LomiError, RouteUnavailable, Transient
from lomi_ops.ops.alerts.blind import Blind
from lomi_ops.ops.alerts.look import Look, Watch
from lomi_ops.ops.alerts.routes import Route
from lomi_ops.ops.alerts.sending import Round, send_due

LEASE_S = 60.0
"""Whoever looks is believed to be alive for so long; renewed with each pass."""
REST_S = 0.5
"""At least so long between two passes."""
MIGRATE = "lomi migrate apply"


@dataclass(frozen=True, slots=True)
class Pass:
    """What came of one pass."""

    look: Look
    round: Round
    heartbeat: str = ""
    """Why the dead man's switch could not be told; that fails no pass."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Passes of one program, under one token."""

    database: Database
    watch: Watch
    measure: Callable[[], Measured]
    routes: tuple[Route, ...]
    section: AlertsSection
    token: UUID
    holder: str

    def once(self) -> Pass:
        """Raises LockHeld where somebody else looks; then nothing was done."""
        try:
            return self.one_more()
        finally:
            self.leave()

    def one_more(self) -> Pass:
        """Raises LockHeld where somebody else looks, and DatabaseUnavailable."""
        lease_s = LEASE_S + self.section.every_s
        if not alerts.take(self.database, self.token, self.holder, at=self.now(), lease_s=lease_s):
            other = alerts.run(self.database).holder
            raise LockHeld(f"alerts are looked after by {other}", hint="lomi alerts list")
        measured = self.measure()
        look = self.watch.look(self.token, measured, self.now())
        sent = send_due(self.database, self.routes, retry_s=self.section.retry_s, clock=self.now)
        return Pass(look, sent, self._beat())

    def leave(self) -> None:
        """Somebody else may look now; where that cannot be said, they wait until the lease is over."""
        try:
            alerts.leave(self.database, self.token)
        except Transient:
            return

    def now(self) -> datetime:
        return self.database.now()

    def _beat(self) -> str:
        if self.section.heartbeat_url is None:
            return ""
        from lomi_ops.clients.notify.web import ping

        try:
            ping(self.section.heartbeat_url.get_secret_value())
        except RouteUnavailable as failure:
            return failure.message
        return ""


def require_place(database: Database) -> None:
    """Raises LomiError where the schema is missing or of before."""
    if not alerts.has_alerts(database):
        raise LomiError("no place for alerts here: the schema lomi is missing or old", hint=MIGRATE)


@dataclass(slots=True)
class Service:
    """`stop` ends it between two passes. One that finds another at work stands by, and takes over when that is gone."""

    runner: Runner
    blind: Blind
    stop: threading.Event
    tell: Callable[[Pass], None] = lambda done: None
    trouble: Callable[[LomiError], None] = lambda failure: None
    _ours: bool = field(default=False, init=False)

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                began = time.monotonic()
                self._pass()
                # A look at services that do not answer takes long, and just then the next one must not be late.
                self.stop.wait(max(REST_S, self.runner.section.every_s - (time.monotonic() - began)))
        finally:
            if self._ours:
                self.runner.leave()

    def _pass(self) -> None:
        try:
            done = self.runner.one_more()
        except LockHeld as busy:
            # Somebody else took over meanwhile; of what we told from memory only we can tell the end.
            self._ours = False
            self.trouble(busy)
            self._tell_blind(reached=True)
        except Transient as outage:
            self.trouble(outage)
            if self._ours:
                self._tell_blind(reached=False)
        else:
            self._ours = True
            self._tell_blind(reached=True)
            self.tell(done)

    def _tell_blind(self, *, reached: bool) -> None:
        for failure in self.blind.saw(reached=reached):
            self.trouble(failure)
