"""What a worker does that somebody writes in an afternoon: one photo after another, and a nap of 0.1 s after each.

`python -m benchmarks.worker.rivals.plain_loop MODEL SIZE FOLDER` runs a classifier through ONNX Runtime, with the
threads that it takes by itself. Speaks as `benchmarks/worker/ceiling.py` does.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

NAP_S = 0.1


def main() -> None:
    model, size, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    files = sorted(folder.iterdir())
    for line in sys.stdin:
        count, began, spent = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - began < float(line):
            with Image.open(files[count % len(files)]) as photo:
                square = photo.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
            planes = (np.asarray(square, dtype=np.float32) / 127.5 - 1).transpose(2, 0, 1)[None]
            session.run(None, {name: planes})
            time.sleep(NAP_S)
            count += 1
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - spent
        print(json.dumps({"photos": count, "wall_s": wall_s, "cpu_s": cpu_s, "stages": {"all": cpu_s}}), flush=True)


if __name__ == "__main__":
    main()
