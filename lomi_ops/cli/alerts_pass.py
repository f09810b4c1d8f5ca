"""What `lomi alerts check`, `run` and `test` say: of one pass, and line by line as a service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.alerts_text import moment
from lomi_ops.cli.output import Format, counted
from lomi_ops.domain.alert_state import State
from lomi_ops.domain.shown import shown
from lomi_ops.errors import ExitCode, LockHeld, LomiError

if TYPE_CHECKING:
    from datetime import datetime

    from lomi_ops.config.sections.alerts import AlertsSection
    from lomi_ops.ops.alerts.acts import Tried
    from lomi_ops.ops.alerts.runner import Pass

SCHEMA = "lomi.alerts/v1"


def show_pass(done: Pass, format_: Format, *, quiet: bool) -> int:
    """Exit code: something fires, or a service did not answer, or all is well."""
    code = ExitCode.BAD if done.look.firing else ExitCode.UNKNOWN if done.look.measured.silent else ExitCode.OK
    if format_ is not Format.TEXT:
        output.document({"exit_code": int(code), **record(done)}, schema=SCHEMA, format_=format_)
        return int(code)
    for trouble in troubles(done):
        diagnostics.warn(trouble)
    changed = done.look.opened or done.look.resolved or done.round.sent
    if not quiet or changed or code is ExitCode.UNKNOWN:
        for route, subject in done.round.sent:
            output.text(f"told {shown(route)}: {shown(diagnostics.scrubbed(subject))}")
        output.text(_summary(done))
    return int(code)


def show_busy(busy: LockHeld, format_: Format, *, quiet: bool) -> int:
    """Somebody else looks, which is no trouble."""
    if format_ is not Format.TEXT:
        output.document({"busy": busy.message}, schema="lomi.alerts.busy/v1", format_=format_)
    elif not quiet:
        diagnostics.note(shown(busy.message))
    return int(ExitCode.OK)


def _summary(done: Pass) -> str:
    look = done.look
    silent = ", ".join(sorted(source.value for source in look.measured.silent))
    stale, never = len(look.rules(State.STALE)), len(look.rules(State.UNKNOWN))
    unknown = f"; {counted(stale, 'rule')} could not be judged" if stale else ""
    unknown += f"; {counted(never, 'rule')} without a number yet" if never else ""
    unknown += f" ({silent} did not answer)" if silent else ""
    if not look.firing:
        return f"nothing is firing, {counted(len(look.standing.tracks), 'rule')}{unknown}"
    names = ", ".join(each.rule for each in look.standing.incidents)
    return f"{counted(look.firing, 'incident')}: {names}{unknown}; lomi alerts list"


def troubles(done: Pass) -> list[str]:
    """What did not work, without any address."""
    found = []
    for each in done.round.troubles:
        end = "it is given up" if each.given_up else "it is tried again"
        hint = f" ({each.failure.hint})" if each.failure.hint else ""
        found.append(f"route {shown(each.route)} was not told: {each.failure.message}{hint}; {end}")
    if done.heartbeat:
        found.append(f"the heartbeat was not heard: {done.heartbeat}")
    return found


def record(done: Pass) -> dict[str, Any]:
    look = done.look
    return {
        "at": look.at,
        "incidents": [asdict(each) for each in look.standing.incidents],
        "opened": list(look.opened),
        "resolved": list(look.resolved),
        "stale": look.rules(State.STALE),
        "unknown": look.rules(State.UNKNOWN),
        "unset": look.rules(State.UNSET),
        "silent": {source.value: diagnostics.scrubbed(why) for source, why in look.measured.silent.items()},
        "told": [{"route": route, "subject": diagnostics.scrubbed(subject)} for route, subject in done.round.sent],
        "troubles": [diagnostics.scrubbed(each) for each in troubles(done)],
    }


def opening(section: AlertsSection, rules: int, routes: int) -> str:
    text = f"alerts: {counted(rules, 'rule')}, a look every {section.every_s:g} s, {counted(routes, 'route')}"
    return text if routes else f"{text}: nobody is told; docs/alerts.md says how to add one"


@dataclass(slots=True)
class Teller:
    """A line for each incident, message and trouble; with -o jsonl one object for every look."""

    format_: Format
    _troubles: frozenset[str] = frozenset()

    def tell(self, done: Pass) -> None:
        if self.format_ is Format.JSONL:
            output.line({"schema": SCHEMA, **record(done)})
        look = done.look
        for rule in look.opened:
            diagnostics.note(f"{moment(look.at)} firing: {rule}")
        for rule in look.resolved:
            diagnostics.note(f"{moment(look.at)} over: {rule}")
        for route, subject in done.round.sent:
            self.told(look.at, route, subject)
        self._once(frozenset(troubles(done)))

    def told(self, at: datetime, route: str, subject: str) -> None:
        diagnostics.note(f"{moment(at)} told {shown(route)}: {shown(diagnostics.scrubbed(subject))}")

    def trouble(self, failure: LomiError) -> None:
        """Weather is told once, until it clears."""
        self._once(frozenset({failure.message}), more=True)

    def _once(self, now: frozenset[str], *, more: bool = False) -> None:
        for each in sorted(now - self._troubles):
            diagnostics.warn(each)
        self._troubles = now | (self._troubles if more else frozenset())


def show_test(tried: Sequence[Tried], format_: Format) -> int:
    bad = any(each.failure for each in tried)
    if format_ is not Format.TEXT:
        routes = [
            {"route": each.route.name, "by": each.route.by, "ok": each.failure is None,
             "error": diagnostics.scrubbed(each.failure.message) if each.failure else None}
            for each in tried
        ]  # fmt: skip
        output.document({"ok": not bad, "routes": routes}, schema="lomi.alerts.test/v1", format_=format_)
        return int(ExitCode.BAD if bad else ExitCode.OK)
    for each in tried:
        if each.failure is None:
            output.text(f"{shown(each.route.name)} ({each.route.by}) took it")
        else:
            why = shown(diagnostics.scrubbed(each.failure.message))
            output.text(f"{shown(each.route.name)} ({each.route.by}) did not take it: {why}")
            if each.failure.hint:
                diagnostics.hint(each.failure.hint)
    return int(ExitCode.BAD if bad else ExitCode.OK)
