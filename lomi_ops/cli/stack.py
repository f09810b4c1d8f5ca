"""`lomi up`, `down`, `status`, `env`: the services on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lomi_ops.config.load import Loaded
    from lomi_ops.ops.local.layout import Layout
    from lomi_ops.ops.local.status import PartStatus, StackStatus

Workers = Annotated[
    int | None,
    typer.Option(
        help="Worker processes; else stack.workers, else as many as before, at first 1.",
        min=0,
        max=64,
        show_default=False,
    ),
]
Purge = Annotated[bool, typer.Option("--purge", help="Remove all data of the stack, photos included.")]


@options.with_common
def up(common: options.Common, workers: Workers = None, format_: options.Output = Format.TEXT) -> int:
    """Start the local stack, or find it running.

    Postgres, Redis or Valkey, a folder for the objects, workers. Exit code 1 when a worker does not start, 3 when a
    service does not.
    """
    from lomi_ops.ops.local import binaries, stack

    settings = session.settings(common)
    status = stack.up(
        _layout(common, settings),
        workers=_wanted(settings) if workers is None else workers,
        source=binaries.wanted_source(),
        say=diagnostics.note,
        environ=workers_environment(common),
    )
    return _show(status, format_)


@options.with_common
def down(common: options.Common, purge: Purge = False) -> int:
    """Stop the local stack.

    Workers finish the photos in hand first. Data stay, unless --purge.
    """
    from lomi_ops.ops.local import stack

    layout = located(common)
    ran = stack.down(layout, purge=purge)
    diagnostics.note(f"stopped {', '.join(ran)}" if ran else "nothing was running")
    if purge:
        diagnostics.note(f"removed {layout.folder}")
    return int(ExitCode.OK)


@options.with_common
def status(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """Show the parts of the local stack.

    Exit code 1 when one is down, 3 when there is no stack.
    """
    from lomi_ops.ops.local import stack

    return _show(stack.status(located(common)), format_)


@options.with_common
def env(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """Print where the stack's services are, with passwords.

    For other programs: as shell variables, or as JSON.
    """
    from lomi_ops.ops.local import stack

    found = stack.connection(located(common))
    if format_ is not Format.TEXT:
        body = {"redis_url": found.redis_url, "database_url": found.database_url, "objects": found.objects}
        output.document(body, schema="lomi.env/v1", format_=format_)
        return int(ExitCode.OK)
    output.text(
        f"LOMI_REDIS_URL={found.redis_url}\nLOMI_DATABASE_URL={found.database_url}\nLOMI_OBJECTS={found.objects}"
    )
    return int(ExitCode.OK)


def located(common: options.Common) -> Layout:
    """The stack that --data, LOMI_DATA or a configuration file names, else the default one.

    With --data the settings are not read: whatever is wrong in them, a stack can be looked at and ended.
    """
    from lomi_ops.ops.local.layout import locate

    return locate(common.data) if common.data and not common.env else _layout(common, session.settings(common))


def _layout(common: options.Common, loaded: Loaded) -> Layout:
    """Raises UsageError for a profile that a flag names and that is no stack: not another one is meant then."""
    from lomi_ops.ops.local.layout import locate

    if common.env and not loaded.origins["stack.data"].endswith(f" profile {common.env}"):
        hint = f"give it stack.data, below profiles.{common.env}; or leave --env away"
        raise UsageError(f"profile {common.env} is no local stack", hint=hint)
    return locate(loaded.settings.stack.data)


def _wanted(loaded: Loaded) -> int | None:
    """Workers that somebody asks for in the settings; the default, written out or not, asks for nothing."""
    wanted = loaded.settings.stack.workers
    return None if wanted == type(loaded.settings.stack)().workers else wanted


def supervise(
    data: options.Data = None,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay attached, log to stderr.")] = False,
) -> int:
    """Keep the parts of a local stack running.

    `lomi up` starts this.
    """
    from lomi_ops.ops.local import daemon, state, supervisor
    from lomi_ops.ops.local.layout import locate

    layout = locate(data)
    state.load(layout)
    if not foreground:
        daemon.detach(layout.log("supervisor"))
    daemon.log_to_stderr()
    supervisor.supervise(layout)
    return int(ExitCode.OK)


def workers_environment(common: options.Common) -> Mapping[str, str]:
    """The workers read the files that `up` was told to read, and hold to its profile."""
    import os

    from lomi_ops.config.env import CONFIG, ENV_FILE, PROFILE

    named = {CONFIG: common.config, ENV_FILE: common.env_file, PROFILE: common.env}
    return {**os.environ, **{name: str(path) for name, path in named.items() if path is not None}}


def _show(status: StackStatus, format_: Format) -> int:
    if format_ is not Format.TEXT:
        output.document(_document(status), schema="lomi.status/v1", format_=format_)
    else:
        headers = ("part", "state", "pid", "port", "up", "restarts", "last error")
        output.table(headers, [_row(p) for p in status.parts], right=(2, 3, 5))
        output.text(f"data  {status.data}")
    if status.error:
        diagnostics.note(f"error: {status.error}")
    if not status.healthy:
        diagnostics.note(f"  logs: {status.data / 'logs'}")
    return int(ExitCode.OK if status.healthy else ExitCode.BAD)


def _document(status: StackStatus) -> dict[str, object]:
    return {
        "data": str(status.data),
        "healthy": status.healthy,
        "supervisor": _part(status.supervisor),
        "redis": _part(status.redis),
        "postgres": _part(status.postgres),
        "workers": [_part(worker) for worker in status.workers],
        "workers_wanted": status.workers_wanted,
        "error": status.error or None,
    }


def _part(part: PartStatus) -> dict[str, object]:
    body: dict[str, object] = {"name": part.name, "state": part.state.value, "pid": part.pid}
    if part.port is not None:
        body["port"] = part.port
    uptime = None if part.uptime_s is None else round(part.uptime_s, 1)
    return body | {"uptime_s": uptime, "restarts": part.restarts, "error": part.error or None}


def _row(part: PartStatus) -> tuple[str, ...]:
    good = part.state.value == "running"
    return (
        part.name,
        part.state.value if good else output.painted(part.state.value, "red" if part.pid is None else "yellow"),
        "-" if part.pid is None else str(part.pid),
        "-" if part.port is None else str(part.port),
        "-" if part.uptime_s is None else _duration(part.uptime_s),
        str(part.restarts),
        part.error or "-",
    )


def _duration(seconds: float) -> str:
    """Two units at most: 42s, 3m 20s, 5h 3m, 2d 4h."""
    minutes, rest = divmod(int(seconds), 60)
    if minutes == 0:
        return f"{rest}s"
    hours, minutes = divmod(minutes, 60)
    if hours == 0:
        return f"{minutes}m {rest}s"
    days, hours = divmod(hours, 24)
    return f"{hours}h {minutes}m" if days == 0 else f"{days}d {hours}h"
