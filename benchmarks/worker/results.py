"""Figures as a table, as a file, and beside those of another run."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy
import onnxruntime
import PIL

from benchmarks.queue.figures import Figure, table


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured several times in turn with others."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        return float(median(self.values))

    @property
    def spread(self) -> str:
        """From the least to the most."""
        return f"{shown(min(self.values))} to {shown(max(self.values))}"

    def over(self, other: Sample) -> Sample:
        """Round by round, so that what slowed a round down slowed both."""
        return Sample(tuple(mine / theirs for mine, theirs in zip(self.values, other.values, strict=True)))


QUIET = 0.1
"""Cores that others may take. With more, a rate tells who got how much of the machine, and a stack has many processes;
a wait tells who stood in line. Then only processor time compares."""


def judged(figure: Figure, others: float) -> Figure:
    """The figure without an answer where somebody else took part of the machine meanwhile."""
    if figure.meets is None or others <= QUIET:
        return figure
    note = "; ".join(part for part in (figure.note, f"no answer: others took {others:.2f} cores") if part)
    return replace(figure, meets=None, note=note)


def shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


@dataclass
class Report:
    """Everything that a run found out."""

    figures: list[Figure] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    """Further Markdown, in the order found."""

    def add(self, *figures: Figure) -> None:
        self.figures += figures

    def text(self, about: dict[str, str]) -> str:
        machine = ", ".join(f"{name} {value}" for name, value in about.items())
        return "\n\n".join([machine, table(self.figures), *self.tables])

    def save(self, file: Path, about: dict[str, str]) -> None:
        body = {"machine": about, "figures": [asdict(figure) for figure in self.figures]}
        file.write_text(json.dumps(body, indent=2) + "\n")


def against(figures: Sequence[Figure], file: Path) -> str:
    """The figures of this run beside those of a file, in Markdown."""
    earlier: dict[str, Any] = {each["what"]: each for each in json.loads(file.read_text())["figures"]}
    lines = ["| what | before | now | change |", "| --- | ---: | ---: | ---: |"]
    for figure in figures:
        if (old := earlier.get(figure.what)) and old["value"]:
            change = figure.value / old["value"] - 1
            lines.append(f"| {figure.what} | {shown(old['value'])} | {figure.shown} {figure.unit} | {change:+.1%} |")
    return "\n".join(lines)


def machine(tree: Path) -> dict[str, str]:
    """What figures depend on, and nothing that names the place."""
    return {
        "commit": commit(tree),
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": _processor(),
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "pillow": PIL.__version__,
        "numpy": numpy.__version__,
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def commit(tree: Path) -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=tree, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    lines = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return lines[0].partition(":")[2].strip() if lines else platform.machine()
