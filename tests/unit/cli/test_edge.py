"""Where a command line ends: messages, hints, exit codes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator

import pytest
import typer

from lomi_ops.cli import diagnostics, main
from lomi_ops.config.redact import Redactor
from lomi_ops.errors import Conflict, ExitCode, LockHeld, LomiError, RedisUnavailable, StackError
from tests.unit.cli.conftest import Lomi

Command = Callable[[], int]


@pytest.fixture
def doing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Command], None]:
    """Puts a command of the test's own in the place of `lomi help`."""

    def put(command: Command) -> None:
        monkeypatch.setitem(main.COMMANDS, "help", command)

    return put


def commands() -> Iterator[tuple[str, object]]:
    def walk(command: object, path: str) -> Iterator[tuple[str, object]]:
        children = getattr(command, "commands", {})
        if not children:
            yield path, command
        for name, child in children.items():
            yield from walk(child, f"{path} {name}".strip())

    return walk(typer.main.get_command(main.build()), "")


def test_every_first_sentence_fits_the_list_of_commands() -> None:
    long = {path: text for path, command in commands() if len(text := _first(command)) > 55}

    assert long == {}


def _first(command: object) -> str:
    return str(getattr(command, "help", "")).split("\n\n")[0].split(". ")[0]


def test_no_help_is_cut(lomi: Lomi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    groups = ["", *main.GROUPS]

    assert [group for group in groups if "..." in lomi(*group.split(), "--help").out.partition("Commands:")[2]] == []


@pytest.mark.parametrize(
    ("line", "problem", "command"),
    [
        ("chekc", "no such command 'chekc'. Did you mean 'check'?", "lomi"),
        ("check --nope", "no such option: --nope", "lomi check"),
        ("check -o xml", "'xml' is not one of 'text', 'short', 'json', 'jsonl'", "lomi check"),
        ("review note", "missing argument 'TEXT'", "lomi review note"),
        ("down everything", "unexpected extra argument", "lomi down"),
        ("up --workers 99", "99 is not in the range", "lomi up"),
        ("scale 4 -x", "no such option: -x", "lomi scale"),
        ("deploy render", "Choose from: compose, swarm, kubernetes, systemd, cron", "lomi deploy render"),
        ("queue show -1", "no such option: -1", "lomi queue show"),
    ],
)
def test_misuse_is_told_with_the_help_to_ask_for(lomi: Lomi, line: str, problem: str, command: str) -> None:
    said = lomi(*line.split())

    assert (said.code, said.out) == (2, "")
    assert problem in said.err.splitlines()[0]
    assert said.err.splitlines()[-1] == f"  try: {command} --help"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("scale -1", "-1 is no number of workers: 0 to 1000"),
        ("scale -1 --dry-run", "-1 is no number of workers: 0 to 1000"),
        ("scale --timeout 2m -1", "-1 is no number of workers: 0 to 1000"),
        ("scale -- -1", "-1 is no number of workers: 0 to 1000"),
        ("e2e -3", "a run sends 1 to 99 photos, not -3"),
    ],
)
def test_a_negative_number_is_refused_as_a_number_and_not_as_an_option(lomi: Lomi, line: str, problem: str) -> None:
    said = lomi(*line.split())

    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines()[0] == f"error: {problem}"


@pytest.mark.parametrize("group", ["", "backup", "queue", "config"])
def test_without_a_command_the_help_is_shown(lomi: Lomi, group: str) -> None:
    said = lomi(*group.split())

    assert said.code == 2
    assert said.err.startswith("Usage: lomi")
    assert "Commands:" in said.err


def test_the_app_without_a_terminal_says_what_to_type_instead(lomi: Lomi) -> None:
    said = lomi("review")

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: the app needs a terminal\n  try: lomi review list")


@pytest.mark.parametrize(
    "words", [("--as", "Hana", "list"), ("--filter", "reason:nsfw", "approve"), ("--data", "x", "list")]
)
def test_options_of_a_command_stand_after_its_name(lomi: Lomi, words: tuple[str, ...]) -> None:
    said = lomi("review", *words)

    assert said.code == 2
    assert f"options of {words[2]} stand after its name" in said.err


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (LomiError("x"), 1), (StackError("x"), 3), (RedisUnavailable("x"), 3), (Conflict("x"), 5), (LockHeld("x"), 75),
    ],
)  # fmt: skip
def test_an_error_brings_its_code_and_its_hint(
    lomi: Lomi, doing: Callable[[Command], None], failure: LomiError, code: int
) -> None:
    failure.hint = "lomi check"

    def fail() -> int:
        raise failure

    doing(fail)

    said = lomi("help")

    assert (said.code, said.out, said.err) == (code, "", "error: x\n  try: lomi check\n")


def test_ctrl_c_is_130_and_says_nothing(lomi: Lomi, doing: Callable[[Command], None]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    doing(interrupted)

    assert lomi("help").code == 130


def test_sigterm_unwinds_once_and_leaves_no_handler_behind(lomi: Lomi, doing: Callable[[Command], None]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    cleaned = []

    def work() -> int:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            cleaned.append(True)
        return 0

    doing(work)

    assert lomi("help").code == 143
    assert cleaned == [True]
    assert signal.getsignal(signal.SIGTERM) is before


def test_beside_the_main_thread_signals_are_left_alone(lomi: Lomi) -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(main.run(["help", "exit-codes"])))
    thread.start()
    thread.join()

    assert codes == [0]


def test_a_bug_is_one_sentence_and_its_trace_on_request_holds_no_secret(
    lomi: Lomi, doing: Callable[[Command], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> int:
        diagnostics.keep_secret(Redactor(["geheim77"]))
        raise ValueError("cannot use geheim77 or redis://:other@h")

    doing(broken)
    plain = lomi("help")
    monkeypatch.setenv("LOMI_DEBUG", "")
    traced = lomi("--debug", "help")

    assert plain.code == traced.code == 3
    assert plain.err.splitlines()[0] == "error: ValueError: cannot use *** or redis://:***@h"
    assert "--debug" in plain.err.splitlines()[1]
    assert "Traceback" not in plain.err
    assert "in broken" in traced.err
    assert "geheim77" not in plain.err + traced.err
    assert "other" not in plain.err + traced.err


def test_a_secret_that_is_an_ordinary_word_does_not_eat_the_hint(lomi: Lomi, doing: Callable[[Command], None]) -> None:
    def fail() -> int:
        diagnostics.keep_secret(Redactor(["lomi"]))
        raise LomiError("the password lomi is wrong", hint="lomi check")

    doing(fail)

    assert lomi("help").err == "error: the password *** is wrong\n  try: lomi check\n"


def test_nothing_configured_says_what_to_type(lomi: Lomi) -> None:
    for words in (["top", "--once"], ["queue", "stats", "-o", "json"], ["review", "list", "-o", "jsonl"], ["check"]):
        said = lomi(*words)
        assert (said.code, said.out) == (2, "no check ran\n" if words == ["check"] else "")
        assert said.err.splitlines()[-1].startswith("  try: lomi up")


@pytest.mark.parametrize("words", [["status"], ["env", "-o", "json"], ["down"]])
def test_without_a_stack_the_stack_commands_say_how_to_get_one(lomi: Lomi, words: list[str]) -> None:
    said = lomi(*words)

    assert (said.code, said.out) == (3, "")
    assert said.err.splitlines()[-1] == "  try: lomi up"


def test_the_exit_codes_in_the_manual_are_those_of_the_program(lomi: Lomi) -> None:
    listed = {int(line.split()[0]) for line in lomi("help", "exit-codes").out.splitlines() if line[:1].isdigit()}

    assert {int(code) for code in ExitCode} <= listed
    assert lomi("help").out.startswith("lomi help TOPIC")
    assert lomi("help", "nonsense").code == 2
