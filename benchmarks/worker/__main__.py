"""How fast do workers judge, and how far is that from what nobody can avoid?

    .venv/bin/python -m benchmarks.worker [--only throughput] [--rounds 5] [--seconds 12] [--photos FOLDER]
    .venv/bin/python -m benchmarks.worker --beside ../other-checkout --only throughput --case jpeg/9

Starts servers of its own and real workers with the small detector (`lomi models add nudenet-320n --accept-licence`).
The ceiling and whatever else is compared run in turn in the same run; only their ratios compare between machines.
Nothing else should run. Prints Markdown; `--json FILE` keeps the figures, `--against FILE` sets them beside a kept run.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import resources
from pathlib import Path

from benchmarks.worker import compreface, latency, memory, peers, scaling, throughput, vit
from benchmarks.worker.ceiling import Loops, running_loops
from benchmarks.worker.load import measured
from benchmarks.worker.photos import photos
from benchmarks.worker.results import Report, against, machine
from benchmarks.worker.stack import HERE, Stack, running_stack
from benchmarks.worker.throughput import CASES, Case, Model
from lomi_ops.config import model_files
from tests.services import open_folder

DETECTOR = "nudenet-320n"
WORKERS = 4
"""More than cores: they wait for others, too. A large model only computes, so one for each core does best."""


def throughput_of(options: argparse.Namespace, report: Report) -> None:
    """The small detector."""
    model = detector()
    with ExitStack() as opened:
        stacks: dict[str, Stack] = {}
        for name, tree in _trees(options, "lomi").items():
            stacks[name] = opened.enter_context(running_stack(tree))
            stacks[name].start(options.workers or WORKERS)
        for case in options.case or CASES:
            found = throughput.rounds(stacks, case, model, options.rounds, options.seconds, options.photos)
            report.add(*throughput.figures(case, found))
            report.tables.append(throughput.where_it_goes(case, found))


def _trees(options: argparse.Namespace, ours: str) -> dict[str, Path]:
    """The checkouts whose workers take turns, by the names in the tables."""
    return {ours: HERE} | ({"beside": options.beside.resolve()} if options.beside else {})


@contextmanager
def judging(
    options: argparse.Namespace, workers: int, kind: str = "jpeg", loops: int = 0
) -> Iterator[tuple[Stack, Loops, list[str]]]:
    """Workers with the small detector, the ceiling over the same files, and their keys."""
    model = detector()
    with running_stack() as stack:
        keys = stack.store(kind, photos(kind, options.photos))
        with running_loops(model.file, model.manifest, stack.objects / kind, loops) as ceiling:
            stack.start(workers)
            yield stack, ceiling, keys


def latency_of(options: argparse.Namespace, report: Report) -> None:
    """Idle, and while 70 % of what these workers can do comes in."""
    with judging(options, options.workers or WORKERS, loops=1) as (stack, loops, keys):
        report.add(*latency.idle_figures(stack, loops, keys, 4 * options.rounds))
        most = measured(stack, keys, 9, options.seconds)
        took = latency.loaded(stack, keys, 1, 0.7 * most.photos / most.wall_s, 4 * options.seconds)
        report.add(*latency.loaded_figures("one photo at 70 % load, upload to decision", took, 0.99, 1.8))


def memory_of(options: argparse.Namespace, report: Report) -> None:
    """One worker; photos of all sizes and formats, then JPEGs of 12 megapixels alone."""
    for kind, share in (("mixed", 1.0), ("jpeg-12mp", 0.02)):
        with judging(options, 1, kind) as (stack, _, keys):
            limit_s = 60 * options.memory_minutes * share
            found = memory.followed(stack, keys, round(share * options.memory_photos), limit_s)
            report.add(*memory.figures(kind, found))
            report.tables.append(memory.course(kind, found))


def scaling_of(options: argparse.Namespace, report: Report) -> None:
    """From one worker to eight."""
    with judging(options, 0) as (stack, loops, keys):
        figures, lines = scaling.curve(stack, loops, keys, options.rounds, options.seconds)
    report.add(*figures)
    report.tables.append("\n".join(lines))


def peers_of(options: argparse.Namespace, report: Report) -> None:
    """The library that the small detector comes from."""
    with judging(options, options.workers or WORKERS, loops=1) as (stack, _, keys):
        folder = stack.objects / "jpeg"
        report.add(*peers.nudenet(stack, keys, folder, options.rounds, options.seconds))


def vit_of(options: argparse.Namespace, report: Report) -> None:
    """A large classifier beside its ceiling, and beside plain loops with the same network."""
    count = options.workers or len(os.sched_getaffinity(0))
    with ExitStack() as opened:
        folder = opened.enter_context(open_folder("lomi-vit-"))
        file, manifest = vit.write(folder)
        stacks = {
            name: opened.enter_context(running_stack(tree, vit.settings(folder, manifest)))
            for name, tree in _trees(options, "ViT").items()
        }
        case, model = Case("jpeg", 9), Model(file, manifest)
        found = throughput.fresh_rounds(
            stacks, case, model, options.rounds, options.seconds, options.photos, workers=count
        )
        report.add(*throughput.figures(case, found, share=0.95, per_min=None))
        report.tables.append(throughput.where_it_goes(case, found))
        if not options.beside:
            _vit_peers(options, report, stacks["ViT"], file, count)


def _vit_peers(options: argparse.Namespace, report: Report, stack: Stack, file: Path, count: int) -> None:
    """Plain loops with the same network."""
    stack.start(count)
    keys, photos_at = [f"jpeg/{place}.bin" for place in range(9)], stack.objects / "jpeg"
    report.add(*peers.plain(stack, keys, photos_at, file, vit.SIZE, options.rounds, options.seconds))
    if why := peers.why_no_torch(options.torch_python):
        report.tables.append(why)
        return
    report.add(*peers.torch(stack, keys, photos_at, options.torch_python, options.rounds, options.seconds))


def compreface_of(options: argparse.Namespace, report: Report) -> None:
    """With a face service that bounds everything."""
    with compreface.with_faces(options.workers or WORKERS) as stack:
        keys = stack.store("jpeg", photos("jpeg", options.photos))
        report.add(*compreface.figures(stack, keys, options.rounds, options.seconds))


MEASUREMENTS: dict[str, Callable[[argparse.Namespace, Report], None]] = {
    "throughput": throughput_of,
    "latency": latency_of,
    "peers": peers_of,
    "vit": vit_of,
    "compreface": compreface_of,
    "scaling": scaling_of,
    "memory": memory_of,
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
    made.add_argument("--workers", type=int, help=f"{WORKERS}; for the ViT one for each core")
    made.add_argument("--memory-photos", type=int, default=50_000, help="judged while memory is followed")
    made.add_argument("--memory-minutes", type=float, default=90.0, help="after which memory is no longer followed")
    made.add_argument("--photos", type=Path, help="folder of photos to use instead of the package's")
    made.add_argument("--beside", type=Path, help="another checkout, whose workers take turns with ours")
    made.add_argument("--torch-python", type=Path, help="a Python with torch, for the loop in PyTorch beside the ViT")
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
    about["load after"] = f"{os.getloadavg()[0]:.1f}"
    print(report.text(about))
    if options.json:
        report.save(options.json, about)
    if options.against:
        print("\n" + against(report.figures, options.against))


if __name__ == "__main__":
    main()
