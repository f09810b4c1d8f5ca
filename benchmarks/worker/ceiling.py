"""The ceiling: a bare loop that does to the same bytes what nobody can avoid, and nothing else.

`python -m benchmarks.worker.ceiling MODEL MANIFEST FOLDER` is one such loop. It reads a number of seconds from its
input, loops over the files of the folder for so long, and answers with a line of JSON.

Decoding is Pillow's, whose memory is read where it lies; the resize takes four source pixels for each pixel of the
model's input, in C; the blur is measured as documented, over the whole photo; inference is the model, with one thread.
There is no hash, no limit, no check of an answer, no second look at a face, no fingerprint, no decision, no log, no
queue and no database.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

from benchmarks.worker import processes
from benchmarks.worker.load import Span
from lomi_ops.config.manifest import read_manifest
from lomi_ops.imaging.pixels import samples_of
from worker.engines.blur import SIDE, measure
from worker.judging.host import KEPT_PAGES, ONE_THREAD

STAGES = ("decode", "blur", "resize", "inference")


@dataclass
class Bare:
    """The loop's body for one model."""

    session: Any
    name: str
    size: int
    stride: int

    @classmethod
    def of(cls, model: Path, manifest: Path) -> Bare:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        spec = read_manifest(manifest).input
        return cls(session, session.get_inputs()[0].name, spec.size, spec.resize.stride or spec.size)

    def photo(self, data: bytes) -> list[float]:
        """Everything for one photo; seconds on a core at the moments between its stages."""
        clock = [time.process_time()]
        file = Image.open(io.BytesIO(data))
        file.load()
        image: Image.Image = file if file.mode == "RGB" else file.convert("RGB")
        samples = samples_of(image)
        clock.append(time.process_time())
        measure(samples, SIDE)
        clock.append(time.process_time())
        tensor = self.tensor(image)
        clock.append(time.process_time())
        self.session.run(None, {self.name: tensor})
        clock.append(time.process_time())
        return clock

    def tensor(self, image: Image.Image) -> Any:
        """Four source pixels for each of the input's, padded at the right and below to the model's stride, where it has
        one, or else to the square; then as numbers from 0 to 1."""
        scale = max(image.size) / self.size
        matrix = (scale, 0.0, 0.0, 0.0, scale, 0.0)
        wide, tall = (-(-round(side / scale) // self.stride) * self.stride for side in image.size)
        square = image.transform((wide, tall), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
        planes = np.asarray(square).transpose(2, 0, 1).astype(np.float32)
        planes *= np.float32(1 / 255)
        return planes[None]


@dataclass
class Loops:
    """One loop on each core, waiting to be told to run."""

    processes: list[subprocess.Popen[str]]

    def run(self, seconds: float) -> tuple[Span, dict[str, float]]:
        """All of them at once; what they did together, and milliseconds of one photo by stage."""
        busy_s = processes.busy_s()
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(f"{seconds}\n")
            process.stdin.flush()
        answers = []
        for process in self.processes:
            assert process.stdout is not None
            answers.append(json.loads(process.stdout.readline()))
        count = sum(answer["photos"] for answer in answers)
        wall_s = max(answer["wall_s"] for answer in answers)
        spent = sum(answer["cpu_s"] for answer in answers)
        span = Span(count, wall_s, {"loop": spent}, max(0.0, processes.busy_s() - busy_s - spent))
        names = answers[0]["stages"]
        stages = {name: sum(answer["stages"][name] for answer in answers) * 1000 / count for name in names}
        return span, stages


@contextmanager
def running_loops(model: Path, manifest: Path, folder: Path, count: int = 0) -> Iterator[Loops]:
    """`count` loops, one for each core where it is 0, warmed up and asleep."""
    command = [sys.executable, "-m", "benchmarks.worker.ceiling", str(model), str(manifest), str(folder)]
    with running(command, count or len(os.sched_getaffinity(0)), KEPT_PAGES | ONE_THREAD) as loops:
        yield loops


@contextmanager
def running(command: Sequence[str], count: int, environment: Mapping[str, str]) -> Iterator[Loops]:
    """Processes that speak as this module's do."""
    with ExitStack() as opened:
        loops = Loops([])
        for _ in range(count):
            process = subprocess.Popen(
                command, env=os.environ | environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            opened.callback(process.wait)
            opened.callback(process.kill)
            loops.processes.append(process)
        loops.run(0.5)
        yield loops


def loop(bare: Bare, files: Sequence[bytes], seconds: float, first: int) -> dict[str, Any]:
    """The files in turn for so long, from the one of that number on; one at least."""
    stages, count = dict.fromkeys(STAGES, 0.0), 0
    began, spent = time.perf_counter(), time.process_time()
    while not count or time.perf_counter() - began < seconds:
        clock = bare.photo(files[(first + count) % len(files)])
        for name, start, end in zip(STAGES, clock, clock[1:], strict=False):
            stages[name] += end - start
        count += 1
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - spent
    return {"photos": count, "wall_s": wall_s, "cpu_s": cpu_s, "stages": stages}


def main() -> None:
    model, manifest, folder = (Path(word) for word in sys.argv[1:4])
    bare = Bare.of(model, manifest)
    files = [each.read_bytes() for each in sorted(folder.iterdir())]
    done = 0
    for line in sys.stdin:
        answer = loop(bare, files, float(line), done)
        done += answer["photos"]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
