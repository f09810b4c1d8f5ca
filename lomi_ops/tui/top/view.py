"""What the panels are made from: one frame, and the minutes before it. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lomi_ops.domain import alert_rule, span
from lomi_ops.domain.alert_rules import watching
from lomi_ops.domain.frame import Event, Frame, WorkerLine
from lomi_ops.domain.measure import Measured, Source
from lomi_ops.domain.shown import shown
from lomi_ops.domain.traces import Key, Lines, Traces
from lomi_ops.tui.top.sheet import Sheet, Tone

EVENTS = 500
TONES = {"firing": Tone.BAD, "acked": Tone.WARN, "pending": Tone.WARN, "stale": Tone.DIM, "unknown": Tone.DIM,
         "unset": Tone.DIM, "ok": Tone.GOOD}  # fmt: skip
RATES = ("/s", "/min")
URGENCY = {"firing": 0, "acked": 1, "pending": 2, "stale": 3, "unknown": 4, "ok": 5, "unset": 6}


@dataclass(frozen=True, slots=True)
class View:
    """What there is to show."""

    frame: Frame
    traces: Traces = field(default_factory=Traces)
    events: Sequence[Event] = field(default_factory=lambda: deque(maxlen=EVENTS))
    """The oldest first."""
    jobs: Sheet | None = None
    """The list of jobs is asked for only while somebody looks at it."""
    old: Mapping[Key, float] = field(default_factory=dict)
    """The last numbers of sources that are silent now."""
    old_workers: tuple[WorkerLine, ...] = ()
    lines: Lines = field(default_factory=Lines)

    @property
    def measured(self) -> Measured:
        return self.frame.measured

    def tone_of(self, key: Key) -> Tone:
        """That of the worst alert on this number: rules and screen never disagree."""
        rules = watching(key)
        standing = [
            each for each in self.frame.alerts if each.rule in rules and each.state in ("firing", "acked", "pending")
        ]
        return TONES[min(standing, key=lambda each: URGENCY[each.state]).state] if standing else Tone.PLAIN


def why(view: View, source: Source) -> str:
    """Why a source's numbers are missing or old."""
    if source not in view.measured.silent:
        return ""
    age = view.measured.get("lomi_source_age_seconds", source=source.value)
    return "stale" + (f" {span.said(age)}" if age is not None else "") + f", {shown(view.measured.silent[source])}"


def amount(value: float | None, unit: str = "") -> str:
    """A number as it stands in a table."""
    if value is None:
        return ""
    if unit in RATES:
        return f"{value:.1f}{unit}" if value < 100 else f"{value:,.0f}{unit}"
    return alert_rule.amount(value, unit) if unit else f"{value:,.0f}"
