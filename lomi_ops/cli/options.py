"""Options that many commands share, and the decorator that gives them to a command as one value."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from lomi_ops.cli import diagnostics
from lomi_ops.cli.common import Common as Common
from lomi_ops.cli.output import Format

Output = Annotated[Format, typer.Option("--output", "-o", help="text, json or jsonl.")]
Config = Annotated[Path | None, typer.Option("--config", help="Configuration file (YAML).", metavar="FILE")]
EnvFile = Annotated[Path | None, typer.Option("--env-file", help="Environment file (.env.production).", metavar="FILE")]
As = Annotated[str | None, typer.Option("--as", help="Who does it; else LOMI_ACTOR, else the login.", metavar="NAME")]
Env = Annotated[
    str | None, typer.Option("--env", help="Profile of the configuration file; else LOMI_ENV.", metavar="NAME")
]
Data = Annotated[Path | None, typer.Option("--data", help="Folder of a local stack.", metavar="DIR")]


_before_the_command: str | None = None
"""What --env says that stands before the name of the command, as in an alias."""


def start(env: str | None) -> None:
    """A new command line."""
    global _before_the_command
    _before_the_command = env


def chosen_env(env: str | None) -> str | None:
    """The command's own --env, else the one before its name."""
    return env or _before_the_command


def with_common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --env, --config, --env-file and --data to a command, which gets them as the keyword `common: Common`."""
    signature = inspect.signature(command, eval_str=True)
    own = [p for name, p in signature.parameters.items() if name != "common"]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in (("env", Env), ("config", Config), ("env_file", EnvFile), ("data", Data))
    ]

    @functools.wraps(command)
    def wrapper(
        *args: Any, env: str | None, config: Path | None, env_file: Path | None, data: Path | None, **kwargs: Any
    ) -> Any:
        common = Common(config, env_file, data, chosen_env(env))
        diagnostics.repeat_profile(common.env)
        return command(*args, common=common, **kwargs)

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + shared
    wrapper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": signature.return_annotation}
    del wrapper.__wrapped__
    return wrapper


def actor(name: str | None) -> str:
    """Who acts: `--as`, else LOMI_ACTOR, else the login name."""
    if name or (name := os.environ.get("LOMI_ACTOR")):
        return name
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid:{os.getuid()}"


def profile_name(name: str) -> str:
    """Raises UsageError for what cannot be the name of a profile."""
    from lomi_ops.config.profiles import NAME, NAMES
    from lomi_ops.errors import UsageError

    if not NAME.fullmatch(name):
        raise UsageError(f"a profile {NAMES}", hint="--env staging")
    return name


def seconds(option: str, text: str) -> float:
    """Of `90s`, `10m`, `2h`, `1d`; a bare number is in seconds. Raises UsageError."""
    from lomi_ops.domain import span
    from lomi_ops.errors import UsageError

    found = span.seconds(text)
    if found is None:
        raise UsageError(f"{text!r} is no span of time", hint=f"{option} 10m ({span.UNITS})")
    return found
