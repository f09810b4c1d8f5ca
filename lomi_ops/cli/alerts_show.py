"""`lomi alerts show`: one incident, as whoever was woken by it needs it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import alerts_text, diagnostics, options, output, session
from lomi_ops.cli.output import Format
from lomi_ops.domain.shown import shown

if TYPE_CHECKING:
    from datetime import datetime

    from lomi_ops.db.alert_deliveries import Delivery
    from lomi_ops.domain.alert_incident import Incident, Silence
    from lomi_ops.domain.alert_rule import Rule
    from lomi_ops.domain.alert_state import Track

TREND = 40


@dataclass(frozen=True, slots=True)
class Whole:
    """An incident with what belongs to it. `rule` is None where it is switched off by now."""

    incident: Incident
    rule: Rule | None
    track: Track | None
    told: Sequence[Delivery]
    silences: Sequence[Silence]
    at: datetime


@options.with_common
def alerts_show(
    common: options.Common,
    number: Annotated[int, typer.Argument(help="An incident, as `lomi alerts list` numbers it.", metavar="ID")],
    format_: options.Output = Format.TEXT,
) -> int:
    """Show one incident whole.

    How it stands, its number now and lately, what to run next, who knows of it, and which route was told what. Over or
    not.
    """
    from lomi_ops.db import alert_deliveries, alerts
    from lomi_ops.domain.alert_incident import ALL
    from lomi_ops.errors import NotFound
    from lomi_ops.ops.alerts.runner import require_place

    with session.opened(common, "database") as runtime:
        database = runtime.database
        require_place(database)
        incident, at = alerts.incident(database, number), database.now()
        if incident is None:
            raise NotFound(f"there is no incident {number}", hint="lomi alerts list --since 7d")
        rule = next((each for each in _rules(runtime.settings) if each.slug == incident.rule), None)
        silences = [each for each in alerts.silences(database, at=at) if each.rule in (incident.rule, ALL)]
        told = alert_deliveries.of(database, [number])
        whole = Whole(incident, rule, alerts.tracks(database).get(incident.rule), told, silences, at)
    _show(whole, format_)
    return 0


def _rules(settings: Any) -> Sequence[Rule]:
    from lomi_ops.config.alerts import rules

    return rules(settings)


def _show(whole: Whole, format_: Format) -> None:
    tracks = {whole.incident.rule: whole.track} if whole.track else {}
    record = alerts_text.incident_record(whole.incident, tracks, whole.told)
    if format_ is not Format.TEXT:
        body = record | {
            "next": whole.rule.command if whole.rule else None,
            "now": whole.track.value if whole.track else None,
            "threshold": whole.rule.threshold if whole.rule else None,
            "recent": list(whole.track.recent) if whole.track else [],
            "silences": [alerts_text.silence_record(each) for each in whole.silences],
        }
        output.document(body, schema="lomi.alerts.show/v1", format_=format_)
        return
    lines = [(name, text) for name, text in _lines(whole, record["state"]) if text]
    width = max(len(name) for name, _ in lines)
    output.text("\n".join(f"{name:{width}}  {output.folded(text, width + 2)}" for name, text in lines))
    if whole.told:
        rows = [
            (alerts_text.moment(each.made_at), shown(each.route), each.notice.value, _outcome(each))
            for each in whole.told
        ]  # fmt: skip
        output.table(("told, utc", "route", "what", "how it went"), rows)


def _lines(whole: Whole, state: str) -> Iterator[tuple[str, str]]:
    from lomi_ops.domain import span
    from lomi_ops.domain.spark import spark

    incident, track, over = whole.incident, whole.track, whole.incident.resolved_at
    lasted = ((over or whole.at) - incident.opened_at).total_seconds()
    yield "incident", str(incident.id)
    yield "what", shown(incident.sentence)
    yield "state", state
    yield "rule", f"{incident.rule}, {incident.severity}" + ("" if whole.rule else "; switched off by now")
    yield "since", f"{alerts_text.moment(incident.opened_at)} UTC, {span.said(lasted)}"
    yield "over", f"{alerts_text.moment(over)} UTC" if over else ""
    if whole.rule is not None and track is not None and not over:
        yield "now", _now(whole.rule, track)
    if track is not None and not over:
        yield "trend", spark(track.recent, TREND, plain=output.ascii_only()) if len(track.recent) > 1 else ""
    yield "known", _known(incident)
    for each in whole.silences:
        until, reason = alerts_text.moment(each.until), diagnostics.scrubbed(each.reason)
        yield "silenced", shown(f"until {until} UTC by {each.actor}: {each.rule} ({reason})")
    if not over:
        yield "next", whole.rule.command if whole.rule else ""
        yield "", "" if incident.acked else f"lomi alerts ack {incident.id} --until-resolved"


def _now(rule: Rule, track: Track) -> str:
    from lomi_ops.domain.alert_rule import amount

    value = "not known" if track.value is None else amount(track.value, rule.unit)
    old = f", not known since {alerts_text.moment(track.stale_since)} UTC" if track.stale_since else ""
    return f"{value}{old}; bad at {rule.side} {rule.limit}"


def _known(incident: Incident) -> str:
    if incident.acked_at is None:
        return ""
    why = f": {diagnostics.scrubbed(incident.ack_reason)}" if incident.ack_reason else ""
    return shown(f"by {incident.acked_by} since {alerts_text.moment(incident.acked_at)} UTC{why}")


def _outcome(each: Delivery) -> str:
    error = shown(diagnostics.scrubbed(each.error))
    tries = output.counted(each.attempts, "try", "tries")
    match each.outcome:
        case None if each.attempts:
            return f"not yet, {tries}: {error}; again at {alerts_text.moment(each.due_at)}"
        case None:
            return f"due at {alerts_text.moment(each.due_at)}"
        case "sent":
            return "sent" if each.attempts == 1 else f"sent, {tries}"
        case "withdrawn":
            return "withdrawn: it was over before"
    return f"given up, {tries}: {error}"
