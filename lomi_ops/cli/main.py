"""The command tree, and the one place where an error becomes a message and an exit code.

Command modules hold signatures and help, and are imported when one of their commands is asked for (`late.py`); their
bodies import what they need. That keeps every start quick, and a test keeps it true.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import typer

from lomi_ops.cli import diagnostics, ending, options
from lomi_ops.cli.late import Entry, Late, group_of
from lomi_ops.errors import ExitCode, LomiError, MissingExtra, UsageError

HELP = "Runs and operates a photo-moderation cluster."
EPILOG = "New here? `lomi demo` moderates nineteen photos on a stack of its own. Exit codes: `lomi help exit-codes`."

COMMANDS: dict[str, Entry] = {
    "moderate": Late("moderate:moderate", "Judge photos on their own: no queue, no database"),
    "demo": Late("demo:demo", "Send photos through a local stack, see each decision"),
    "init": Late("init:init", "Write a configuration from the files that are here"),
    "up": Late("stack:up", "Start the local stack, or find it running"),
    "status": Late("stack:status", "Show the parts of the local stack"),
    "env": Late("stack:env", "Print where the stack's services are, with passwords"),
    "down": Late("stack:down", "Stop the local stack"),
    "check": Late("check:check", "Check all that a deploy rests on"),
    "doctor": Late("doctor:doctor", "Explain what is wrong and what to do first"),
    "e2e": Late("e2e:e2e", "Send photos through the real system and time each leg"),
    "worker": Late("worker:worker", "Judge photos from the queue until told to stop"),
    "scale": Late("scale:scale", "Start or drain workers until there are N"),
    "autoscale": Late("autoscale:autoscale", "Add and take workers by what the queue needs"),
    "top": Late("top:top", "Show queue, workers and decisions as they are now"),
    "report": Late("report:report", "Summarise uploads, or one side of them"),
    "reconcile": Late("reconcile:reconcile", "Bring back pending photos that nobody would look at"),
    "completion": Late("completion:completion", "Print the completion script of a shell"),
    "help": Late("manual:manual", "Explain what belongs to no single command"),
    "_supervise": Late("stack:supervise", "Keep the parts of a local stack running"),
}
GROUPS: dict[str, Entry] = {
    "alerts": Late("alerts:app", "Rules over the cluster's numbers"),
    "workers": Late("workers:app", "Who is at work, what they say, telling them what to do"),
    "review": Late("review:app", "Look at what waits or was rejected, and decide"),
    "remoderate": Late("remoderate:app", "Judge decided photos again, and make what comes of it hold"),
    "media": Late("media:app", "Any photo and any user, however they stand"),
    "audit": Late("audit:app", "Who did what, and that nobody changed it"),
    "privacy": Late("privacy:app", "What is held on one user, and erasing it"),
    "retention": Late("retention:app", "How long what lomi wrote is kept"),
    "queue": Late("queue:app", "What waits, runs and died; acting on it"),
    "jobs": Late("jobs:app", "Hand photos in, follow them, look back"),
    "metrics": Late("metrics:app", "The cluster in numbers, for Prometheus and for a phone"),
    "migrate": Late("migrate:app", "The columns of media, and lomi's schema"),
    "backup": Late("backup:app", "Saving the cluster, and putting it back"),
    "deploy": Late("deploy:app", "Files to run the cluster from, and new versions"),
    "bench": Late("bench:app", "Your own numbers, against what was promised"),
    "models": Late("models:app", "The models that look at photos"),
    "policy": Late("policy:app", "The thresholds by which photos are judged"),
    "config": Late("config:app", "Settings: what holds, and what there is"),
}


def build() -> typer.Typer:
    """The whole tree. A command is imported when it is asked for."""
    app = typer.Typer(
        name="lomi",
        cls=group_of({**COMMANDS, **GROUPS}),
        help=HELP,
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    return app


def _root(
    env: options.Env = None,
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks."),
    version: bool = typer.Option(False, "--version", "-V", help="Show the version and exit."),
) -> None:
    options.start(env)
    if debug:
        os.environ["LOMI_DEBUG"] = "1"


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code."""
    diagnostics.start((*COMMANDS, *GROUPS))
    with ending.heard():
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
        return ending.INTERRUPTED
    except SystemExit as leave:
        # Completion, SIGTERM and a closed stdout leave this way.
        return leave.code if isinstance(leave.code, int) else 0
    except ModuleNotFoundError as absent:
        return _incomplete(absent)
    except Exception as other:  # noqa: BLE001 - the edge: an operator gets a sentence, the trace only on request
        return _misuse(other) if _is_misuse(other) else _bug(other)
    return result if isinstance(result, int) else int(ExitCode.OK)


def _is_misuse(failure: Exception) -> bool:
    """click's own errors; the module that has them is typer's private matter."""
    return callable(getattr(failure, "format_message", None))


def _misuse(failure: Any) -> int:
    context = getattr(failure, "ctx", None)
    if type(failure).__name__ == "NoArgsIsHelpError":
        diagnostics.note(failure.format_message())
        return int(ExitCode.USAGE)
    text = " ".join(failure.format_message().split()).rstrip(".")
    command = context.command_path if context else "lomi"
    diagnostics.error(UsageError(text[:1].lower() + text[1:], hint=f"{command} --help"))
    return int(ExitCode.USAGE)


def _incomplete(absent: ModuleNotFoundError) -> int:
    """A package that this command needs is not there, as in the image of a worker."""
    package = (absent.name or "").partition(".")[0]
    if package in ("", "lomi_ops", "worker"):
        return _bug(absent)
    if _debugging():
        diagnostics.trace(absent)
    text = f"this lomi has no {package}, which the command needs"
    diagnostics.error(MissingExtra(text, hint="pip install lomi-ops, on a machine that you operate from"))
    return int(ExitCode.USAGE)


def _bug(failure: Exception) -> int:
    if _debugging():
        diagnostics.trace(failure)
    text = f"{type(failure).__name__}: {failure}"
    diagnostics.error(LomiError(text, hint="lomi --debug, for the trace: this is a bug in lomi, please report it"))
    return int(ExitCode.UNKNOWN)


def _debugging() -> bool:
    return bool(os.environ.get("LOMI_DEBUG"))
