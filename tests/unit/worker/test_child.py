from __future__ import annotations

import signal
from collections import deque
from typing import Any

import pytest

from lomi_ops.config.sections.judging import ImagesSection, ModelsSection
from lomi_ops.domain.finding import Engine, EngineReport
from lomi_ops.domain.golden import Golden
from lomi_ops.errors import ModelError, PhotoError
from tests.unit.evidence import POLICY
from worker.judging import child
from worker.judging.host import KEPT_PAGES, ONE_THREAD, JudgingProcess, _how_it_ended, child_environment
from worker.judging.look import Look
from worker.judging.wire import OUT_OF_MEMORY, Ask, Begin, Ready, Unfit, Unjudgeable, send_ask

SEEN = Look(640, 480, "sha", EngineReport(Engine.BLUR), EngineReport(Engine.NSFW), EngineReport(Engine.FACES))
BEGIN = Begin(ImagesSection(), ModelsSection(), POLICY, True)


class Pipe:
    """The parent's messages; the end of them is the parent's end."""

    def __init__(self, *messages: Any) -> None:
        self.messages = deque(messages)
        self.sent: list[Any] = []

    def recv(self) -> Any:
        if not self.messages:
            raise EOFError
        return self.messages.popleft()

    recv_bytes = recv

    def send(self, message: Any) -> None:
        self.sent.append(message)

    def send_bytes(self, message: bytes) -> None:
        self.messages.append(message)


def asking(*asks: Ask) -> Pipe:
    pipe = Pipe()
    for ask in asks:
        send_ask(pipe, ask)  # type: ignore[arg-type]
    return pipe


class Looker:
    def __init__(self, *answers: Look | BaseException) -> None:
        self.answers = deque(answers)
        self.asked: list[Ask] = []

    def look(self, data: bytes, *, canonical: bool) -> Look:
        self.asked.append(Ask(data, canonical))
        answer = self.answers.popleft()
        if isinstance(answer, BaseException):
            raise answer
        return answer


def exhausted() -> PhotoError:
    """As the decode says it."""
    failure = PhotoError("more pixels than allowed", code="too_large")
    failure.__cause__ = MemoryError()
    return failure


def answered(*answers: Look | BaseException) -> list[Any]:
    pipe = asking(*[Ask(b"x", False)] * len(answers))
    with pytest.raises(EOFError):
        child._answer_all(pipe, Looker(*answers))  # type: ignore[arg-type]
    return pipe.sent


def test_each_photo_gets_one_answer() -> None:
    broken = PhotoError("ends early", code="truncated")

    assert answered(SEEN, broken, SEEN) == [SEEN, Unjudgeable("ends early", "truncated"), SEEN]


def test_a_photo_arrives_as_it_was_sent() -> None:
    asks, looker = [Ask(b"\xff\xd8photo", True), Ask(b"", False), Ask(b"1", False)], Looker(SEEN, SEEN, SEEN)
    with pytest.raises(EOFError):
        child._answer_all(asking(*asks), looker)  # type: ignore[arg-type]

    assert looker.asked == asks


@pytest.mark.parametrize("failure", [MemoryError(), exhausted()])
def test_a_photo_that_needs_more_than_a_fresh_process_has_is_too_large(failure: Exception) -> None:
    (answer,) = answered(failure)

    assert answer.code == "too_large"


@pytest.mark.parametrize("failure", [MemoryError(), exhausted()])
def test_a_process_that_earlier_photos_have_filled_makes_room_for_a_fresh_one(failure: Exception) -> None:
    pipe = asking(Ask(b"1", False), Ask(b"2", False))

    with pytest.raises(SystemExit) as ended:
        child._answer_all(pipe, Looker(SEEN, failure))  # type: ignore[arg-type]

    assert ended.value.code == OUT_OF_MEMORY
    assert pipe.sent == [SEEN]
    assert "memory" in _how_it_ended(OUT_OF_MEMORY)


def test_a_child_without_its_model_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ModelError("not installed", hint="lomi models add m")

    monkeypatch.setattr(child, "limit_memory", lambda _: None)
    monkeypatch.setattr("worker.engines.load.load_engines", refuse)
    pipe = Pipe(BEGIN)

    assert child._serve(pipe) == 2  # type: ignore[arg-type]
    assert pipe.sent == [Unfit("not installed", "lomi models add m")]


def test_a_child_that_is_ready_says_so_and_ends_with_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    from worker.engines.load import Engines

    asked: list[Any] = []

    def load(settings: Any, policy: Any) -> Engines:
        asked.append(settings)
        return Engines((), None)

    monkeypatch.setattr(child, "limit_memory", lambda _: None)
    monkeypatch.setattr("worker.engines.load.load_engines", load)
    pipe = Pipe(BEGIN)

    with pytest.raises(EOFError):
        child._serve(pipe)  # type: ignore[arg-type]

    made_of = child.made_of(Engines((), None))
    assert pipe.sent == [Ready((), Golden(), made_of)], "without an engine nothing is seen in the portrait"
    assert asked[0].compreface.urls == (child.FACE_SERVICE,)


@pytest.mark.parametrize(("parent", "seen", "leaves"), [(1, 1, False), (4711, 4711, False), (4711, 1, True)])
def test_a_child_goes_where_its_parent_is_gone_also_where_that_was_process_1(
    monkeypatch: pytest.MonkeyPatch, parent: int, seen: int, leaves: bool
) -> None:
    """A container without an init runs the worker as process 1."""
    asked: list[tuple[int, int]] = []
    left: list[int] = []

    class Library:
        def prctl(self, option: int, value: int) -> int:
            asked.append((option, value))
            return 0

    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: Library())
    monkeypatch.setattr("os.getppid", lambda: seen)
    monkeypatch.setattr("os._exit", left.append)

    child._die_with(parent)

    assert asked == [(child._PR_SET_PDEATHSIG, signal.SIGKILL)]
    assert left == ([0] if leaves else [])


def test_a_child_inherits_no_secret() -> None:
    inherited = {
        "PATH": "/bin", "HOME": "/root", "LC_ALL": "C", "PYTHONPATH": "/x", "REDIS_PASSWORD": "a",
        "LOMI_REDIS__URL": "b", "S3_SECRET_KEY": "c", "DB_PASSWORD": "d", "TELEGRAM_BOT_TOKEN": "e", "HOME_SECRET": "f",
    }  # fmt: skip

    found = child_environment(inherited)

    ours = {"PYTHONPATH", *ONE_THREAD, *KEPT_PAGES}
    assert set(found) == {"PATH", "HOME", "LC_ALL", *ours}
    assert found["PYTHONPATH"].endswith(":/x")


def test_how_a_child_ended_is_said_in_words() -> None:
    assert _how_it_ended(None) == "closed its pipe"
    assert _how_it_ended(3) == "exited with 3"
    assert _how_it_ended(-11) == "was ended by SIGSEGV"
    assert _how_it_ended(-99) == "was ended by signal 99"


def test_a_machine_that_starts_no_process_is_down_and_not_the_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    from worker.judging import host

    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("subprocess.Popen", refuse)

    with pytest.raises(host.JudgeDown, match="Resource temporarily unavailable"):
        JudgingProcess(BEGIN, timeout_s=1.0).look(b"", canonical=False)


def test_how_much_memory_is_kept_is_the_operators_to_say() -> None:
    name = "MALLOC_TRIM_THRESHOLD_"

    assert child_environment({})[name] == KEPT_PAGES[name]
    assert child_environment({name: "1", "OMP_NUM_THREADS": "8"})[name] == "1"
    assert child_environment({"OMP_NUM_THREADS": "8"})["OMP_NUM_THREADS"] == "1"


def test_what_a_child_is_made_of_changes_with_a_model_and_with_its_manifest() -> None:
    from worker.engines.load import Engines

    class Loaded:
        def __init__(self, sha256: str, mode: str) -> None:
            self.session = self
            self.manifest = self
            self.sha256, self.mode = sha256, mode

        def model_dump(self, *, mode: str) -> dict[str, str]:
            return {"colour": self.mode}

    def of(*models: Loaded) -> str:
        return child.made_of(Engines(models, None))  # type: ignore[arg-type]

    assert of(Loaded("a", "rgb")) == of(Loaded("a", "rgb"))
    assert len({of(), of(Loaded("a", "rgb")), of(Loaded("b", "rgb")), of(Loaded("a", "bgr"))}) == 4
