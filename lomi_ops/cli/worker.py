"""`lomi worker`: the process that judges photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lomi_ops.cli import diagnostics, options, output
from lomi_ops.errors import ExitCode


@options.with_common
def worker(
    common: options.Common,
    policy: Annotated[str | None, typer.Option(help="Policy by name.", metavar="NAME")] = None,
    slots: Annotated[int | None, typer.Option(help="Jobs in hand at once.", min=1, max=32)] = None,
    healthcheck: Annotated[
        bool, typer.Option("--healthcheck", help="Ask the worker on this machine, and exit.")
    ] = False,
    health_file: Annotated[
        Path | None, typer.Option(help="Where the worker notes its state.", metavar="FILE", show_default=False)
    ] = None,
) -> int:
    """Judge photos from the queue until told to stop.

    SIGTERM finishes the job in hand; a second one gives it back. Without the models and engines that the policy
    requires it exits with the command that installs them.
    """
    if healthcheck:
        return _healthcheck(health_file)
    from lomi_ops.cli import judging

    overrides: dict[str, object] = {}
    if slots is not None:
        overrides["worker.slots"] = slots
    if health_file is not None:
        overrides["worker.health_file"] = health_file
    return judging.run_worker(common, policy, overrides)


def _healthcheck(path: Path | None) -> int:
    """0 when every worker of this user here is healthy, 1 when one is not, 3 when there is none."""
    import os
    import time

    from lomi_ops.cli import judging

    if path is None and (named := os.environ.get("LOMI_WORKER__HEALTH_FILE")):
        path = Path(named)
    complaints = judging.worker_complaints(path, time.time())
    if complaints is None:
        diagnostics.note("error: no worker runs here")
        diagnostics.hint("lomi worker")
        return int(ExitCode.UNKNOWN)
    for complaint in complaints:
        diagnostics.note(f"error: {complaint}")
    if complaints:
        diagnostics.hint("look at its log; restart it")
    if not complaints:
        output.text("healthy")
    return int(ExitCode.BAD if complaints else ExitCode.OK)
