"""What `lomi alerts` says of rules and incidents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.output import Format
from lomi_ops.domain.shown import shown
from lomi_ops.errors import ExitCode, LomiError

if TYPE_CHECKING:
    from datetime import datetime

    from lomi_ops.db.alert_deliveries import Delivery
    from lomi_ops.db.alerts import Run
    from lomi_ops.db.pool import Database
    from lomi_ops.domain.alert_incident import Incident, Silence
    from lomi_ops.domain.alert_rule import Rule
    from lomi_ops.domain.alert_state import Track
    from lomi_ops.domain.measure import Measured

_COLOURS = {"firing": "red", "pending": "yellow", "acked": "yellow", "stale": "magenta", "ok": "green"}


class RulesFormat(StrEnum):
    """What `lomi alerts rules -o` takes."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    PROMETHEUS = "prometheus"


# --- rules ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """How rules stood at the last look; empty where nobody has looked."""

    tracks: Mapping[str, Track] = field(default_factory=dict)
    acked: frozenset[str] = frozenset()
    silenced: frozenset[str] = frozenset()


def known_of(database: Database, warn: Callable[[str], None]) -> Known:
    """Reads what there is; on a cluster without the schema, or without a database that answers, that is nothing."""
    from lomi_ops.db import alerts

    try:
        if not alerts.has_alerts(database):
            diagnostics.note("nobody looks at these yet: lomi migrate apply, then lomi alerts run")
            return Known()
        at = database.now()
        acked = frozenset(each.rule for each in alerts.incidents(database) if each.acked)
        held = frozenset(each.rule for each in alerts.silences(database, at=at))
        return Known(alerts.tracks(database), acked, held)
    except LomiError as failure:
        warn(f"how the rules stood is not known: {failure.message}")
        return Known()


def show_rules(rules: Sequence[Rule], measured: Measured, known: Known, gap_s: float, format_: RulesFormat) -> None:
    records = [_rule(rule, measured, known, gap_s) for rule in rules]
    if format_ is RulesFormat.JSONL:
        for each in records:
            output.line(each)
        return
    silent = {source.value: diagnostics.scrubbed(why) for source, why in measured.silent.items()}
    if format_ is RulesFormat.JSON:
        output.document({"at": measured.at, "rules": records, "silent": silent}, schema="lomi.alerts.rules/v1")
        return
    narrow = output.narrow()
    headers = ("rule", "state", "now", "limit", "left", "after", "severity", "next")
    rows = [_row(rule, record, narrow) for rule, record in zip(rules, records, strict=True)]
    output.table(headers[: 6 if narrow else 8], rows, right=(2, 3, 4, 5), prose=())
    _note_unset(rules)
    for source, why in silent.items():
        diagnostics.note(f"{source} did not answer: {why}")


def _note_unset(rules: Sequence[Rule]) -> None:
    """What to set, or to switch off."""
    for setting in dict.fromkeys(rule.setting for rule in rules if rule.unset):
        names = ", ".join(rule.slug for rule in rules if rule.unset and rule.setting == setting)
        diagnostics.note(f"{names}: nothing to judge until {setting} is set")


def _rule(rule: Rule, measured: Measured, known: Known, gap_s: float) -> dict[str, Any]:
    from lomi_ops.domain.alert_incident import ALL

    seen = rule.judge(measured)
    track = known.tracks.get(rule.slug)
    fresh = track is not None and track.at is not None and (measured.at - track.at).total_seconds() <= gap_s
    return {
        "rule": rule.slug,
        "severity": rule.severity.value,
        "state": _state(rule, track if fresh else None, measured, known),
        "judged": seen.judged.value,
        "silenced": rule.slug in known.silenced or ALL in known.silenced,
        "value": seen.value,
        "threshold": rule.threshold,
        "clear": rule.clear_at,
        "distance": None if seen.value is None else rule.distance(seen.value),
        "unit": rule.unit,
        "bad_when": rule.side.value,
        "for_s": rule.for_s,
        "keep_firing_for_s": rule.keep_firing_for_s,
        "cause": rule.cause,
        "setting": rule.setting or None,
        "sentence": rule.said(seen.value),
        "next": rule.command,
        "looked_at": track.at if track else None,
    }


def _state(rule: Rule, track: Track | None, measured: Measured, known: Known) -> str:
    """As of the last look, where that is not too long ago; else as it would stand after this one."""
    from lomi_ops.domain.alert_state import Track, step

    if track is None or rule.unset:
        track = step(Track(), rule, rule.judge(measured), measured.at, gap_s=0.0)
    return track.state(acked=rule.slug in known.acked).value


def _row(rule: Rule, record: Mapping[str, Any], narrow: bool) -> tuple[str, ...]:
    from lomi_ops.domain import span
    from lomi_ops.domain.alert_rule import amount

    unit = rule.unit if rule.unit in ("%", "s") else ""
    state = record["state"] + (", silenced" if record["silenced"] else "")
    painted = output.painted(state, _COLOURS.get(record["state"], ""))
    unmeasured = "?" if record["judged"] == "missing" else "none"
    now = unmeasured if record["value"] is None else amount(record["value"], unit)
    left = "" if record["distance"] is None else amount(record["distance"], unit)
    after = span.said(rule.for_s) if rule.for_s else "at once"
    row = (rule.slug, painted, now, f"{rule.side} {amount(rule.threshold, unit)}", left, after)
    return row if narrow else (*row, rule.severity.value, rule.command)


# --- incidents --------------------------------------------------------------------------------------------------------


def show_list(
    incidents: Sequence[Incident],
    told: Sequence[Delivery],
    silences: Sequence[Silence],
    tracks: Mapping[str, Track],
    run: Run,
    at: datetime,
    gap_s: float,
    format_: Format,
) -> int:
    """`gap_s`: nobody looks any more where the last look is longer ago."""
    firing = any(each.resolved_at is None for each in incidents)
    records = [incident_record(each, tracks, told) for each in incidents]
    if format_ is Format.JSONL:
        for record in records:
            output.line(record)
    elif format_ is Format.JSON:
        silent = {source: diagnostics.scrubbed(why) for source, why in run.silent.items()}
        looked = asdict(run) | {"silent": silent}
        body = {"incidents": records, "silences": [silence_record(each) for each in silences], "run": looked}
        output.document(body, schema="lomi.alerts.list/v1")
    else:
        _show_incidents(incidents, records, at)
        _show_silences(silences)
        if run.looked_at is None:
            diagnostics.note("nobody has looked yet: lomi alerts run")
        elif (at - run.looked_at).total_seconds() > gap_s:
            diagnostics.note(f"nobody has looked since {moment(run.looked_at)}: lomi alerts run")
    return int(ExitCode.BAD if firing else ExitCode.OK)


def _show_incidents(incidents: Sequence[Incident], records: Sequence[Mapping[str, Any]], at: datetime) -> None:
    from lomi_ops.domain import span

    if not incidents:
        output.text("no incident is open")
        return
    rows = []
    for incident, record in zip(incidents, records, strict=True):
        lasted = ((incident.resolved_at or at) - incident.opened_at).total_seconds()
        state = output.painted(record["state"], _COLOURS.get(record["state"], ""))
        why = f": {diagnostics.scrubbed(incident.ack_reason)}" if incident.ack_reason else ""
        who = f" ({incident.acked_by} knows{why})"
        text = shown(incident.sentence + (who if incident.acked else "") + _unsent(record["told"]))
        rows.append((str(incident.id), moment(incident.opened_at), span.said(lasted), incident.severity.value, state,
                     incident.rule, text))  # fmt: skip
    output.table(("id", "since, utc", "lasts", "severity", "state", "rule", "what"), rows)


def _unsent(told: Sequence[Mapping[str, Any]]) -> str:
    """Routes that could not be told."""
    late = sorted({each["route"] for each in told if each["error"] and each["outcome"] != "sent"})
    return f"; not told: {', '.join(late)}" if late else ""


def _show_silences(silences: Sequence[Silence]) -> None:
    for each in silences:
        reason = diagnostics.scrubbed(each.reason)
        line = shown(f"silenced until {moment(each.until)} UTC by {each.actor}: {each.rule} ({reason})")
        output.text(output.folded(line, 2))


def incident_record(incident: Incident, tracks: Mapping[str, Track], told: Sequence[Delivery]) -> dict[str, Any]:
    track = tracks.get(incident.rule)
    state = "resolved"
    if incident.resolved_at is None:
        stale = track is not None and track.stale_since is not None
        state = "stale" if stale else "acked" if incident.acked else "firing"
    mine = [asdict(each) for each in told if each.incident_id == incident.id]
    for each in mine:
        each["error"] = diagnostics.scrubbed(each["error"])
    return {**_plain_record(incident), "state": state, "told": mine}


def _plain_record(incident: Incident) -> dict[str, Any]:
    return asdict(incident) | {"ack_reason": diagnostics.scrubbed(incident.ack_reason)}


def silence_record(silence: Silence) -> dict[str, Any]:
    return asdict(silence) | {"reason": diagnostics.scrubbed(silence.reason)}


def show_ack(incident: Incident, format_: Format) -> None:
    if format_ is Format.TEXT:
        who = shown(incident.acked_by)
        output.text(f"incident {incident.id} ({incident.rule}) is acknowledged by {who} until it is over")
    else:
        output.document(_plain_record(incident), schema="lomi.alerts.ack/v1", format_=format_)


def show_silence(made: Silence, format_: Format) -> None:
    from lomi_ops.domain.alert_incident import ALL

    if format_ is Format.TEXT:
        what = "any rule" if made.rule == ALL else made.rule
        output.text(f"nobody is told of {what} until {moment(made.until)} UTC; lomi alerts unsilence {made.rule}")
    else:
        output.document(silence_record(made), schema="lomi.alerts.silence/v1", format_=format_)


def show_unsilence(rule: str, lifted: int, left: Sequence[Silence], format_: Format) -> None:
    """`left`: silences that hold still, so that nobody believes to hear what is silenced twice."""
    from lomi_ops.domain.alert_incident import ALL

    still = sorted({each.rule for each in left if rule == ALL or each.rule in (rule, ALL)})
    if format_ is not Format.TEXT:
        body = {"rule": rule, "lifted": lifted, "still_silenced": still}
        output.document(body, schema="lomi.alerts.unsilence/v1", format_=format_)
    elif still:
        commands = "; ".join(f"lomi alerts unsilence {each}" for each in still)
        output.text(f"the silence of {rule} is lifted; still silenced: {', '.join(still)}: {commands}")
    else:
        output.text(f"{'every rule' if rule == ALL else rule} is heard again")


def moment(at: datetime) -> str:
    from datetime import UTC

    return f"{at.astimezone(UTC):%m-%d %H:%M:%S}"
