"""`lomi review` without a command: the app."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import options, output, review_saved, session, terminal
from lomi_ops.domain.pile import Pile
from lomi_ops.errors import LomiError, UsageError
from lomi_ops.tui import garbage

if TYPE_CHECKING:
    from subprocess import Popen

    from lomi_ops.queue.jobs import JobQueue
    from lomi_ops.runtime import Runtime

IMAGES = ("auto", "kitty", "sixel", "blocks", "none")
As = Annotated[str | None, typer.Option("--as", help="Who reviews; else LOMI_ACTOR, else the login.", metavar="NAME")]


@options.with_common
def review(
    ctx: typer.Context,
    common: options.Common,
    queue: Annotated[Pile, typer.Option(help="Which photos first.")] = Pile.ALL,
    wanted: review_saved.Named = None,
    images: Annotated[str | None, typer.Option(help=", ".join(IMAGES) + "; else review.images.", metavar="HOW")] = None,
    actor: As = None,
) -> int | None:
    """Look at what waits or was rejected, and decide.

    An app with one key for each action. Photos are grey and blurred until a key reveals them. Without a terminal: the
    commands below.
    """
    if ctx.invoked_subcommand is not None:
        if common.config or common.env_file or common.data or wanted or actor:
            hint = f"lomi review {ctx.invoked_subcommand} --help"
            raise UsageError(f"options of {ctx.invoked_subcommand} stand after its name", hint=hint)
        return None
    terminal.required("lomi review list; lomi review approve ID --reason TEXT")
    garbage.put_off()
    if images is not None and images not in IMAGES:
        raise UsageError(f"{images!r} is no way to show photos", hint=f"--images {'|'.join(IMAGES)}")
    from lomi_ops.tui.review import darkroom

    drawing = darkroom.begun()  # it gets ready while the settings are read
    try:
        with session.opened(common, "database", "objects", changes=True) as runtime:
            return _run(runtime, drawing, queue, wanted or "", images, options.actor(actor))
    finally:
        darkroom.end(drawing)


def _run(
    runtime: Runtime, drawing: Popen[bytes], pile: Pile, wanted: str, images: str | None, actor: str
) -> int:  # fmt: skip
    from lomi_ops.ops.reviews import keeping
    from lomi_ops.ops.reviews.desk import Desk
    from lomi_ops.tui.review.start import start

    section = runtime.settings.review
    desk = Desk(runtime.database, None, actor, section)
    saved = review_saved.known(section)
    if wanted:
        found = review_saved.meant(section, wanted)
        pile, wanted = review_saved.pile_of(pile, found), found.text
    return start(
        desk,
        lambda: _queue(runtime),
        lambda: runtime.objects,
        drawing,
        runtime.settings,
        pile=pile,
        wanted=wanted,
        saved=saved,
        keep=lambda known, name, text: keeping.keep(review_saved.folder(), known, name, text),
        images=images or section.images,
        ascii_only=output.ascii_only(),
        environ=os.environ,
    )


def _queue(runtime: Runtime) -> JobQueue:
    """Where due decisions are told from here; a worker does it where Redis is not configured."""
    try:
        return runtime.queue
    except LomiError as failure:
        raise LomiError(f"{failure.message}: workers tell the app what is decided here") from failure
