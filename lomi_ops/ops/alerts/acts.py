"""What people do about alerts: acknowledge, silence, lift a silence; each with an audit entry. And testing routes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lomi_ops.db import alerts
from lomi_ops.db.pool import Database
from lomi_ops.domain.alert_facts import Facts
from lomi_ops.domain.alert_incident import ALL, Incident, Notice, Silence
from lomi_ops.domain.alert_rules import SLUGS
from lomi_ops.domain.alert_severity import AlertSeverity
from lomi_ops.domain.audit import Action, incident_subject, rule_subject
from lomi_ops.errors import LomiError, NotFound, UsageError
from lomi_ops.ops.alerts.message import written
from lomi_ops.ops.alerts.routes import Route
from lomi_ops.ops.operations import Journal


@dataclass(frozen=True, slots=True)
class By:
    """Who acts, and when by the database's clock."""

    actor: str
    at: datetime
    journal: Journal


def acknowledge(database: Database, number: int, reason: str, by: By) -> Incident:
    """No more repeats until it is over; its end is told all the same. Raises NotFound."""
    if not alerts.ack(database, number, actor=by.actor, reason=reason, at=by.at):
        known = alerts.incident(database, number)
        text = f"incident {number} is over" if known else f"there is no incident {number}"
        raise NotFound(text, hint="lomi alerts list")
    found = alerts.incident(database, number)
    if found is None:
        raise NotFound(f"incident {number} is gone", hint="lomi alerts list")
    by.journal.note(by.actor, Action.ALERT_ACK, incident_subject(number), by.at, reason, after={"rule": found.rule})
    return found


def silence(database: Database, rule: str, for_s: float, reason: str, by: By) -> Silence:
    """Raises UsageError for a rule that there is not."""
    _known(rule)
    until = by.at + timedelta(seconds=for_s)
    number = alerts.silence(database, rule, actor=by.actor, reason=reason, at=by.at, until=until)
    after = {"until": until.isoformat()}
    by.journal.note(by.actor, Action.ALERT_SILENCE, rule_subject(rule), by.at, reason, after=after)
    return Silence(number, rule, by.actor, reason, by.at, until)


def unsilence(database: Database, rule: str, by: By) -> int:
    """How many silences were lifted. Raises UsageError, and NotFound where there was none."""
    _known(rule)
    lifted = alerts.unsilence(database, rule, actor=by.actor, at=by.at)
    if not lifted:
        raise NotFound(f"{rule} is not silenced", hint="lomi alerts list")
    by.journal.note(by.actor, Action.ALERT_UNSILENCE, rule_subject(rule), by.at, after={"lifted": lifted})
    return lifted


@dataclass(frozen=True, slots=True)
class Tried:
    """One route's test. `failure` is None where it took the message."""

    route: Route
    failure: LomiError | None = None


def try_routes(
    routes: Sequence[Route], profile: str | None, *, clock: Callable[[], datetime], once: Callable[[], str]
) -> Iterator[Tried]:
    """One marked message each, now, whatever the hour."""
    for route in routes:
        at = clock()
        facts = Facts(Notice.TEST, "", AlertSeverity.WARNING, f"the route {route.name}", "", at, at, profile=profile,
                      route=route.name)  # fmt: skip
        try:
            route.send(written(facts, once()))
        except LomiError as failure:
            yield Tried(route, failure)
        else:
            yield Tried(route)


def _known(rule: str) -> None:
    import difflib

    if rule in (*SLUGS, ALL):
        return
    near = difflib.get_close_matches(rule, SLUGS, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    raise UsageError(f"there is no rule {rule!r}{meant}", hint="lomi alerts rules")
