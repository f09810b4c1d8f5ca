"""stdout holds one whole document, or nothing: whatever fails, and whenever somebody presses Ctrl-C."""

from __future__ import annotations

import fcntl
import io
import json
import os
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import redis

from lomi_ops.cli import output
from lomi_ops.cli.main import run
from lomi_ops.queue.jobs import JobQueue
from tests.acceptance.conftest import environment
from tests.acceptance.test_completion import push
from tests.commands import quiet_machine
from tests.integration.ops.black_hole import black_hole
from tests.integration.ops.conftest import cluster, point
from tests.integration.ops.old_cluster import OldCluster

__all__ = ["cluster", "point", "quiet_machine"]

LOMI = [sys.executable, "-m", "lomi_ops"]
PACKAGE = str(Path(output.__file__).parents[1])
READING = [
    "config show -o json", "config example -o json", "config schema", "models list -o json", "models list -o jsonl",
    "queue stats -o json", "queue list -o json", "queue list -o jsonl", "review list -o json", "report -o json",
    "top --once -o json", "migrate verify -o json", "jobs history -o json", "reconcile --dry-run -o json",
    "workers list -o json",
]  # fmt: skip
POINTS = 10


class Strike:
    """Raises at the nth call of a function of ours, and counts them."""

    def __init__(self, at: int | None, failure: BaseException) -> None:
        self.calls = 0
        self._at = at
        self._failure = failure

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            self.calls += 1
            if self.calls == self._at:
                raise self._failure


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Strike], tuple[int, str]]:
    def once(line: str, strike: Strike) -> tuple[int, str]:
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "utf-8", write_through=False))
        sys.setprofile(strike)
        try:
            code = run(line.split())
        except BaseException as failure:  # the command line's own end is not struck by halves, either
            if failure is not strike._failure:
                raise
            code = -1
        finally:
            sys.setprofile(None)
        sys.stdout.flush()
        return code, written.getvalue().decode()

    return once


def whole(text: str, *, stream: bool) -> bool:
    """Nothing, one JSON document, or whole lines of JSON."""
    if not text:
        return True
    try:
        for part in text.splitlines() if stream else [text]:
            json.loads(part)
    except ValueError:
        return False
    return text.endswith("\n")


@pytest.fixture
def busy(cluster: OldCluster) -> OldCluster:
    """A cluster with something to tell."""
    with redis.Redis.from_url(cluster.redis_url) as client:
        for number in range(20):
            push(JobQueue(client), f"job-{number}")
    return cluster


# A generator that is struck while it is thrown away has nobody to tell.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("failure", [KeyboardInterrupt(), RuntimeError("a bug")], ids=["ctrl-c", "bug"])
@pytest.mark.parametrize("line", READING)
def test_a_command_that_ends_anywhere_in_the_middle_leaves_no_half_document(
    busy: OldCluster, call: Callable[[str, Strike], tuple[int, str]], line: str, failure: BaseException,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    quiet = Strike(None, failure)
    code, text = call(line, quiet)
    assert code in (0, 1), capsys.readouterr().err
    assert text
    stream = "jsonl" in line

    ends: set[tuple[int, bool]] = set()
    for number in range(1, quiet.calls, max(1, quiet.calls // POINTS)):
        code, text = call(line, Strike(number, failure))
        assert whole(text, stream=stream), f"call {number}: {text[-200:]}"
        ends.add((code, bool(text)))
    # Beside the end that was struck there is the one of a thread or a cleanup that takes it for its own.
    assert {code for code, _ in ends} <= {-1, 0, 1, 3, 130}
    assert len({code for code, _ in ends} & {3, 130, -1}) >= 1


@pytest.fixture
def where(busy: OldCluster) -> dict[str, str]:
    return environment(
        LOMI_REDIS_URL=busy.redis_url, LOMI_DATABASE_URL=busy.database_url, LOMI_OBJECTS=str(busy.objects)
    )


def filled(pipe: int, size: int) -> bool:
    """Whether nothing more goes into a pipe: its writer stands still in the middle."""
    waiting: int = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]
    return waiting >= size


@pytest.mark.parametrize(
    ("line", "number", "code", "unbuffered"),
    [
        ("config schema", signal.SIGINT, 130, ""), ("config schema", signal.SIGTERM, 143, "1"),
        ("config example -o json", signal.SIGINT, 130, "1"), ("queue list -o json", signal.SIGTERM, 143, ""),
        ("config show -o json", signal.SIGINT, 130, "1"),
    ],
)  # fmt: skip
def test_a_signal_in_the_middle_of_the_writing_waits_until_the_document_is_whole(
    where: dict[str, str], line: str, number: signal.Signals, code: int, unbuffered: str
) -> None:
    """Also with PYTHONUNBUFFERED, where Python itself loses what a signal cuts off."""
    where["PYTHONUNBUFFERED"] = unbuffered
    ours, theirs = os.pipe()
    size = fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    running = subprocess.Popen([*LOMI, *line.split()], env=where, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    while not filled(ours, size):
        assert running.poll() is None, line
    running.send_signal(number)
    with os.fdopen(ours, "rb") as pipe:
        text = pipe.read().decode()
    err = running.communicate(timeout=60)[1]

    assert (running.returncode, err) == (code, b"")
    assert json.loads(text)


def test_a_second_signal_does_not_wait_for_a_reader_that_has_stopped(where: dict[str, str]) -> None:
    ours, theirs = os.pipe()
    size = fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    running = subprocess.Popen([*LOMI, "config", "schema"], env=where, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    while not filled(ours, size):
        assert running.poll() is None
    while running.poll() is None:  # the second one counts, whenever the first was heard
        running.send_signal(signal.SIGINT)
        try:
            running.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
    os.close(ours)

    assert running.communicate()[1] == b""
    # A third one may meet Python on its way out, which SIGINT then ends: shells call both 130.
    assert running.returncode in (130, -signal.SIGINT)


@pytest.mark.parametrize(
    "line",
    ["top --once -o json", "workers list -o json", "queue list -o jsonl", "review list -o json", "jobs status -o json",
     "reconcile -o json"],
)  # fmt: skip
def test_ctrl_c_while_a_server_says_nothing_leaves_stdout_empty(line: str) -> None:
    with black_hole() as hole:
        waiting = {
            "LOMI_REDIS_URL": f"redis://127.0.0.1:{hole.port}", "LOMI_OBJECTS": "/tmp",
            "LOMI_DATABASE_URL": f"postgresql://u:p@127.0.0.1:{hole.port}/x?sslmode=disable",
            "LOMI_DATABASE__CONNECT_TIMEOUT_S": "60",
        }  # fmt: skip
        running = subprocess.Popen(
            [*LOMI, *line.split()],
            env=environment(**waiting),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert hole.entered.wait(60)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)

    assert (running.returncode, out, err) == (130, "", "")


@pytest.fixture
def doing(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], str]:
    def show(body: dict[str, Any]) -> str:
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "utf-8"))
        output.document(body, schema="lomi.test/v1")
        return written.getvalue().decode()

    return show


def test_numbers_that_json_does_not_know_become_null(doing: Callable[[dict[str, Any]], str]) -> None:
    text = doing({"a": float("nan"), "b": [float("inf"), {"c": -float("inf")}], "path": Path("/x"), "d": 1.5})

    assert json.loads(text, parse_constant=pytest.fail) == {
        "schema": "lomi.test/v1", "profile": None, "a": None, "b": [None, {"c": None}], "path": "/x", "d": 1.5,
    }  # fmt: skip


def test_what_cannot_be_said_in_json_at_all_writes_nothing(doing: Callable[[dict[str, Any]], str]) -> None:
    class Sly:
        def __str__(self) -> str:
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        doing({"fine": 1, "sly": Sly()})
    sys.stdout.flush()
