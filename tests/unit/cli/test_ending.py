"""Ending a command from outside: whatever Python was doing just then, it ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lomi_ops.cli.ending import INTERRUPTED, TERMINATED

COMMAND = """
import os, signal, sys, time
from lomi_ops.cli import main

class Held:
    def __del__(self):
        self.ended = True
        os.kill(os.getpid(), signal.{number})
        time.sleep(60)

def half_read():
    try:
        yield 1
    finally:
        os.kill(os.getpid(), signal.{number})
        time.sleep(60)

def command():
    print("begun", flush=True)
    {swallows}
    time.sleep(60)
    return 0

main.COMMANDS["help"] = command
sys.exit(main.run(["help"]))
"""


@pytest.mark.parametrize("swallows", ["Held()", "next(half_read())"])
@pytest.mark.parametrize(("number", "code"), [("SIGTERM", TERMINATED), ("SIGINT", INTERRUPTED)])
def test_a_signal_that_a_finalizer_swallows_is_heard_all_the_same(number: str, code: int, swallows: str) -> None:
    text = COMMAND.format(number=number, swallows=swallows)

    ended = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=50)

    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "begun\n", "")


def test_another_error_in_a_finalizer_is_told_as_ever() -> None:
    text = COMMAND.format(number="SIGTERM", swallows="Broken(); os._exit(3)")
    broken = "class Broken:\n    def __del__(self):\n        raise ValueError('odd')\n"

    ended = subprocess.run([sys.executable, "-c", broken + text], capture_output=True, text=True, timeout=50)

    assert ended.returncode == 3
    assert "ValueError: odd" in ended.stderr


def test_the_signals_are_as_before_when_a_command_is_over() -> None:
    text = (
        "import signal, sys; from lomi_ops.cli import main\n"
        "main.COMMANDS['help'] = lambda: 0\n"
        "before = signal.getsignal(signal.SIGTERM), sys.unraisablehook\n"
        "main.run(['help'])\n"
        "print((signal.getsignal(signal.SIGTERM), sys.unraisablehook) == before)"
    )

    ended = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=50)

    assert ended.stdout == "True\n"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize(("last", "code"), [("", 120), ("ending.let_go()", 7)])
def test_what_cannot_be_written_any_more_does_not_change_the_exit_code(stream: str, last: str, code: int) -> None:
    read, write = os.pipe()
    os.close(read)
    script = f"import sys; from lomi_ops.cli import ending; sys.{stream}.write('half a line')\n{last}\nsys.exit(7)"
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    try:
        done = subprocess.run([sys.executable, "-c", script], env=environ, check=False, **{stream: write})  # type: ignore[call-overload]
    finally:
        os.close(write)
    assert done.returncode == code
