"""The lines above and below the panels. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from textual.content import Content

from lomi_ops.domain import span
from lomi_ops.domain.shown import shown
from lomi_ops.domain.spark import spark
from lomi_ops.tui.top.keys import KEYS
from lomi_ops.tui.top.panels import STRIP, TITLES
from lomi_ops.tui.top.stage import Mode
from lomi_ops.tui.top.view import View, amount

if TYPE_CHECKING:
    from lomi_ops.tui.top.options import Options

_MODES = {Mode.LIVE: "bold green", Mode.PAUSED: "bold yellow", Mode.PAST: "bold magenta", Mode.PLAYED: "bold magenta"}
_LABEL, _NOW = 9, 8
_FRESH_S = 3.0


def banner(view: View, mode: Mode, options: Options, width: int, now: datetime) -> Content:
    """Where, when, and how old what is seen is."""
    at = view.frame.at
    name = Content.styled(f" {shown(options.name)} ", f"reverse {options.colour}") if options.name else Content("")
    write = Content.styled(" WRITE ", "reverse bold red") if options.write else Content("")
    age_s = (now - at).total_seconds()
    when = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    if mode in (Mode.PAST, Mode.PLAYED):
        old = f"{span.said(age_s)} ago"
    else:
        old = "" if age_s < _FRESH_S else f"{span.said(age_s)} old"
    alarm = _alarm(view)
    left = Content.assemble(
        ("lomi top ", "bold"), name, write, " ", (mode.value, _MODES[mode]), "  ", when, "  ", (old, "yellow"), "  "
    )
    return Content.assemble(left, " " * max(0, width - left.cell_length - alarm.cell_length), alarm)


def _alarm(view: View) -> Content:
    """The worst that is to be said in two words."""
    states = [each.state for each in view.frame.alerts]
    if firing := states.count("firing"):
        return Content.styled(f" {firing} firing ", "reverse bold red")
    if silent := len(view.measured.silent):
        return Content.styled(f" {silent} silent ", "reverse yellow")
    if pending := states.count("pending"):
        return Content.styled(f" {pending} pending ", "yellow")
    return Content.styled(" all well ", "green")


def tabs(view: View, opened: int) -> Content:
    """The panels with their keys; that of the alerts is red while one fires."""
    loud = any(each.state == "firing" for each in view.frame.alerts)
    parts = [_tab(f"{place + 1} {title}", here=opened == place, loud=loud and title == "Alerts")
             for place, title in enumerate(TITLES)]  # fmt: skip
    return Content(" ").join([_tab("0 All", here=opened < 0, loud=False), *parts])


def _tab(text: str, *, here: bool, loud: bool) -> Content:
    return Content.styled(text, " ".join([*(["reverse"] if here else []), *(["bold red"] if loud else [])]))


def strip(view: View, width: int, *, plain: bool) -> Content:
    """The last sixty minutes of what matters most, whatever panel is open."""
    room = max(10, min(120, width - _LABEL - _NOW - 18))
    lines = []
    for name, key, unit in STRIP:
        values = view.traces.minutes(key, view.frame.at)
        drawn = spark(_stretched(values, room), room, plain=plain) if values else ""
        now = amount(view.measured.values.get(key, view.old.get(key)), unit) or "-"
        peak = max((each for each in values if each is not None), default=None)
        most = "" if peak is None else f" {amount(peak, unit)} in 60 min"
        lines.append(
            Content.assemble(
                (f"{name:<{_LABEL}}", "dim"), f"{now:>{_NOW}} ", (f"{drawn:<{room}}", "cyan"), (most, "dim")
            )
        )
    return Content("\n").join(lines)


def _stretched(values: list[float | None], width: int) -> list[float | None]:
    """Each minute in as many columns as there are for it."""
    if len(values) >= width:
        return values
    times = width // len(values)
    return [each for each in values for _ in range(times)]


def keys(options: Options, width: int) -> Content:
    """As many as there is room for, the most needed first."""
    pairs = [(key.shown, key.does) for key in KEYS if key.does]
    if options.write:
        pairs.insert(2, ("P R Q S", "change"))
    said = [Content.assemble((shown_, "bold"), f" {does}") for shown_, does in pairs]
    while sum(each.cell_length + 2 for each in said) - 2 > width:
        said.pop()
    return Content("  ").join(said)
