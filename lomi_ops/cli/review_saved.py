"""`lomi review filters`: filters that have names; and what `--filter` stands for."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.shown import shown
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from lomi_ops.config.sections.operating import ReviewSection
    from lomi_ops.domain.saved_filter import SavedFilter

Named = Annotated[
    str | None,
    typer.Option("--filter", help="A filter by its name: `lomi review filters list`.", metavar="NAME|FILTER"),
]
Name = Annotated[str, typer.Argument(help="Name of the filter.", metavar="NAME")]
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Filters that have names.")


def folder() -> Path | None:
    """Where a person's own filters lie."""
    from lomi_ops.config.paths import state_folder

    return state_folder(os.environ)


def known(section: ReviewSection) -> tuple[SavedFilter, ...]:
    """Raises ConfigError."""
    from lomi_ops.config.saved_filters import saved_filters

    return saved_filters(section, folder())


def meant(section: ReviewSection, text: str) -> SavedFilter:
    """What `--filter` says. Raises UsageError, ConfigError."""
    from lomi_ops.domain.saved_filter import required

    return required(known(section), text)


def pile_of(queue: Pile, found: SavedFilter) -> Pile:
    """The pile that was asked for, else that of the filter."""
    return found.pile if queue is Pile.ALL else queue


@app.command("list")
@options.with_common
def filters_list(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """List the filters that have names.

    Those of the configuration first, then your own.
    """
    with session.opened(common) as runtime:
        found = known(runtime.settings.review)
    if format_ is Format.JSONL:
        for each in found:
            output.line(_record(each))
    elif format_ is Format.JSON:
        output.document({"filters": [_record(each) for each in found]}, schema="lomi.review.filters/v1")
    elif found:
        rows = [
            (each.name, each.pile.value, shown(each.text), "you" if each.own else "configuration") for each in found
        ]
        output.table(("name", "queue", "filter", "kept by"), rows)
    else:
        output.text("no filter has a name yet")
        diagnostics.hint("lomi review filters keep sharp reason:blurry 'blur>40'")
    return int(ExitCode.OK)


@app.command("keep")
@options.with_common
def filters_keep(
    common: options.Common,
    name: Name,
    terms: Annotated[list[str], typer.Argument(help="Terms: `lomi help photo-filters`.", metavar="FILTER...")],
    format_: options.Output = Format.TEXT,
) -> int:
    """Keep a filter under a name, as a pile of your own.

    The app offers it with its piles, and `--filter NAME` takes it. One of yours with that name is replaced.
    """
    import shlex

    from lomi_ops.config.saved_filters import configured
    from lomi_ops.ops.reviews import keeping

    text = terms[0] if len(terms) == 1 else shlex.join(terms)
    with session.opened(common) as runtime:
        keeping.keep(folder(), configured(runtime.settings.review), name, text)
    if format_ is Format.TEXT:
        output.text(f"{name}: {shown(text)}")
    else:
        output.document({"name": name, "filter": text}, schema="lomi.review.filter/v1", format_=format_)
    return int(ExitCode.OK)


@app.command("forget")
@options.with_common
def filters_forget(common: options.Common, name: Name, format_: options.Output = Format.TEXT) -> int:
    """Forget a filter of your own."""
    from lomi_ops.config.saved_filters import configured
    from lomi_ops.ops.reviews import keeping

    with session.opened(common) as runtime:
        keeping.forget(folder(), configured(runtime.settings.review), name)
    if format_ is Format.TEXT:
        output.text(f"{name} is forgotten")
    else:
        output.document({"name": name, "filter": None}, schema="lomi.review.filter/v1", format_=format_)
    return int(ExitCode.OK)


def _record(each: SavedFilter) -> dict[str, object]:
    fields = asdict(each)
    return {"name": fields["name"], "filter": fields["text"], "queue": each.pile.value, "own": fields["own"]}
