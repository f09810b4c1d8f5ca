"""An object in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lomi_ops.errors import (
    ConfigError,
    DatabaseUnavailable,
    LomiError,
    NotFound,
    PhotoError,
    RedisUnavailable,
    Throttled,
)
from lomi_ops.tui.review.forked import Forked, Opening, forked

SECRET = "swordfish"


class Served:
    """What is called there."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._gate = threading.Event()

    def pid(self) -> int:
        return os.getpid()

    def session(self) -> int:
        return os.getsid(0)

    def say(self, word: str) -> None:
        self.said.append(word)

    def heard(self) -> list[str]:
        return self.said

    def wait(self) -> str:
        self._gate.wait()
        return "waited"

    def go(self) -> None:
        self._gate.set()

    def fail(self, failure: Exception) -> None:
        raise failure

    def echo(self, what: bytes) -> bytes:
        return what


@pytest.fixture
def left(tmp_path: Path) -> Path:
    return tmp_path / "left"


@pytest.fixture
def far(left: Path) -> Iterator[Forked]:
    @contextmanager
    def opening(wish: str) -> Iterator[tuple[object, object]]:
        yield f"good {wish}", Served()
        left.write_text("closed")

    with contextlib.closing(begun(opening)) as far:
        yield far


def begun(opening: Opening) -> Forked:
    far = forked(lambda: opening, lambda text: text.replace(SECRET, "***"))
    far.open("morning")
    return far


def test_it_greets_and_answers_from_a_session_of_its_own(far: Forked) -> None:
    assert far.greeting() == "good morning"
    assert far.call("pid") == far.pid == far.call("session") != os.getpid()


def test_what_is_told_is_done_before_what_is_asked_later(far: Forked) -> None:
    far.greeting()
    for number in range(50):
        far.tell("say", str(number))
    assert far.call("heard") == [str(number) for number in range(50)]


def test_one_call_does_not_wait_for_another(far: Forked) -> None:
    far.greeting()
    answers: list[str] = []
    waiting = threading.Thread(target=lambda: answers.append(far.call("wait")))
    waiting.start()
    assert far.call("pid") == far.pid
    far.call("go")
    waiting.join()
    assert answers == ["waited"]


def test_answers_are_heard_while_questions_wait_to_be_taken(far: Forked) -> None:
    """More than both pipes hold: the process answers what it is told before it takes what comes next."""
    far.greeting()
    much = bytes(100_000)

    def tell() -> None:
        for _ in range(20):
            far.tell("echo", much)

    telling = threading.Thread(target=tell, daemon=True)
    telling.start()
    telling.join(30)
    assert not telling.is_alive()
    assert far.call("echo", much) == much


@pytest.mark.parametrize(
    "failure",
    [
        NotFound(f"there is no {SECRET}", hint="lomi review list"),
        PhotoError("it is broken", code="corrupt"),
        Throttled("not so fast", retry_after_s=3.0, hint="wait"),
        ConfigError("two things are wrong", problems=[f"{SECRET} is wrong", "b"], hint="lomi config check"),
    ],
)
def test_an_error_of_ours_crosses_as_it_is_but_for_secrets(far: Forked, failure: LomiError) -> None:
    far.greeting()
    with pytest.raises(type(failure)) as caught:
        far.call("fail", failure)
    there = {key: str(value).replace(SECRET, "***") for key, value in vars(failure).items()}
    assert {key: str(value) for key, value in vars(caught.value).items()} == there
    assert str(caught.value) == there["message"]


def test_a_bug_there_is_a_bug_here_and_says_where_it_was(far: Forked) -> None:
    far.greeting()
    with pytest.raises(RuntimeError, match=r"ValueError: \*\*\* is odd") as caught:
        far.call("fail", ValueError(f"{SECRET} is odd"))
    assert "in fail" in str(caught.value)
    assert far.call("pid") == far.pid


def test_what_cannot_be_opened_is_told_instead_of_a_greeting() -> None:
    def opening(wish: str) -> contextlib.AbstractContextManager[tuple[object, object]]:
        raise RedisUnavailable(f"{SECRET} is away", hint="lomi check")

    with contextlib.closing(begun(opening)) as far, pytest.raises(RedisUnavailable, match=r"\*\*\* is away"):
        far.greeting()


def test_one_that_nobody_wants_anything_of_ends(left: Path) -> None:
    far = forked(lambda: pytest.fail, str)
    far.close()
    with pytest.raises(ProcessLookupError):
        os.kill(far.pid, 0)


def test_what_it_is_at_is_carried_out_before_it_ends(left: Path) -> None:
    @contextmanager
    def opening(wish: str) -> Iterator[tuple[object, object]]:
        yield wish, Served()
        left.write_text("closed")

    far = begun(opening)
    far.greeting()
    far.tell("say", "goodbye")
    far.close()
    assert left.read_text() == "closed"
    with pytest.raises(ProcessLookupError):
        os.kill(far.pid, 0)


def test_whoever_waits_for_a_process_that_was_killed_is_told(far: Forked) -> None:
    far.greeting()
    caught: list[BaseException] = []

    def ask() -> None:
        try:
            far.call("wait")
        except DatabaseUnavailable as failure:
            caught.append(failure)

    waiting = threading.Thread(target=ask)
    waiting.start()
    os.kill(far.pid, signal.SIGKILL)
    waiting.join()

    assert "has ended" in str(caught[0])
    with pytest.raises(DatabaseUnavailable, match="has ended"):
        far.call("pid")


def test_it_ends_when_the_app_is_killed(left: Path) -> None:
    """The other end of its line closes, however that comes."""

    @contextmanager
    def opening(wish: str) -> Iterator[tuple[object, object]]:
        yield wish, Served()
        left.write_text("closed")

    app = os.fork()
    if app == 0:
        begun(opening).greeting()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(app, 0)
    deadline = time.monotonic() + 90
    while not left.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
