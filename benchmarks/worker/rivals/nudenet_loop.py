"""The nudenet library called in a loop, as its page shows it: `python nudenet_loop.py FOLDER`, in its own environment.

Speaks as `benchmarks/worker/ceiling.py` does: a number of seconds comes in, a line of JSON goes out. It detects, and
does nothing else: no blur, no limits, no queue, no database.
"""

import json
import sys
import time
from pathlib import Path

from nudenet import NudeDetector


def main() -> None:
    detector = NudeDetector()
    files = [str(each) for each in sorted(Path(sys.argv[1]).iterdir())]
    for line in sys.stdin:
        count, began, spent = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - began < float(line):
            detector.detect(files[count % len(files)])
            count += 1
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - spent
        print(json.dumps({"photos": count, "wall_s": wall_s, "cpu_s": cpu_s, "stages": {"all": cpu_s}}), flush=True)


if __name__ == "__main__":
    main()
