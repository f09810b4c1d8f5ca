"""Sends what is due, each route in a thread of its own: one that fails, or is slow, holds up no other."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lomi_ops.db import alert_deliveries
from lomi_ops.db.alert_deliveries import Claimed, Outcome
from lomi_ops.db.pool import Database
from lomi_ops.domain.alert_facts import Facts
from lomi_ops.domain.alert_retry import pause_s
from lomi_ops.errors import LomiError
from lomi_ops.ops.alerts.message import written
from lomi_ops.ops.alerts.routes import Route

MARGIN_S = 30.0
"""A claim lasts so much longer than sending may take."""
ROUND_S = 20.0
"""One round does not begin another message after so long."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A message that did not go out."""

    route: str
    failure: LomiError
    given_up: bool = False


@dataclass(slots=True)
class Round:
    """What came of one round."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    """Route and subject."""
    troubles: list[Trouble] = field(default_factory=list)


def send_due(database: Database, routes: Sequence[Route], *, retry_s: float, clock: Callable[[], datetime]) -> Round:
    """Everything that is due now, as far as a round lasts. `clock` is the database's. What fails is tried again in a
    later round."""
    found = Round()
    threads = [
        threading.Thread(target=_serve, args=(database, route, retry_s, clock, found), name=f"alerts {route.name}")
        for route in routes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _serve(database: Database, route: Route, retry_s: float, clock: Callable[[], datetime], found: Round) -> None:
    ends = time.monotonic() + ROUND_S
    try:
        while time.monotonic() < ends:
            at = clock()
            until = at + timedelta(seconds=route.section.timeout_s + MARGIN_S)
            claimed = alert_deliveries.claim(database, route.name, at=at, until=until)
            if claimed is None or not _sent(database, route, claimed, retry_s, clock, found):
                break
    except LomiError as failure:
        found.troubles.append(Trouble(route.name, failure))


def _sent(
    database: Database, route: Route, claimed: Claimed, retry_s: float, clock: Callable[[], datetime], found: Round
) -> bool:
    """False where it failed: then the route rests for a while."""
    message = written(Facts.of(claimed.facts), once_of(claimed))
    try:
        route.send(message)
    except LomiError as failure:
        given_up = _failed(database, claimed, failure, retry_s, clock())
        found.troubles.append(Trouble(route.name, failure, given_up))
        return False
    alert_deliveries.ended(database, claimed.id, Outcome.SENT, at=clock())
    found.sent.append((route.name, message.subject))
    return True


def _failed(database: Database, claimed: Claimed, failure: LomiError, retry_s: float, at: datetime) -> bool:
    """Whether it is given up."""
    due_at = at + timedelta(seconds=pause_s(claimed.attempts))
    if (due_at - claimed.made_at).total_seconds() > retry_s:
        alert_deliveries.ended(database, claimed.id, Outcome.GIVEN_UP, at=at, error=failure.message)
        return True
    alert_deliveries.again(database, claimed.id, due_at=due_at, error=failure.message)
    return False


def once_of(claimed: Claimed) -> str:
    """The same for every try, whoever makes it."""
    return hashlib.sha256(f"{claimed.id} {claimed.made_at.isoformat()}".encode()).hexdigest()[:32]
