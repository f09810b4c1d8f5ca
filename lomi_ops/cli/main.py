"""The command tree, and the one place where an error becomes a message and an exit code.

Command modules hold signatures and help; their bodies import what they need. That keeps `lomi --help` quick, and a
test keeps it true.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import typer

from lomi_ops.cli import (
    backup,
    check,
    config,
    demo,
    diagnostics,
    doctor,
    e2e,
    jobs,
    manual,
    migrate,
    models,
    moderate,
    queue,
    reconcile,
    report,
    review,
    stack,
    top,
    worker,
)
from lomi_ops.errors import ExitCode, LomiError, UsageError

INTERRUPTED, TERMINATED = 130, 143
"""128 + the signal's number, as shells say it."""

HELP = "Runs and operates a photo-moderation cluster."
EPILOG = "New here? `lomi demo` moderates nineteen photos on a stack of its own. Exit codes: `lomi help exit-codes`."

COMMANDS: dict[str, Callable[..., int]] = {
    "moderate": moderate.moderate,
    "demo": demo.demo,
    "up": stack.up,
    "status": stack.status,
    "env": stack.env,
    "down": stack.down,
    "check": check.check,
    "doctor": doctor.doctor,
    "e2e": e2e.e2e,
    "worker": worker.worker,
    "top": top.top,
    "report": report.report,
    "reconcile": reconcile.reconcile,
    "help": manual.manual,
    "_supervise": stack.supervise,
}
GROUPS = {
    "review": review.app,
    "queue": queue.app,
    "jobs": jobs.app,
    "migrate": migrate.app,
    "backup": backup.app,
    "models": models.app,
}


def build() -> typer.Typer:
    """The whole tree. Imports signatures only."""
    app = typer.Typer(
        name="lomi",
        help=HELP,
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name, command in COMMANDS.items():
        app.command(name, hidden=name.startswith("_"))(command)
    for name, group in GROUPS.items():
        app.add_typer(group, name=name)
    app.add_typer(_config_group(), name="config")
    return app


def _config_group() -> typer.Typer:
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Settings: what holds, and what there is.")
    group.command("show")(config.config_show)
    group.command("schema")(config.config_schema)
    group.command("example")(config.config_example)
    return group


def _root(
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks."),
    version: bool = typer.Option(False, "--version", "-V", help="Show the version and exit."),
) -> None:
    if debug:
        os.environ["LOMI_DEBUG"] = "1"


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code."""
    if "_LOMI_COMPLETE" in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    diagnostics.start()
    with _termination():
        return _outcome(arguments)


def _outcome(arguments: Sequence[str]) -> int:
    try:
        result = build()(list(arguments), prog_name="lomi", standalone_mode=False)
    except LomiError as failure:
        if _debugging():
            diagnostics.trace(failure)
        diagnostics.error(failure)
        return int(failure.exit_code)
    except typer.Exit as leave:
        return leave.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except SystemExit as leave:
        # Completion, SIGTERM and a closed stdout leave this way.
        return leave.code if isinstance(leave.code, int) else 0
    except Exception as other:  # noqa: BLE001 - the edge: an operator gets a sentence, the trace only on request
        return _misuse(other) if _is_misuse(other) else _bug(other)
    return result if isinstance(result, int) else int(ExitCode.OK)


@contextmanager
def _termination() -> Iterator[None]:
    """SIGTERM unwinds like Ctrl-C, so that what a command has begun is cleaned up; the worker and the supervisor put
    handlers of their own in its place. Only the main thread may do this."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, _: object) -> NoReturn:
    # A second one must not tear the cleaning up apart.
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(TERMINATED)


def _is_misuse(failure: Exception) -> bool:
    """click's own errors; the module that has them is typer's private matter."""
    return callable(getattr(failure, "format_message", None))


def _misuse(failure: Any) -> int:
    context = getattr(failure, "ctx", None)
    if type(failure).__name__ == "NoArgsIsHelpError":
        diagnostics.note(failure.format_message())
        return int(ExitCode.USAGE)
    text = failure.format_message().rstrip(".")
    command = context.command_path if context else "lomi"
    diagnostics.error(UsageError(text[:1].lower() + text[1:], hint=f"{command} --help"))
    return int(ExitCode.USAGE)


def _bug(failure: Exception) -> int:
    if _debugging():
        diagnostics.trace(failure)
    text = f"{type(failure).__name__}: {failure}"
    diagnostics.error(LomiError(text, hint="lomi --debug, for the trace: this is a bug in lomi, please report it"))
    return int(ExitCode.UNKNOWN)


def _debugging() -> bool:
    return bool(os.environ.get("LOMI_DEBUG"))
