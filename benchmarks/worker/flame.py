"""Where the time of a busy worker goes, as a flame graph: `python -m benchmarks.worker.flame OUT [--seconds 25]`.

One worker of this checkout with a full list, sampled by py-spy, which is no dependency of ours: `--py-spy` says where
it lies. Stacks that only wait are left out; width is time, and less than a three-hundredth is not drawn.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from benchmarks.worker.load import measured
from benchmarks.worker.photos import photos
from benchmarks.worker.stack import running_stack

WIDTH, ROW, LETTER = 1000.0, 17, 5.6
LEAST = 1 / 300
_FRAME = re.compile(r"(?P<name>.+) \((?P<path>[^()]+?)(?::\d+)?\)")
_WAITS = (
    "PyThread_acquire_lock_timed",
    "_ConnectionBase.poll",
    "select_poll_poll",
    "sock_recv",
    "select_epoll",
    "os_read",
    "poll (libc",
    "pthread_cond_timedwait (libc",
)
"""Frames below which nothing is done. py-spy cannot tell it by itself where it also looks at native frames. Of what
`os_read` reads from the other process, copying is not worth a line."""
_JUDGING = "worker.judging.child"
_WAY_IN = ("<module>", "main", "_serve")


@dataclass(slots=True)
class Frame:
    """A function, and what it called."""

    samples: int = 0
    below: dict[str, Frame] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        return 1 + max((each.depth for each in self.below.values()), default=0)


def read(text: str) -> Frame:
    """Of py-spy's raw format, a stack and its samples a line."""
    root = Frame()
    for line in text.splitlines():
        stack, _, number = line.rpartition(" ")
        frames = stack.split(";")
        if any(each.startswith(_WAITS) for each in frames):
            continue
        for place in _visited(root, _named(frames)):
            place.samples += int(number)
    return root


def _visited(root: Frame, names: Sequence[str]) -> Iterator[Frame]:
    yield root
    for name in names:
        root = root.below.setdefault(name, Frame())
        yield root


def _named(frames: Sequence[str]) -> list[str]:
    """From the first function of ours on, without addresses and lines."""
    found = [match for each in frames if (match := _FRAME.fullmatch(each)) and not each.startswith(("0x", "process "))]
    ours = (at for at, each in enumerate(found) if each["path"].startswith("worker/") and each["name"] not in _WAY_IN)
    known = [each for each in found[next(ours, len(found)) :] if "<locals>.<" not in each["name"]]
    names = [f"{each['name']} ({each['path'].rpartition('/')[2]})" for each in known]
    return ["judging process", *names] if any(_JUDGING in each for each in frames) else names


def drawn(root: Frame) -> str:
    """SVG, the outermost function on top."""
    height = ROW * root.depth
    lines = list(_boxes(root, "worker", 0.0, 0, root.samples))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height}" font-family="sans-serif"'
    return "\n".join(
        [f'{head} font-size="11"><rect width="{WIDTH:.0f}" height="{height}" fill="#fff"/>', *lines, "</svg>\n"]
    )


def _boxes(frame: Frame, name: str, left: float, row: int, all_: int) -> Iterator[str]:
    share = frame.samples / max(1, all_)
    if share < LEAST:
        return
    width, hue = WIDTH * share, 30 + zlib.crc32(name.encode()) % 26
    label = name[: int((width - 4) / LETTER)]
    words = f'<text x="{left + 2:.1f}" y="{ROW * row + 12}">{escape(label)}</text>' if len(label) > 3 else ""
    yield (
        f"<g><title>{escape(name)}, {share:.1%}</title>"
        f'<rect x="{left:.1f}" y="{ROW * row}" width="{max(0.0, width - 0.4):.1f}" height="{ROW - 1}"'
        f' fill="hsl({hue} 85% 70%)"/>{words}</g>'
    )
    for inner, each in sorted(frame.below.items()):
        yield from _boxes(each, inner, left, row + 1, all_)
        left += WIDTH * each.samples / max(1, all_)


def recorded(py_spy: str, seconds: int) -> str:
    with running_stack() as stack, tempfile.NamedTemporaryFile("r", suffix=".txt") as kept:
        keys = stack.store("jpeg", photos("jpeg", None))
        stack.start(1)
        how = ["--format", "raw", "--function", "--native", "--subprocesses", "--duration", str(seconds)]
        spy = subprocess.Popen([py_spy, "record", *how, "--output", kept.name, "--pid", str(stack.workers[0].pid)])
        measured(stack, keys, 9, seconds + 2)
        if spy.wait():
            raise SystemExit("py-spy has recorded nothing")
        return Path(kept.name).read_text("utf-8")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("out", type=Path)
    asked.add_argument("--seconds", type=int, default=25)
    asked.add_argument("--py-spy", default="py-spy", metavar="PROGRAM")
    wanted = asked.parse_args()
    root = read(recorded(wanted.py_spy, wanted.seconds))
    wanted.out.write_text(drawn(root), "utf-8")
    print(f"{root.samples} samples, {wanted.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
