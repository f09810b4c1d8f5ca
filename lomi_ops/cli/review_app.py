"""`lomi review` without a command: the app."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import options, output, review_saved, terminal
from lomi_ops.domain.pile import Pile
from lomi_ops.errors import UsageError
from lomi_ops.tui import garbage

if TYPE_CHECKING:
    from lomi_ops.domain.saved_filter import SavedFilter
    from lomi_ops.tui.review.forked import Forked

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
    from lomi_ops.cli import review_desk

    far = review_desk.begun()
    try:
        far.open(review_desk.Wish(common, options.actor(actor), queue, wanted or ""))
        return _start(far, images)
    finally:
        far.close()


def _start(far: Forked, images: str | None) -> int:
    from lomi_ops.tui.review.start import start

    return start(far, keep=_keep, images=images, ascii_only=output.ascii_only(), environ=os.environ)


def _keep(known: tuple[SavedFilter, ...], name: str, text: str) -> tuple[SavedFilter, ...]:
    from lomi_ops.ops.reviews import keeping

    return keeping.keep(review_saved.folder(), known, name, text)
