"""A worker without work: says that it is ready and waits. `FOLDER/worker.mode` makes it `broken` or `stubborn`."""

import os
import signal
import sys
from pathlib import Path

folder = Path(sys.argv[1])
mode = folder / "worker.mode"
how = mode.read_text().strip() if mode.exists() else ""
if how == "broken":
    print("error: no NSFW model is installed", file=sys.stderr)
    print("  try: lomi models add", file=sys.stderr)
    sys.exit(2)

signal.signal(signal.SIGTERM, signal.SIG_IGN if how == "stubborn" else lambda *_: sys.exit(0))
(folder / "objects" / f"seen-by-{os.getpid()}").write_text("\n".join(f"{k}={v}" for k, v in os.environ.items()))
print("NSFW model loaded successfully", flush=True)
while True:
    signal.pause()
