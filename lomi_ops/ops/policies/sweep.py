"""What each place of one threshold would make of photos: sorted once, counted by cumulative sums.

A photo has one outcome where the line does not concern it and one where it does; the line decides which of the two by
comparing one number. So two verdicts of a photo say what every place of the line makes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lomi_ops.domain.finding import NSFW_LABELS, Evidence, Label
from lomi_ops.domain.policy import Policy, Zones, judge
from lomi_ops.domain.quality import Estimate, Stratum, combined
from lomi_ops.domain.verdict import Outcome
from lomi_ops.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int8]

POINTS = 101
OUTCOMES = (Outcome.APPROVE, Outcome.REVIEW, Outcome.REJECT)
_CODE = {outcome: code for code, outcome in enumerate(OUTCOMES)}
_REJECT = _CODE[Outcome.REJECT]
_SHARP = "blur"
_ENDS = {_SHARP: (0.0, 200.0)}


@dataclass(frozen=True, slots=True)
class Line:
    """One threshold."""

    key: str
    """As in the configuration: `nsfw.porn.reject_at`."""
    label: Label
    from_above: bool
    """Whether it concerns values that reach it; else those below it."""
    off: Callable[[Policy], Policy]
    """The policy whose line concerns nothing."""
    on: Callable[[Policy], Policy]
    """The policy whose line concerns everything."""
    set: Callable[[Policy, float], Policy]


@dataclass(slots=True)
class Columns:
    """Photos as columns, gathered one by one."""

    values: list[float] = field(default_factory=list)
    off: list[int] = field(default_factory=list)
    on: list[int] = field(default_factory=list)

    def extend(self, more: Columns) -> None:
        self.values += more.values
        self.off += more.off
        self.on += more.on


@dataclass(frozen=True, slots=True)
class Sweep:
    line: Line
    points: tuple[float, ...]
    counts: tuple[tuple[int, int, int], ...]
    """Photos approved, in review and rejected, at each point."""
    right: tuple[Estimate, ...]
    """Of the rejections, at each point."""


def line_of(key: str) -> Line:
    """Raises UsageError for what is no line that can be swept."""
    lines = {line.key: line for line in (*_zone_lines(), *_blur_lines())}
    if key not in lines:
        raise UsageError(f"--sweep {key}: this is no threshold of a score", hint=f"one of {', '.join(lines)}")
    return lines[key]


def parse(text: str) -> tuple[Line, tuple[float, ...]]:
    """`nsfw.porn.reject_at`, or with the ends: `nsfw.porn.reject_at=0.2..0.8`. Raises UsageError."""
    key, _, ends = text.partition("=")
    line = line_of(key.strip())
    low, high = _ENDS.get(key.partition(".")[0], (0.0, 1.0))
    if ends:
        try:
            low, high = (float(each) for each in ends.split(".."))
        except ValueError:
            raise UsageError(f"--sweep {text}: {ends} are no two numbers", hint=f"--sweep {key}=0.2..0.8") from None
        if not 0 <= low < high < float("inf"):
            raise UsageError(f"--sweep {text}: the first end must be below the second", hint=f"--sweep {key}=0.2..0.8")
    return line, tuple(low + (high - low) * step / (POINTS - 1) for step in range(POINTS))


def gather(columns: Columns, line: Line, evidence: Evidence, off: Policy, on: Policy) -> bool:
    """Adds a photo; False where nobody measured what the line compares."""
    if line.label is Label.SHARPNESS:
        value = next((each.value for each in evidence.labelled(Label.SHARPNESS) if each.value is not None), None)
        if value is None:
            return False
    else:
        value = evidence.top_score(line.label)
    columns.values.append(value)
    columns.off.append(_CODE[judge(evidence, off).outcome])
    columns.on.append(_CODE[judge(evidence, on).outcome])
    return True


def swept(line: Line, points: tuple[float, ...], seen: Columns, judged: Columns, probabilities: list[float],
          rejects: list[bool]) -> Sweep:  # fmt: skip
    """`judged` are photos that people judged, with the probability of that, and whether they would reject."""
    import numpy as np

    values = np.asarray(seen.values, dtype=np.float64)
    found = counts(values, np.asarray(seen.off, np.int8), np.asarray(seen.on, np.int8), np.asarray(points), line)
    estimates = _right(line, np.asarray(points), judged, np.asarray(probabilities), np.asarray(rejects, dtype=bool))
    return Sweep(line, points, tuple((int(a), int(b), int(c)) for a, b, c in found), estimates)


def counts(values: Floats, off: Codes, on: Codes, points: Floats, line: Line) -> Any:
    """Photos by outcome (columns) at each point (rows)."""
    import numpy as np

    order = np.argsort(values)
    places = np.searchsorted(values[order], points, side="left")
    below, above = (off, on) if line.from_above else (on, off)
    below, above = below[order], above[order]
    found = np.empty((len(points), len(OUTCOMES)), dtype=np.int64)
    for code in range(len(OUTCOMES)):
        under = np.concatenate(([0], np.cumsum(below == code)))
        over = np.concatenate(([0], np.cumsum(above == code)))
        found[:, code] = under[places] + (over[-1] - over[places])
    return found


def _right(line: Line, points: Floats, judged: Columns, probabilities: Floats, rejects: Any) -> tuple[Estimate, ...]:
    import numpy as np

    values, off, on = (np.asarray(each) for each in (judged.values, judged.off, judged.on))
    strata, places = np.unique(probabilities, return_inverse=True)
    found = []
    for point in points:
        concerned = values >= point if line.from_above else values < point
        rejected = np.where(concerned, on, off) == _REJECT if len(values) else np.zeros(0, dtype=bool)
        many, hits = (np.bincount(places[chosen], minlength=len(strata)) for chosen in (rejected, rejected & rejects))
        there = zip(strata.tolist(), many.tolist(), hits.tolist(), strict=True)
        found.append(combined([Stratum(*each) for each in there if each[1]]))
    return tuple(found)


def _zone_lines() -> tuple[Line, ...]:
    return tuple(_zone_line(label, name) for label in NSFW_LABELS for name in ("review_at", "reject_at"))


def _zone_line(label: Label, name: str) -> Line:
    def put(policy: Policy, value: float | None) -> Policy:
        zones = policy.nsfw.get(label, Zones())
        changed = replace(zones, review_at=value) if name == "review_at" else replace(zones, reject_at=value)
        return replace(policy, nsfw={**policy.nsfw, label: changed})

    return Line(f"nsfw.{label.value}.{name}", label, True, lambda policy: put(policy, None),
                lambda policy: put(policy, 0.0), put)  # fmt: skip


def _blur_lines() -> tuple[Line, ...]:
    """Neither line crosses the other: one that is moved past it takes it along, or stays where it is."""
    most = float("inf")

    def reject(policy: Policy, value: float) -> Policy:
        blur = policy.blur
        return replace(policy, blur=replace(blur, reject_below=value, review_below=max(blur.review_below, value)))

    def review(policy: Policy, value: float) -> Policy:
        blur = policy.blur
        return replace(policy, blur=replace(blur, review_below=max(blur.reject_below, value)))

    return (
        Line("blur.reject_below", Label.SHARPNESS, False, lambda p: reject(p, 0.0), lambda p: reject(p, most), reject),
        Line("blur.review_below", Label.SHARPNESS, False, lambda p: review(p, 0.0), lambda p: review(p, most), review),
    )
