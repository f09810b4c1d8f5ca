"""`lomi top` on a terminal."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lomi_ops.cli import options, output, session
from lomi_ops.errors import UsageError

if TYPE_CHECKING:
    from lomi_ops.ops.live.recording import Recording
    from lomi_ops.runtime import Runtime
    from lomi_ops.tui.top.source import ClusterSource


@dataclass(frozen=True, slots=True)
class Wanted:
    """The command line."""

    every_s: float
    write: bool
    replay: bool
    file: Path | None
    record: bool


def run(common: options.Common, wanted: Wanted) -> int:
    from lomi_ops.tui import garbage
    from lomi_ops.tui.top.options import FASTEST_S, SLOWEST_S, Options
    from lomi_ops.tui.top.start import start

    if not FASTEST_S <= wanted.every_s <= SLOWEST_S:
        raise UsageError(f"--every {wanted.every_s:g}s is not within {FASTEST_S:g}s and {SLOWEST_S:g}s")
    garbage.put_off()
    needs = () if wanted.replay else ("redis", "database")
    with session.opened(common, *needs) as runtime, ExitStack() as stack:
        settings = runtime.settings
        shown = Options(
            name=settings.profile or "",
            colour=settings.colour or "",
            every_s=wanted.every_s,
            write=wanted.write,
            plain=output.ascii_only(),
            replay=wanted.replay,
        )
        source = None if wanted.replay else source_of(stack, runtime, common)
        return start(source, _recording(wanted, runtime), shown)


def source_of(stack: ExitStack, runtime: Runtime, common: options.Common) -> ClusterSource:
    from lomi_ops.cli.top_eyes import opened
    from lomi_ops.tui.top.source import ClusterSource

    eyes = opened(stack, runtime)
    quick = eyes.quick
    return ClusterSource(
        eyes.looking(),
        quick.redis,
        quick.queue.keys,
        quick.queue.now_ms,
        _said_again(common),
        eyes.transport.meter.forget,
    )


def _said_again(common: options.Common) -> tuple[str, ...]:
    """The options that chose this cluster, for the commands that the view runs."""
    given = (
        ("--env", common.env),
        ("--config", common.config),
        ("--env-file", common.env_file),
        ("--data", common.data),
    )
    return tuple(word for name, value in given if value is not None for word in (name, str(value)))


def _recording(wanted: Wanted, runtime: Runtime) -> Recording | None:
    from lomi_ops.ops.live.recording import Recording

    if not wanted.record and not wanted.replay:
        return None
    path = wanted.file or _default(runtime)
    if path is None:
        if wanted.replay:
            raise UsageError("there is no home folder with a recording", hint="lomi top --replay --recording FILE")
        return None
    return Recording(path, create=not wanted.replay)


def _default(runtime: Runtime) -> Path | None:
    """One for each profile, and one for each stack."""
    from lomi_ops.config.paths import state_folder

    folder = state_folder(os.environ)
    if folder is None:
        return None
    stack = runtime.loaded.stack
    name = runtime.settings.profile or ("default" if stack is None else str(stack).strip("/").replace("/", "-"))
    return folder / "top" / f"{name}.db"
