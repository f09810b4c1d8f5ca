"""What each route is to be told: put out with the incident in one transaction, claimed, sent, marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from lomi_ops.db.documents import jsonb, readable
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.alert_incident import Notice


class Outcome(StrEnum):
    SENT = "sent"
    GIVEN_UP = "given_up"
    WITHDRAWN = "withdrawn"
    """It was over before anybody was told."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours alone to send, until the claim ends."""

    id: int
    incident_id: int
    route: str
    notice: Notice
    facts: Mapping[str, Any]
    made_at: datetime
    attempts: int
    """With this one."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a route was told, or is to be."""

    incident_id: int
    route: str
    notice: Notice
    attempts: int
    outcome: Outcome | None
    """None: it is still to be sent."""
    made_at: datetime
    due_at: datetime
    ended_at: datetime | None
    error: str
    """Of the last try that failed."""


def put_on(
    session: Session,
    incident_id: int,
    route: str,
    notice: Notice,
    telling: int,
    facts: Mapping[str, Any],
    *,
    at: datetime,
    due_at: datetime,
) -> None:
    """Adds a message; the same telling of the same incident only once. No repeat where the route has yet to get what
    was told before: in quiet hours, or while it is gone."""
    session.run(
        "deliveries_put", incident_id=incident_id, route=route, notice=notice.value, telling=telling,
        facts=jsonb(dict(facts)), at=at, due_at=due_at,
    )  # fmt: skip


def withdraw_on(session: Session, incident_id: int, *, at: datetime) -> None:
    """Takes back what nobody has begun to send."""
    session.run("deliveries_withdraw", incident_id=incident_id, at=at)


def heard_on(session: Session, incident_id: int) -> list[str]:
    """Routes that have heard of the incident, or may have, or will."""
    return session.all(_route, "deliveries_heard", incident_id=incident_id)


def claim(db: Database, route: str, *, at: datetime, until: datetime) -> Claimed | None:
    """The next message of a route that is due, if nobody else is sending it."""
    return db.one(_claimed, "deliveries_claim", route=route, at=at, until=until)


def ended(db: Database, delivery_id: int, outcome: Outcome, *, at: datetime, error: str = "") -> None:
    db.run("deliveries_ended", id=delivery_id, outcome=outcome.value, at=at, error=readable(error))


def again(db: Database, delivery_id: int, *, due_at: datetime, error: str) -> None:
    """It could not be sent: it is tried again later."""
    db.run("deliveries_again", id=delivery_id, due_at=due_at, error=readable(error))


def of(db: Database, incident_ids: Sequence[int]) -> list[Delivery]:
    """In the order of the incidents, and of what was told."""
    return db.all(_delivery, "deliveries_of", ids=list(incident_ids)) if incident_ids else []


def _claimed(*, notice: str, **columns: Any) -> Claimed:
    return Claimed(notice=Notice(notice), **columns)


def _delivery(*, notice: str, outcome: str | None, **columns: Any) -> Delivery:
    return Delivery(notice=Notice(notice), outcome=Outcome(outcome) if outcome else None, **columns)


def _route(route: str) -> str:
    return route
