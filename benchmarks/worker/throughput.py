"""Photos a minute of four workers with queue, database and objects, in turn with the ceiling on the same cores."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.queue.figures import Figure
from benchmarks.worker.ceiling import Loops, running_loops
from benchmarks.worker.load import Span, measured
from benchmarks.worker.photos import photos
from benchmarks.worker.results import Sample, judged
from benchmarks.worker.stack import Stack

SHARE, PER_MIN = 0.80, 4000.0
"""The goals."""


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of photos in batches of one size."""

    kind: str
    batch: int

    @property
    def name(self) -> str:
        return f"{self.kind}, {'single photos' if self.batch == 1 else f'batches of {self.batch}'}"


CASES = (Case("jpeg", 1), Case("jpeg", 9), Case("jpeg-12mp", 9), Case("png", 9), Case("webp", 9))


@dataclass(frozen=True, slots=True)
class Model:
    """The file and the manifest that the ceiling reads; workers find them by their settings."""

    file: Path
    manifest: Path


@dataclass(frozen=True, slots=True)
class Measured:
    """Rounds of one case: the ceiling's, and those of each stack by its name."""

    ceiling: list[Span]
    stacks: dict[str, list[Span]]
    stages: list[dict[str, float]]
    """Of the ceiling, milliseconds."""


def rounds(
    stacks: dict[str, Stack], case: Case, model: Model, number: int, seconds: float, folder: Path | None
) -> Measured:
    """The ceiling and each stack in turn, `number` times."""
    files = photos(case.kind, folder)
    keys = {name: stack.store(case.kind, files) for name, stack in stacks.items()}
    bytes_at = next(iter(stacks.values())).objects / case.kind
    found = Measured([], {name: [] for name in stacks}, [])
    with running_loops(model.file, model.manifest, bytes_at) as loops:
        for turn in range(number):
            _bare(loops, found, seconds)
            # Whoever comes first in a round comes last in the next.
            for name in list(stacks)[:: 1 if turn % 2 == 0 else -1]:
                span = measured(stacks[name], keys[name], case.batch, seconds)
                found.stacks[name].append(span)
                print(f"  {case.name}: {name} {span.per_min:,.0f} /min, {span.cpu_ms:.1f} ms of cpu", file=sys.stderr)
    return found


def fresh_rounds(
    stacks: dict[str, Stack],
    case: Case,
    model: Model,
    number: int,
    seconds: float,
    folder: Path | None,
    *,
    workers: int,
) -> Measured:
    """The same with loops and workers of their own for each round. Processes with the same large model differ by some
    per cent for as long as they live, by where their pages lie: one start each would compare that."""
    found = Measured([], {name: [] for name in stacks}, [])
    for turn in range(number):
        for stack in stacks.values():
            stack.start(workers)
        once = rounds(dict(list(stacks.items())[:: 1 if turn % 2 == 0 else -1]), case, model, 1, seconds, folder)
        for stack in stacks.values():
            stack.stop()
        found.ceiling.extend(once.ceiling)
        found.stages.extend(once.stages)
        for name, spans in once.stacks.items():
            found.stacks[name].extend(spans)
    return found


def _bare(loops: Loops, found: Measured, seconds: float) -> None:
    span, stages = loops.run(seconds)
    found.ceiling.append(span)
    found.stages.append(stages)
    print(f"  ceiling {span.per_min:,.0f} /min, {span.cpu_ms:.1f} ms of cpu", file=sys.stderr)


def figures(case: Case, found: Measured, *, share: float = SHARE, per_min: float | None = PER_MIN) -> list[Figure]:
    """What the rounds of one case come to. The first stack is ours; any other is set beside it."""
    ceiling = _rates(found.ceiling)
    made = [Figure(f"{case.name}: ceiling", ceiling.middle, "/min", note=ceiling.spread)]
    ours, *others = found.stacks
    made += _of(case, found, ours, share, per_min)
    for other in others:
        made += _of(case, found, other, None, None)
        rate = _rates(found.stacks[ours]).over(_rates(found.stacks[other]))
        cost = _costs(found.stacks[other]).over(_costs(found.stacks[ours]))
        made += [
            Figure(f"{case.name}: {ours} / {other}", rate.middle, "x", note=rate.spread),
            Figure(f"{case.name}: processor time of {other} / {ours}", cost.middle, "x", note=cost.spread),
        ]
    return made


def _of(case: Case, found: Measured, name: str, share: float | None, per_min: float | None) -> list[Figure]:
    """One stack beside the ceiling."""
    title, spans = f"{case.name}: {name}", found.stacks[name]
    rate, ratio = _rates(spans), _rates(spans).over(_rates(found.ceiling))
    thrift = _costs(found.ceiling).over(_costs(spans))
    taken = max(_others(found.ceiling), _others(spans))
    goal = "" if share is None else f"≥ {share:g}"
    fast = rate.middle >= per_min if per_min else None
    near, thrifty = (each.middle >= share if share else None for each in (ratio, thrift))
    return [
        judged(Figure(title, rate.middle, "/min", f"≥ {per_min:,.0f}" if per_min else "", fast, rate.spread), taken),
        judged(Figure(f"{title} / ceiling", ratio.middle, "x", goal, near, ratio.spread), taken),
        Figure(f"{title} / ceiling, by processor time", thrift.middle, "x", goal, thrifty, thrift.spread),
    ]


def where_it_goes(case: Case, found: Measured) -> str:
    """Milliseconds on a core for one photo: the ceiling's stages, and each stack's processes."""
    lines = [f"Milliseconds on a core for one photo ({case.name}):", "", "| who | ms |", "| --- | ---: |"]
    for name in found.stages[0]:
        lines.append(f"| ceiling, {name} | {Sample(tuple(each[name] for each in found.stages)).middle:.2f} |")
    lines.append(f"| ceiling, all | {_costs(found.ceiling).middle:.2f} |")
    for name, spans in found.stacks.items():
        for part in spans[0].cpu_s:
            values = Sample(tuple(1000 * span.cpu_s[part] / max(span.photos, 1e-9) for span in spans))
            lines.append(f"| {name}, {part} | {values.middle:.2f} |")
        lines.append(f"| {name}, all | {_costs(spans).middle:.2f} |")
    return "\n".join(lines)


def _others(spans: Sequence[Span]) -> float:
    return median(span.others for span in spans)


def _rates(spans: Sequence[Span]) -> Sample:
    return Sample(tuple(span.per_min for span in spans))


def _costs(spans: Sequence[Span]) -> Sample:
    return Sample(tuple(span.cpu_ms for span in spans))
