"""Workers with all their guarantees beside what others do without any, in turn in one run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.queue.environments import python_of
from benchmarks.queue.figures import Figure
from benchmarks.worker.ceiling import Loops, running
from benchmarks.worker.load import Span, measured
from benchmarks.worker.results import Sample, judged
from benchmarks.worker.stack import Stack

HERE = Path(__file__).parent


def nudenet(stack: Stack, keys: Sequence[str], folder: Path, rounds: int, seconds: float) -> list[Figure]:
    """The library in a loop, with the threads that it takes by itself."""
    python = python_of("nudenet", HERE / "requirements")
    with running([str(python), str(HERE / "rivals" / "nudenet_loop.py"), str(folder)], 1, {}) as loop:
        return _figures("nudenet in a loop", *_turns(stack, keys, loop, rounds, seconds), 1.0)


def plain(stack: Stack, keys: Sequence[str], folder: Path, model: Path, size: int, rounds: int, seconds: float
          ) -> list[Figure]:  # fmt: skip
    """A loop with the same classifier and a nap after each photo."""
    command = [sys.executable, "-m", "benchmarks.worker.rivals.plain_loop", str(model), str(size), str(folder)]
    with running(command, 1, {}) as loop:
        return _figures("plain loop, ViT-B/16", *_turns(stack, keys, loop, rounds, seconds), 1.0)


def torch(stack: Stack, keys: Sequence[str], folder: Path, python: Path, rounds: int, seconds: float) -> list[Figure]:
    """The same classifier in PyTorch, one job after another with a nap between them."""
    with running([str(python), str(HERE / "rivals" / "torch_loop.py"), str(folder)], 1, {}) as loop:
        return _figures("PyTorch loop, ViT-B/16", *_turns(stack, keys, loop, rounds, seconds), 1.0)


def why_no_torch(python: Path | None) -> str:
    """Why that Python cannot run the loop; nothing where it can."""
    if python is None:
        return "not measured: the loop in PyTorch needs --torch-python, a Python with torch, numpy and Pillow"
    try:
        done = subprocess.run([str(python), "-c", "import torch, numpy, PIL"], capture_output=True, text=True)
    except OSError as refused:
        return f"not measured: the loop in PyTorch: {python} does not start: {refused.strerror}"
    last = (done.stderr.strip() or "no reason given").splitlines()[-1]
    return f"not measured: the loop in PyTorch: {python}: {last}" if done.returncode else ""


def _turns(
    stack: Stack, keys: Sequence[str], loop: Loops, rounds: int, seconds: float
) -> tuple[list[Span], list[Span]]:
    ours, theirs = [], []
    loop.run(1.0)
    for _ in range(rounds):
        theirs.append(loop.run(seconds)[0])
        ours.append(measured(stack, keys, 9, seconds))
        print(f"  {ours[-1].per_min:,.0f} /min against {theirs[-1].per_min:,.0f}", file=sys.stderr)
    return ours, theirs


def _figures(what: str, ours: Sequence[Span], theirs: Sequence[Span], least: float) -> list[Figure]:
    rate, other = (Sample(tuple(span.per_min for span in spans)) for spans in (ours, theirs))
    cost, other_cost = (Sample(tuple(span.cpu_ms for span in spans)) for spans in (ours, theirs))
    faster, cheaper = rate.over(other), other_cost.over(cost)
    taken = Sample(tuple(span.others for span in (*ours, *theirs))).middle
    made = [
        Figure(what, other.middle, "/min", note=other.spread),
        Figure(f"lomi / {what}", faster.middle, "x", f"> {least:g}", faster.middle > least, faster.spread),
        Figure(f"processor time of {what} / lomi", cheaper.middle, "x", note=cheaper.spread),
    ]
    return [judged(figure, taken) for figure in made]
