"""The command tree, and the one place where an error becomes a message and an exit code.

Command modules hold signatures and help; their bodies import what they need. That keeps `lomi --help` quick, and a
test keeps it true.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence

import typer

from lomi_ops.cli import (
    check,
    config,
    demo,
    diagnostics,
    manual,
    migrate,
    models,
    moderate,
    queue,
    report,
    review,
    stack,
    top,
    worker,
)
from lomi_ops.errors import ExitCode, LomiError

HELP = "Runs and operates a photo-moderation cluster."
EPILOG = "New here? `lomi demo` moderates a dozen photos on a stack of its own. Exit codes: `lomi help exit-codes`."

COMMANDS: dict[str, Callable[..., int]] = {
    "moderate": moderate.moderate,
    "demo": demo.demo,
    "up": stack.up,
    "status": stack.status,
    "env": stack.env,
    "down": stack.down,
    "check": check.check,
    "worker": worker.worker,
    "top": top.top,
    "report": report.report,
    "help": manual.manual,
    "_supervise": stack.supervise,
}
GROUPS = {
    "review": review.app,
    "queue": queue.app,
    "migrate": migrate.app,
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
    try:
        result = build()(list(arguments), prog_name="lomi", standalone_mode=False)
    except LomiError as failure:
        if _debugging():
            diagnostics.trace(failure)
        diagnostics.error(failure)
        return int(failure.exit_code)
    except typer.Exit as leave:
        return leave.exit_code
    except typer.Abort:
        return 130
    except KeyboardInterrupt:
        return 130
    except SystemExit as leave:
        # The completion machinery leaves this way.
        return leave.code if isinstance(leave.code, int) else 0
    except BrokenPipeError:
        return _quiet_pipe()
    except Exception as bug:  # noqa: BLE001 - the edge: an operator gets a sentence, the trace only on request
        return _usage_or_bug(bug)
    return result if isinstance(result, int) else int(ExitCode.OK)


def _usage_or_bug(failure: Exception) -> int:
    show = getattr(failure, "show", None)
    code = getattr(failure, "exit_code", None)
    if callable(show) and isinstance(code, int):
        show()
        return code
    if _debugging():
        diagnostics.trace(failure)
    diagnostics.note(f"error: {type(failure).__name__}: {failure}")
    diagnostics.note("  this is a bug in lomi; run again with `lomi --debug …` for the trace")
    return 70


def _quiet_pipe() -> int:
    """`lomi … | head` closes our stdout: not an error, and Python must not complain at exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 128 + signal.SIGPIPE


def _debugging() -> bool:
    return bool(os.environ.get("LOMI_DEBUG"))
