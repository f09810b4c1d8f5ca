"""An environment for each of the other libraries, built once below `.venv/bench` from its pinned requirements."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOLDER = ROOT / ".venv" / "bench"
RIVALS = ("rq", "arq", "saq", "dramatiq")


def python_of(name: str, requirements: Path = HERE / "requirements") -> Path:
    """The interpreter that has this library; builds its environment where it is missing or its pins have changed."""
    pins = requirements / f"{name}.txt"
    folder, stamp = FOLDER / name, FOLDER / f"{name}.sha1"
    digest = hashlib.sha1(pins.read_bytes(), usedforsecurity=False).hexdigest()
    python = folder / "bin" / "python"
    if not (python.exists() and stamp.exists() and stamp.read_text() == digest):
        print(f"building an environment for {name}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--disable-pip-version-check",
             "--no-deps", "-r", pins], check=True, stdout=sys.stderr,
        )  # fmt: skip
        stamp.write_text(digest)
    return python


def version_of(name: str) -> str:
    """As pinned."""
    lines = (HERE / "requirements" / f"{name}.txt").read_text().split()
    return next(line.partition("==")[2] for line in lines if line.startswith(f"{name}=="))
