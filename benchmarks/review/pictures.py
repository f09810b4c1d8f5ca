"""Draws the pictures of `docs/review.md` anew: `python -m benchmarks.review.pictures docs/images`.

The app on a real database, at sizes that a page has room for. The photograph is NASA's portrait of an astronaut, in the
public domain.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from lomi_ops.db.bootstrap import prepare
from lomi_ops.domain.verdict import FailureCode
from lomi_ops.tui.review.app import ReviewApp
from tests import services
from tests.review_room import Room, evidence

_ELSEWHERE = re.compile(r"@font-face \{.*?\}\s*|<!--.*?-->", re.DOTALL)


def fill(room: Room) -> None:
    owner = room.user("Selam")
    room.batch([evidence(), evidence(sharpness=290)], user=owner)
    room.batch([evidence(age=(15, 20))])
    room.batch([FailureCode.TRUNCATED])
    room.batch([evidence(sharpness=44), evidence(porn=0.45)])
    odd = [evidence(sharpness=21), evidence(porn=0.72), evidence(faces=2), evidence(sharpness=41)]
    ids = room.batch([*odd, *[evidence(sharpness=18 + n) for n in range(5)]], user=owner)
    room.desk("Abel").note("asked for a new photo last week", media_id=ids[-1])


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    for _ in range(2000):
        await pilot.pause(0.01)
        if condition():
            return
    raise TimeoutError("the app does not get there")


async def shoot(room: Room, folder: Path, size: tuple[int, int], names: tuple[str, str, str]) -> None:
    """One photo behind its veil, revealed with boxes, and its batch."""
    app = room.app()
    async with app.run_test(size=size) as pilot:
        state, picture = app.reviewing, app.query_one("#photo")
        await until(pilot, lambda: state.looking.stories and state.state.counts and getattr(picture, "drawn").strips)  # noqa: B009
        save(app, folder, names[0])
        await pilot.press("r", "x")
        await until(pilot, lambda: state.table.items[0].revealed)
        await pilot.pause(1.0)
        save(app, folder, names[1])
        await pilot.press("x", "g")
        await until(pilot, lambda: state.table.grid)
        state.move(-9)
        await pilot.press("space", "right", "right", "space", "a")
        await until(pilot, lambda: state.deciding.steps)
        await pilot.pause(1.5)
        save(app, folder, names[2])
        await pilot.press("u")
        await until(pilot, lambda: not state.deciding.steps)


def save(app: ReviewApp, folder: Path, name: str) -> None:
    """Without fonts from elsewhere: whoever reads the page has one."""
    if name:
        text = _ELSEWHERE.sub("", app.export_screenshot(title="lomi review")).replace("Fira Code", "monospace")
        (folder / f"{name}.svg").write_text(text)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with services.running_postgres() as url, tempfile.TemporaryDirectory() as objects:
        prepare(url)
        room = Room(url, Path(objects))
        room.plain.execute("ALTER ROLE lomi SET search_path = public")
        room.close()
        room = Room(url, Path(objects))
        fill(room)
        asyncio.run(shoot(room, folder, (110, 34), ("review-veiled", "review-revealed", "review-batch")))
        asyncio.run(shoot(room, folder, (48, 24), ("review-narrow", "", "")))
        room.close()


if __name__ == "__main__":
    main()
