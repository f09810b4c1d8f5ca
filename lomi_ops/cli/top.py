"""`lomi top`: the cluster as it is now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lomi_ops.cli import options, terminal
from lomi_ops.cli.output import Format
from lomi_ops.errors import UsageError


@options.with_common
def top(
    common: options.Common,
    once: Annotated[bool, typer.Option("--once", help="Take one look and exit.")] = False,
    every: Annotated[str, typer.Option(help="Between two looks: 500ms, 2s.", metavar="TIME")] = "1s",
    write: Annotated[bool, typer.Option("--write", help="Keys may change things; else it only looks.")] = False,
    replay: Annotated[bool, typer.Option("--replay", help="Only what was recorded; asks nobody.")] = False,
    recording: Annotated[
        Path | None, typer.Option(help="File of the recording; by default one for each cluster.", metavar="FILE")
    ] = None,
    no_record: Annotated[bool, typer.Option("--no-record", help="Keep nothing.")] = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """Show queue, workers and decisions as they are now.

    A live view with one key for each panel; `?` explains. It only looks unless --write is given, and keeps a day of
    what it saw. With --once: one look, without a terminal. Exit 3 when a source did not answer; what the others say is
    shown all the same.
    """
    if once:
        from lomi_ops.cli import top_once

        return top_once.run(common, format_)
    if format_ is not Format.TEXT:
        raise UsageError(f"-o {format_} is for one look", hint=f"lomi top --once -o {format_}")
    if replay and write:
        raise UsageError("--replay shows the past, which nobody can change", hint="lomi top --write")
    every_s = options.seconds("--every", every)
    terminal.required("lomi top --once")
    from lomi_ops.cli import top_live

    return top_live.run(common, top_live.Wanted(every_s, write, replay, recording, not no_record))
