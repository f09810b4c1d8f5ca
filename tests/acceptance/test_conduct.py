"""How the installed command behaves as a process: signals, pipes, full disks, terminals."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.acceptance.conftest import environment, lomi
from tests.integration.ops.black_hole import black_hole

LOMI = [sys.executable, "-m", "lomi_ops"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("words", [("queue", "stats"), ("report",), ("top", "--once", "-o", "json")], ids=" ".join)
def test_a_signal_ends_a_waiting_command_without_a_word(
    words: Sequence[str], number: signal.Signals, code: int
) -> None:
    assert interrupted(words, number) == (code, "", "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_checks_with_one_document_that_says_so(number: signal.Signals, code: int) -> None:
    returned, out, err = interrupted(("check", "-o", "json"), number)

    said = json.loads(out)
    assert (returned, err) == (code, "")
    assert (said["interrupted"], said["exit_code"]) == (True, code)
    assert {check["slug"]: check["detail"] for check in said["checks"]}["postgres.ping"].startswith("interrupted")


def interrupted(words: Sequence[str], number: signal.Signals) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command that waits for services that never answer, and is told to stop."""
    with black_hole() as hole:
        where = {
            "LOMI_REDIS_URL": f"redis://127.0.0.1:{hole.port}", "LOMI_OBJECTS": "/tmp",
            "LOMI_DATABASE_URL": f"postgresql://u:p@127.0.0.1:{hole.port}/x?sslmode=disable",
            "LOMI_DATABASE__CONNECT_TIMEOUT_S": "60",
        }  # fmt: skip
        running = subprocess.Popen(
            [*LOMI, *words], env=environment(**where), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert hole.entered.wait(60)
        running.send_signal(number)
        out, err = running.communicate(timeout=60)

    return running.returncode, out, err


def test_ctrl_c_before_the_command_is_loaded_is_quiet_too() -> None:
    code = (
        "import builtins, sys; real = builtins.__import__\n"
        "def stop(name, *rest, **more):\n"
        "    if name == 'lomi_ops.cli.main': raise KeyboardInterrupt\n"
        "    return real(name, *rest, **more)\n"
        "builtins.__import__ = stop; sys.argv = ['lomi', 'check']\n"
        "import lomi_ops.__main__ as m; m.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (130, "")


def test_a_reader_that_goes_away_is_no_error() -> None:
    running = subprocess.Popen(
        [*LOMI, "config", "example"], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    running.stdout.close()
    assert running.stderr is not None
    err = running.stderr.read()
    running.stderr.close()

    assert (running.wait(60), err) == (141, "")


@pytest.mark.parametrize("words", ["config example", "models list", "config show -o json"])
def test_an_answer_that_cannot_be_written_is_told(words: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*LOMI, *words.split()], env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert done.returncode == 3
    assert done.stderr == "error: the answer cannot be written: No space left on device\n"


def test_a_closed_stdout_is_told_and_a_closed_stderr_does_not_matter() -> None:
    closed = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m lomi_ops help exit-codes >&-"],
        env=environment(), stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    mute = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m lomi_ops report --window never 2>&-"],
        env=environment(), stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip

    assert (closed.returncode, closed.stderr) == (3, "error: the answer cannot be written: stdout is closed\n")
    assert (mute.returncode, mute.stdout) == (2, "")


def on_terminal(*words: str, **extra: str) -> str:
    """What a person sees: both streams on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [*LOMI, *words], env=environment(TERM="xterm-256color", **extra) | {"COLUMNS": "80"},
        stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux says EIO when the last writer is gone
            break
        if not chunk:
            break
        seen += chunk
    os.close(ours)
    running.wait(60)
    return seen.decode()


def test_colour_is_for_terminals_that_want_it() -> None:
    assert "\x1b[" in on_terminal("models", "list")
    assert "\x1b[" not in on_terminal("models", "list", NO_COLOR="1").replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert "\x1b[" not in lomi("models", "list").stdout


@pytest.mark.parametrize("plain", [{"LOMI_ASCII": "1"}, {"PYTHONIOENCODING": "ascii"}], ids=str)
def test_plain_signs_where_others_are_not_wanted_or_cannot_be_written(plain: dict[str, str]) -> None:
    done = subprocess.run([*LOMI, "models", "list"], env=environment(**plain), capture_output=True, check=False)

    assert done.returncode == 0
    done.stdout.decode("ascii")


def test_json_in_a_terminal_of_ascii_is_still_json() -> None:
    done = subprocess.run(
        [*LOMI, "config", "show", "-o", "json"], env=environment(PYTHONIOENCODING="ascii", LOMI_POLICY="ከ"),
        capture_output=True, check=False,
    )  # fmt: skip

    assert done.returncode == 2, "there is no such policy"
    fine = subprocess.run(
        [*LOMI, "config", "example", "-o", "json"], env=environment(PYTHONIOENCODING="ascii"),
        capture_output=True, check=True,
    )  # fmt: skip
    assert json.loads(fine.stdout.decode("ascii"))["yaml"].startswith("# Every setting")
