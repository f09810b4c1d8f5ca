"""Does a large classifier take less time for a photo when it sees several at once?

    .venv/bin/python -m benchmarks.worker.batches [--rounds 5] [--at-once 2]

The ViT-B/16 with random weights and one thread, batches of each size in turn; with `--at-once`, in so many processes
that share the memory's bandwidth. Prints milliseconds on a core for one photo, and how far scores of a batch are from
those of the same photos alone.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import onnxruntime

from benchmarks.worker import vit
from benchmarks.worker.results import Sample
from tests.services import open_folder

SIZES = (1, 2, 3, 4, 9)
PHOTOS = 6
"""In each turn, or one batch where that has more."""

Costs = dict[int, list[float]]


def costs(model: Path, rounds: int) -> tuple[Costs, float]:
    """Milliseconds on a core for one photo, by the size of the batch; and the largest difference of a score."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    chance = np.random.default_rng(1)
    photos = chance.random((max(SIZES), 3, vit.SIZE, vit.SIZE), dtype=np.float32) * 2 - 1
    found: Costs = {size: [] for size in SIZES}
    for turn in range(-1, rounds):  # the first one warms up
        for size in SIZES[:: 1 if turn % 2 else -1]:
            times, began = max(1, PHOTOS // size), time.process_time()
            for _ in range(times):
                session.run(None, {"pixels": photos[:size]})
            if turn >= 0:
                found[size].append((time.process_time() - began) * 1000 / (times * size))
    together = session.run(None, {"pixels": photos})[0]
    alone = np.concatenate(
        [session.run(None, {"pixels": photos[place : place + 1]})[0] for place in range(len(photos))]
    )
    return found, float(np.abs(together - alone).max())


def main() -> None:
    made = argparse.ArgumentParser(
        prog="benchmarks.worker.batches", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--at-once", type=int, default=1, help="processes that run together")
    options = made.parse_args()
    with open_folder("lomi-vit-") as folder, ProcessPoolExecutor(options.at_once, get_context("spawn")) as pool:
        file, _ = vit.write(folder)
        runs = [each.result() for each in [pool.submit(costs, file, options.rounds) for _ in range(options.at_once)]]
    print("| batch | ms on a core for one photo |\n| ---: | ---: |")
    for size in SIZES:
        sample = Sample(tuple(cost for found, _ in runs for cost in found[size]))
        print(f"| {size} | {sample.middle:.1f} ({sample.spread}) |")
    print(f"\nscores apart, most: {max(apart for _, apart in runs):.2g}")


if __name__ == "__main__":
    main()
