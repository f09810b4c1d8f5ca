"""`lomi review` as a person has it: the command, in a terminal, from the first key to the last."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import need
from tests.integration.tui.terminal import Terminal
from tests.review_room import Room, evidence

BLURRED = evidence(sharpness=12)
SIZES = [(80, 24), (120, 40), (200, 60)]
Environ = dict[str, str]


@pytest.fixture
def environ(room: Room, redis_url: str, tmp_path: Path) -> Environ:
    kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH", "LANG") if key in os.environ}
    return kept | {
        "HOME": str(tmp_path), "TERM": "xterm-256color", "LANG": "C.UTF-8", "COLORTERM": "truecolor",
        "LOMI_DATABASE_URL": room.url, "LOMI_REDIS_URL": redis_url, "LOMI_OBJECTS": str(room.objects),
        "LOMI_ACTOR": "Hana",
    }  # fmt: skip


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def helpers(terminal: Terminal) -> list[int]:
    """The processes beside the app."""
    pid = terminal.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("size", SIZES)
def test_a_whole_session(room: Room, environ: Environ, size: tuple[int, int]) -> None:
    photos = room.batch([BLURRED] * 9)

    with Terminal("review", "--queue", "rejected", size=size, environ=environ) as terminal:
        terminal.until("rejected 9", "rejected: blurry", "sharpness 12 is below 25", "▀")
        terminal.press("r")
        until(lambda: room.count("lomi.reveals") == 1)
        terminal.press("1")
        terminal.until("already")
        terminal.press("g")
        terminal.until("choose all")
        terminal.press("*a")
        terminal.until("why do you approve?")
        terminal.press("1")
        terminal.until("told in")
        until(lambda: room.count("media", "moderation_status = 'approved'") == 9)
        terminal.press("u")
        terminal.until("nobody had been told")
        terminal.press("?")
        terminal.until("each reveal is on record")
        terminal.press("\x1b")
        terminal.until("rejected: blurry")
        terminal.press("q")
        assert terminal.end() == 0
        assert terminal.settings == terminal.before
        assert terminal.heard.rindex(b"\x1b[?1049l") > terminal.heard.rfind(b"\x1b[?1049h")

    assert {room.row(photo)["moderation_status"] for photo in photos} == {"rejected"}
    assert room.count("lomi.claims") == 0
    assert room.count("lomi.outbox") == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_who_is_ended_from_outside_gives_photos_back_and_leaves_the_terminal_as_it_was(
    room: Room, environ: Environ, number: int, code: int
) -> None:
    room.batch([BLURRED])

    with Terminal("review", "--queue", "rejected", size=(80, 24), environ=environ) as terminal:
        terminal.until("sharpness 12 is below 25")
        terminal.process.send_signal(number)
        assert terminal.end() == code
        assert terminal.settings == terminal.before

    assert room.count("lomi.claims") == 0


def test_a_killed_terminal_frees_its_photos_at_once(room: Room, environ: Environ) -> None:
    (photo,) = room.batch([BLURRED])

    with Terminal("review", size=(80, 24), environ=environ | {"LOMI_REVIEW__CLAIM_S": "3600"}) as terminal:
        terminal.until("sharpness 12 is below 25")
        terminal.process.kill()
        terminal.end()

    until(lambda: room.desk("Abel").claim([photo]).photos)


def test_a_machine_that_dies_frees_its_photos_when_its_claim_is_over(room: Room, environ: Environ) -> None:
    (photo,) = room.batch([BLURRED])

    with Terminal("review", size=(80, 24), environ=environ | {"LOMI_REVIEW__CLAIM_S": "3"}) as terminal:
        terminal.until("sharpness 12 is below 25")
        others = helpers(terminal)
        for process in others:
            os.kill(process, signal.SIGSTOP)  # it does not see the app end
        terminal.process.kill()
        for process in others:
            os.kill(process, signal.SIGKILL)
        terminal.end()

    held = room.desk("Abel").claim([photo])
    if not held.photos:
        (claim,) = held.taken
        assert claim.actor == "Hana"
    until(lambda: room.desk("Abel").claim([photo]).photos)


def test_without_its_desk_the_app_says_so_and_can_be_left(room: Room, environ: Environ) -> None:
    room.batch([BLURRED] * 2)

    with Terminal("review", size=(80, 24), environ=environ) as terminal:
        terminal.until("sharpness 12 is below 25")
        for process in helpers(terminal):
            os.kill(process, signal.SIGKILL)
        terminal.until("the process that speaks with the database has ended")
        terminal.press("q")
        assert terminal.end() == 0
        assert terminal.settings == terminal.before


def test_without_colours_every_word_is_still_there(room: Room, environ: Environ) -> None:
    room.batch([BLURRED])

    with Terminal("review", size=(80, 24), environ=environ | {"NO_COLOR": "1"}) as terminal:
        terminal.until("12 !", "rejected: blurry")
        terminal.press("q")
        assert terminal.end() == 0


@pytest.mark.parametrize(
    ("answers", "drawn"),
    [
        (b"\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62;c", b"\x1b_Ga=T,U=1"),
        (b"\x1b[6;20;10t\x1b[?63;1;4c", b'\x1bP0;1q"1;1;'),
    ],
)
def test_a_terminal_that_draws_pictures_is_sent_one(room: Room, environ: Environ, answers: bytes, drawn: bytes) -> None:
    room.batch([BLURRED])

    with Terminal("review", size=(120, 40), environ=environ, answers=answers) as terminal:
        terminal._wait(lambda: drawn in terminal.heard, repr(drawn))
        terminal.press("q")
        assert terminal.end() == 0


@pytest.mark.parametrize(("words", "seen"), [((), "pictures are off"), (("--images", "blocks"), "▀")])
def test_the_settings_say_how_photos_are_drawn_unless_an_option_does(
    room: Room, environ: Environ, words: tuple[str, ...], seen: str
) -> None:
    room.batch([BLURRED])

    with Terminal("review", *words, size=(80, 24), environ=environ | {"LOMI_REVIEW__IMAGES": "none"}) as terminal:
        terminal.until(seen, "rejected: blurry")
        terminal.press("q")
        assert terminal.end() == 0


class Tmux:
    """A server of its own with one window."""

    def __init__(self, folder: Path, environ: Environ, size: tuple[int, int]) -> None:
        self._words = ["tmux", "-S", str(folder / f"tmux-{uuid.uuid4().hex[:6]}"), "-f", "/dev/null"]
        self._environ = environ
        command = f"exec {sys.executable} -m lomi_ops review --queue rejected"
        self("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), command)

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            [*self._words, *words], env=self._environ, capture_output=True, text=True, check=False, timeout=90
        )
        return done.stdout

    def press(self, *keys: str) -> None:
        self("send-keys", *keys)

    def until(self, *words: str) -> str:
        screen = ""

        def there() -> bool:
            nonlocal screen
            screen = self("capture-pane", "-p")
            return all(word in screen for word in words)

        until(there)
        return screen


@pytest.mark.parametrize("size", SIZES)
def test_a_session_inside_tmux(room: Room, environ: Environ, tmp_path: Path, size: tuple[int, int]) -> None:
    need(shutil.which("tmux"), "tmux")
    photos = room.batch([BLURRED] * 3)
    tmux = Tmux(tmp_path, environ | {"TERM": "screen-256color"}, size)
    try:
        screen = tmux.until("rejected 3", "▀", "sharpness", "approve")
        assert max(map(len, screen.splitlines())) <= size[0]
        tmux.press("g")
        tmux.until("choose all")
        tmux.press("*", "2")
        until(lambda: room.count("media", "moderation_reason = 'no_face'") == 3)
        tmux.press("u")
        tmux.until("nobody had been told")
        tmux.press("q")
        until(lambda: "no server" in tmux("list-sessions") or not tmux("list-sessions"))
    finally:
        tmux("kill-server")

    assert {room.row(photo)["moderation_reason"] for photo in photos} == {"blurry"}
    assert room.count("lomi.claims") == 0
