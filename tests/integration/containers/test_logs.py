"""`lomi workers logs` on real containers, in this process and as somebody sees it who follows on a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.commands import Lomi
from tests.conftest import need
from tests.docker_engine import Fleet, lacking, own_engine
from tests.integration.containers.test_workers import crew
from tests.integration.ops.conftest import lomi, quiet_machine

__all__ = ["crew", "lomi", "quiet_machine"]

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]

WORKERS = "moderator-worker"
STAY = "trap 'exit 0' TERM; while true; do sleep 0.1; done"
OURS = json.dumps({"ts": "2026-11-26T09:00:00.000+00:00", "level": "error", "action": "job_failed",
                   "msg": "no answer", "job_id": "j1", "trace": "Traceback\n  boom"})  # fmt: skip


def said_all(fleet: Fleet, script: str, last: str, **options: object) -> str:
    """A container that has said its last word."""
    made = fleet.run(options.pop("service", WORKERS), f"{script}; {STAY}", **options)  # type: ignore[arg-type]
    fleet.await_log(made, last)
    return made


def test_several_logs_are_one_by_time_with_the_names_of_their_workers(crew: Fleet, lomi: Lomi) -> None:
    said_all(crew, "echo INFO one; sleep 0.4; echo INFO three", "INFO three")
    said_all(crew, f"echo INFO four; echo '{OURS}'", "boom", number=2)

    said = lomi("workers", "logs")

    assert (said.code, said.err) == (0, "")
    lines = [re.sub(r"\d\d:\d\d:\d\d", "T", line) for line in said.out.splitlines()]
    assert lines == [
        "moderator-worker-1 T INFO one", "moderator-worker-1 T INFO three", "moderator-worker-2 T INFO four",
        "moderator-worker-2 T error   no answer  job_id=j1", " " * 21 + "Traceback", " " * 21 + "  boom",
    ]  # fmt: skip
    assert "\x1b" not in said.out
    one, *_, last = lomi("workers", "logs", "-o", "json").records
    assert (one["worker"], one["level"], one["text"]) == (f"{crew.project}-{WORKERS}-1", "info", "INFO one")
    assert (last["level"], json.loads(last["text"])["job_id"]) == ("error", "j1")


def test_only_what_is_wanted_is_shown_and_of_that_the_latest(crew: Fleet, lomi: Lomi) -> None:
    script = (
        "for n in 1 2 3 4 5; do echo INFO $n; echo ERROR $n; done; echo 'Traceback (most recent call last):'; "
        "echo '  at x'; echo 'ValueError: y'; echo INFO end"
    )
    said_all(crew, script, "INFO end")

    def texts(*words: str) -> list[str]:
        found = lomi("workers", "logs", "-o", "jsonl", *words)
        assert found.code == 0
        return [each["text"] for each in found.records]

    assert texts("--level", "error", "--tail", "4") == [
        "ERROR 5", "Traceback (most recent call last):", "  at x", "ValueError: y"]  # fmt: skip
    assert texts("--grep", "(INFO|ERROR) [45]") == ["INFO 4", "ERROR 4", "INFO 5", "ERROR 5"]
    assert texts("--grep", "INFO", "--level", "warning") == []
    assert texts("--tail", "2") == ["ValueError: y", "INFO end"]
    assert texts("--since", "1h")[0] == "INFO 1"
    assert texts("--since", "2999-01-01T00:00") == []
    assert texts("--tail", "0") == []


def test_one_worker_or_another_service_can_be_read(crew: Fleet, lomi: Lomi) -> None:
    said_all(crew, "echo one", "one")
    said_all(crew, "echo two", "two", number=2)
    said_all(crew, "echo face", "face", service="compreface")
    said_all(crew, "echo graph", "graph", service="grafana")

    assert "one" not in lomi("workers", "logs", f"{WORKERS}-2").out
    assert lomi("workers", "logs", "--service", "compreface").out.split()[-1] == "face"
    assert lomi("workers", "logs", "--service", "grafana").out.split()[-1] == "graph", "whatever the project has"


def test_what_an_old_worker_gives_away_is_not_passed_on(crew: Fleet, lomi: Lomi, redis_url: str) -> None:
    password = redis_url.partition(":")[2].partition("@")[0].rpartition(":")[2]
    assert len(password) > 8
    said_all(crew, f"echo INFO connecting with {password} to redis://:hunter2@redis:6379; echo end", "end")

    for words in ((), ("-o", "json")):
        shown = lomi("workers", "logs", *words).out
        assert "INFO connecting with *** to redis://:***@redis:6379" in shown
        assert password not in shown


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [(("--service", "moderator-wroker"), 1, "did you mean moderator-worker?"), (("--grep", "("), 2, "no regular"),
     (("--since", "soon"), 2, "'soon' is no time"), (("moderator-worker-9",), 1, "did you mean moderator-worker-1?")],
)  # fmt: skip
def test_what_is_mistyped_is_told(crew: Fleet, lomi: Lomi, words: tuple[str, ...], code: int, said: str) -> None:
    said_all(crew, "echo one", "one")

    found = lomi("workers", "logs", *words)

    assert (found.code, found.out) == (code, "")
    assert said in found.err
    assert "  try: " in found.err


def test_without_an_engine_it_says_which_one_it_looked_for(lomi: Lomi, monkeypatch: pytest.MonkeyPatch) -> None:
    said = lomi("workers", "logs")
    assert said.code == 3
    assert "no Docker Engine is configured" in said.err
    monkeypatch.setenv("LOMI_DOCKER__HOST", "unix:///nowhere.sock")
    assert lomi("workers", "logs").code == 3


def test_a_log_that_cannot_be_read_keeps_nobody_from_the_others(crew: Fleet, lomi: Lomi) -> None:
    crew.run(WORKERS, STAY, log_config={"type": "none"})
    said_all(crew, "echo two", "two", number=2)

    said = lomi("workers", "logs")

    assert said.code == 3
    assert said.out.split()[-1] == "two"
    assert f"{crew.project}-{WORKERS}-1: " in said.err


def test_a_huge_log_is_not_held_in_memory(crew: Fleet) -> None:
    """Twenty megabytes of it, in a process that must not need ten more than for its last line."""
    long = 'long=$(seq -s x 250); long="$long$long$long"'
    count = 'n=0; while [ $n -lt 8000 ]; do n=$((n+1)); echo "$n $long"; done'
    made = crew.run(WORKERS, f"{long}; {count}; {STAY}")
    deadline = time.monotonic() + 60
    while not crew.api.logs(made, tail=1).startswith(b"8000 "):
        assert time.monotonic() < deadline
        time.sleep(0.1)

    one, little = peak("--tail", "1")
    many, much = peak("--since", "1h")

    assert (one, many) == (1, 8000)
    assert much - little < 10 * 1024


def peak(*words: str) -> tuple[int, int]:
    """How many lines it writes, and the most memory that it needs for that, in KiB."""
    script = (
        "import resource, sys; from lomi_ops.cli.main import run; code = run(['workers', 'logs', *sys.argv[1:]]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        lines = sum(1 for _ in run.stdout)
        kib = int(run.stderr.read().split()[-1])
    assert run.returncode == 0
    return lines, kib


# --- following --------------------------------------------------------------------------------------------------------


class Terminal:
    """What a person sees who follows."""

    def __init__(self, *words: str, **environ: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 160, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lomi_ops", "workers", "logs", "-f", *words],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm"} | environ,
        )  # fmt: skip
        os.close(theirs)
        self.screen = ""

    def until(self, *words: str, within_s: float = 40.0) -> None:
        deadline = time.monotonic() + within_s
        while not all(word in self.screen for word in words):
            assert time.monotonic() < deadline, self.screen
            if select.select([self._ours], [], [], 1.0)[0]:
                self.screen += os.read(self._ours, 65536).decode(errors="replace").replace("\r\n", "\n")

    def interrupt(self) -> int:
        """Ctrl-C, as the terminal sends it; the exit code."""
        os.write(self._ours, b"\x03")
        code = self.process.wait(20)
        try:
            while more := os.read(self._ours, 65536):
                self.screen += more.decode(errors="replace").replace("\r\n", "\n")
        except OSError:
            pass  # how Linux says that the other end is closed
        os.close(self._ours)
        return code


@contextmanager
def following(*words: str, **environ: str) -> Iterator[Terminal]:
    found = Terminal(*words, **environ)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.process.kill()
            found.process.wait(10)


def speaks(word: str) -> str:
    """Says a word and a number, over and over."""
    return f"trap 'echo bye; exit 0' TERM; n=0; while true; do n=$((n+1)); echo {word} $n; sleep 0.1; done"


def test_whoever_follows_sees_new_ones_join_old_ones_end_and_leaves_with_ctrl_c(crew: Fleet) -> None:
    first = crew.run(WORKERS, speaks("INFO one"))
    with following("--tail", "1") as seen:
        seen.until("INFO one")
        second = crew.run(WORKERS, speaks("ERROR two"), number=2)
        seen.until(f"{crew.project}-{WORKERS}-2 has joined", "ERROR two 1")
        crew.api.stop(first, timeout=5)
        seen.until("bye", f"{crew.project}-{WORKERS}-1 has ended: exit code 0")
        crew.api.start(first)
        seen.screen = ""
        seen.until("INFO one 1")
        crew.api.remove_container(second, force=True)
        seen.until(f"{crew.project}-{WORKERS}-2 has ended")
        code = seen.interrupt()

    assert code == 130
    assert "Traceback" not in seen.screen
    assert "\x1b[36mmoderator-worker-1 " in seen.screen, "its name in its colour"


def test_no_line_is_shown_twice_or_lost_between_looking_back_and_following(crew: Fleet) -> None:
    made = crew.run(WORKERS, "n=0; while [ $n -lt 400 ]; do n=$((n+1)); echo line $n.; [ $((n%20)) = 0 ] && sleep 0.1; "
                             "done; " + STAY)  # fmt: skip
    with following("--since", "1h", NO_COLOR="1") as seen:
        seen.until("line 400.")
        assert seen.interrupt() == 130
    crew.state(made)

    numbers = [int(each) for each in re.findall(r"line (\d+)\.", seen.screen)]
    assert numbers == list(range(1, 401))
    assert "\x1b" not in seen.screen


def test_an_engine_that_restarts_is_waited_for_and_its_containers_are_followed_again(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacks = lacking()
    need(not lacks, lacks)
    need(not os.environ.get("TEST_DOCKER_HOST"), "an engine that may be restarted")
    with own_engine() as own:
        fleet = Fleet(own.url)
        monkeypatch.setenv("LOMI_DOCKER__HOST", own.url)
        monkeypatch.setenv("LOMI_DOCKER__PROJECT", fleet.project)
        monkeypatch.setenv("LOMI_REDIS_URL", redis_url)
        fleet.run(WORKERS, speaks("INFO one"), restart_policy={"Name": "always"})
        with following("--tail", "1") as seen:
            seen.until("INFO one")
            own.stop()
            seen.until("waiting for it")
            seen.screen = ""
            own.start()
            seen.until("the Docker Engine answers again", "INFO one 1")
            assert seen.interrupt() == 130
        fleet.close()
