"""Draws the pictures of `docs/top.md` anew, of a local stack that runs and has work:

lomi up --data FOLDER --workers 2; lomi e2e 9 PHOTO... --data FOLDER     (a few times, meanwhile)
python -m benchmarks.top.pictures docs/images FOLDER
"""

from __future__ import annotations

import asyncio
import re
import sys
from contextlib import ExitStack
from pathlib import Path

from lomi_ops.cli import session, top_live
from lomi_ops.cli.options import Common
from lomi_ops.tui.top.app import TopApp
from lomi_ops.tui.top.options import Options
from lomi_ops.tui.top.stage import Stage

_ELSEWHERE = re.compile(r"@font-face \{.*?\}\s*|<!--.*?-->", re.DOTALL)


async def shoot(app: TopApp, folder: Path, size: tuple[int, int], seconds: float, names: dict[str, str]) -> None:
    """A picture after each key."""
    async with app.run_test(size=size) as pilot:
        await pilot.pause(seconds)
        for key, name in names.items():
            await pilot.press(key)
            await pilot.pause(1.5)
            text = _ELSEWHERE.sub("", app.export_screenshot(title="lomi top")).replace("Fira Code", "monospace")
            (folder / f"{name}.svg").write_text(text)


def main() -> None:
    folder, data = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    common = Common(data=data)
    for size, seconds, names in (
        ((150, 44), 40.0, {"0": "top-all"}), ((80, 24), 40.0, {"0": "top-narrow", "4": "top-latency", "8": "top-jobs"}),
    ):  # fmt: skip
        with session.opened(common, "redis", "database") as runtime, ExitStack() as stack:
            source = top_live.source_of(stack, runtime, common)
            asyncio.run(shoot(TopApp(source, Stage(None), Options()), folder, size, seconds, names))


if __name__ == "__main__":
    main()
