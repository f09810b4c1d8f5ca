"""What the terminal can draw, found out before anything else reads from it."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import sys
import termios
import time
import tty
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Images(StrEnum):
    """How photos are shown."""

    AUTO = "auto"
    KITTY = "kitty"
    SIXEL = "sixel"
    BLOCKS = "blocks"
    """Two pixels in each character cell: any terminal with colours."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Screen:
    """How a photo gets onto this terminal."""

    images: Images
    cell: tuple[int, int]
    """Width and height of a character in pixels."""


_QUESTIONS = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[16t\x1b[c"
"""Kitty's graphics? How large is a character? What else can you do? Every terminal answers the last one."""
_LAST_ANSWER = re.compile(rb"\x1b\[\?([0-9;]*)c")
_CELL = re.compile(rb"\x1b\[6;(\d+);(\d+)t")
_SIXEL = b"4"
_PATIENCE_S = 0.25
_USUAL_CELL = (10, 20)


def look(wish: Images, environ: Mapping[str, str], ask: Callable[[], bytes] | None = None) -> Screen:
    """Asks the terminal unless the wish settles it. Under tmux, screen and ssh photos are drawn as blocks: what sits in
    between drops or garbles the rest."""
    if wish in (Images.NONE, Images.BLOCKS) or (wish is Images.AUTO and _between(environ)):
        return Screen(Images.BLOCKS if wish is Images.AUTO else wish, _USUAL_CELL)
    answer = (ask or _asked)()
    return Screen(judged(answer) if wish is Images.AUTO else wish, _cell(answer))


def judged(answer: bytes) -> Images:
    """Sixel first: some terminals that know Kitty's protocol do not know its placeholders, but know Sixel, and Kitty
    itself knows no Sixel."""
    told = _LAST_ANSWER.search(answer)
    if told and _SIXEL in told[1].split(b";")[1:]:
        return Images.SIXEL
    return Images.KITTY if b"\x1b_Gi=31;OK" in answer else Images.BLOCKS


def _between(environ: Mapping[str, str]) -> bool:
    if any(environ.get(name) for name in ("TMUX", "STY", "SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")):
        return True
    return environ.get("TERM", "").startswith(("tmux", "screen"))


def _cell(answer: bytes) -> tuple[int, int]:
    if told := _CELL.search(answer):
        height, width = int(told[1]), int(told[2])
        if 2 <= width <= 100 and 2 <= height <= 200:
            return width, height
    return _from_driver() or _USUAL_CELL


def _from_driver() -> tuple[int, int] | None:
    try:
        packed = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
    except (OSError, ValueError):
        return None
    rows, columns, width, height = struct.unpack("HHHH", packed)
    return (width // columns, height // rows) if rows and columns and width and height else None


def _asked() -> bytes:
    """What the terminal answers within a quarter of a second. Nothing typed meanwhile is lost to a later command."""
    try:
        source, target = sys.stdin.fileno(), sys.stdout.fileno()
        before = termios.tcgetattr(source)
    except (OSError, ValueError, termios.error):
        return b""
    answer = b""
    try:
        tty.setcbreak(source, termios.TCSANOW)
        os.write(target, _QUESTIONS)
        until = time.monotonic() + _PATIENCE_S
        while not _LAST_ANSWER.search(answer) and (left := until - time.monotonic()) > 0:
            if select.select([source], [], [], left)[0]:
                answer += os.read(source, 1024)
    finally:
        termios.tcsetattr(source, termios.TCSANOW, before)
    return answer
