"""How photos are drawn on which terminal."""

from __future__ import annotations

import os
import pty
import threading

import pytest

from lomi_ops.tui.review.terminal import Images, Screen, judged, look

KITTY = b"\x1b_Gi=31;OK\x1b\\\x1b[6;18;9t\x1b[?62;c"
XTERM = b"\x1b[6;16;8t\x1b[?63;1;2;4;22c"
WEZTERM = b"\x1b_Gi=31;OK\x1b\\\x1b[6;22;10t\x1b[?65;4;6;18;22c"
PLAIN = b"\x1b[?1;2c"


@pytest.mark.parametrize(
    ("answer", "images"),
    [(KITTY, Images.KITTY), (XTERM, Images.SIXEL), (WEZTERM, Images.SIXEL), (PLAIN, Images.BLOCKS),
     (b"", Images.BLOCKS), (b"\x1b[?4;1c", Images.BLOCKS), (b"abc", Images.BLOCKS)],
)  # fmt: skip
def test_a_terminal_is_believed_what_it_answers(answer: bytes, images: Images) -> None:
    assert judged(answer) is images
    assert look(Images.AUTO, {}, lambda: answer).images is images


@pytest.mark.parametrize(
    "environ", [{"TMUX": "/tmp/x,1,0"}, {"STY": "1.x"}, {"SSH_CONNECTION": "a b"}, {"TERM": "tmux-256color"}]
)
def test_under_tmux_and_ssh_nothing_is_asked_and_blocks_are_drawn(environ: dict[str, str]) -> None:
    def ask() -> bytes:
        raise AssertionError("what is asked here is answered to somebody else")

    assert look(Images.AUTO, environ, ask) == Screen(Images.BLOCKS, (10, 20))


def test_who_knows_better_is_believed_and_the_size_of_a_cell_asked_for() -> None:
    assert look(Images.KITTY, {"TMUX": "x"}, lambda: KITTY) == Screen(Images.KITTY, (9, 18))
    assert look(Images.SIXEL, {}, lambda: b"").images is Images.SIXEL
    assert look(Images.NONE, {}, lambda: KITTY).images is Images.NONE


@pytest.mark.parametrize("size", [b"\x1b[6;0;0t", b"\x1b[6;99999;2t", b""])
def test_an_odd_size_of_a_cell_is_taken_for_the_usual_one(size: bytes) -> None:
    cell = look(Images.SIXEL, {}, lambda: size + PLAIN).cell

    assert 2 <= cell[0] <= 100
    assert 2 <= cell[1] <= 200


def test_a_real_terminal_is_asked_and_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    import termios

    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with os.fdopen(theirs, "rb", buffering=0, closefd=False) as end:
        monkeypatch.setattr("sys.stdin", end)
        monkeypatch.setattr("sys.stdout", end)
        heard: list[bytes] = []

        def answer() -> None:
            heard.append(os.read(ours, 1024))
            os.write(ours, KITTY)

        other = threading.Thread(target=answer)
        other.start()
        found = look(Images.AUTO, {})
        other.join()

    assert found == Screen(Images.KITTY, (9, 18))
    assert heard[0].endswith(b"\x1b[c")
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


def test_a_terminal_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "rb", buffering=0, closefd=False) as end:
        monkeypatch.setattr("sys.stdin", end)
        monkeypatch.setattr("sys.stdout", end)

        assert look(Images.AUTO, {}).images is Images.BLOCKS
    os.close(ours)
    os.close(theirs)
