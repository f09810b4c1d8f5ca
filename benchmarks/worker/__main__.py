"""How fast do workers judge, and how far is that from what nobody can avoid?

    .venv/bin/python -m benchmarks.worker [--only throughput] [--rounds 5] [--seconds 12] [--photos FOLDER]
    .venv/bin/python -m benchmarks.worker --beside ../other-checkout --only throughput --case jpeg/9

Starts servers of its own and real workers with the small detector (`lomi models add nudenet-320n --accept-licence`).
The ceiling and whatever else is compared run in turn in the same run; only their ratios compare between machines.
Nothing else should run. Prints Markdown; `--json FILE` keeps the figures, `--against FILE` sets them beside a kept run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import ExitStack
from importlib import resources
from pathlib import Path

from benchmarks.worker import throughput
from benchmarks.worker.results import Report, against, machine
from benchmarks.worker.stack import HERE, Stack, running_stack
from benchmarks.worker.throughput import CASES, Case, Model
from lomi_ops.config import model_files

DETECTOR = "nudenet-320n"


def throughput_of(options: argparse.Namespace, report: Report) -> None:
    """The small detector."""
    model = detector()
    trees = {"lomi": HERE} | ({"beside": options.beside.resolve()} if options.beside else {})
    with ExitStack() as opened:
        stacks: dict[str, Stack] = {}
        for name, tree in trees.items():
            stacks[name] = opened.enter_context(running_stack(tree))
            stacks[name].start(options.workers)
        for case in options.case or CASES:
            found = throughput.rounds(stacks, case, model, options.rounds, options.seconds, options.photos)
            report.add(*throughput.figures(case, found))
            report.tables.append(throughput.where_it_goes(case, found))


MEASUREMENTS: dict[str, Callable[[argparse.Namespace, Report], None]] = {
    "throughput": throughput_of,
}


def detector() -> Model:
    manifest, path, _ = model_files.require(DETECTOR, None)
    with resources.as_file(resources.files("lomi_ops.config") / "catalogue" / f"{manifest.name}.yaml") as file:
        return Model(path, Path(file))


def case(text: str) -> Case:
    kind, _, batch = text.partition("/")
    return Case(kind, int(batch or 9))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="benchmarks.worker", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--only", choices=MEASUREMENTS, action="append", help="this one; may be said again")
    made.add_argument("--case", type=case, action="append", help="KIND/BATCH, such as jpeg/9; may be said again")
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--seconds", type=float, default=12.0, help="of each contender in each round")
    made.add_argument("--workers", type=int, default=4)
    made.add_argument("--photos", type=Path, help="folder of photos to use instead of the package's")
    made.add_argument("--beside", type=Path, help="another checkout, whose workers take turns with ours")
    made.add_argument("--json", type=Path, help="file that keeps the figures")
    made.add_argument("--against", type=Path, help="file of an earlier run, to be set beside this one")
    return made


def main() -> None:
    options = parser().parse_args()
    report, about = Report(), machine(HERE)
    for name, measure in MEASUREMENTS.items():
        if not options.only or name in options.only:
            print(f"{name} …", file=sys.stderr)
            measure(options, report)
    print(report.text(about))
    if options.json:
        report.save(options.json, about)
    if options.against:
        print("\n" + against(report.figures, options.against))


if __name__ == "__main__":
    main()
