"""`lomi media`: any photo, however it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from lomi_ops.cli import (
    diagnostics,
    media_compare,
    media_history,
    media_show,
    media_text,
    options,
    output,
    review_choice,
    review_text,
    session,
)
from lomi_ops.cli.output import Format
from lomi_ops.cli.progress import bar
from lomi_ops.errors import ExitCode

Terms = Annotated[
    list[str] | None, typer.Argument(help="Terms that must all hold: `lomi help photo-filters`.", metavar="FILTER...")
]
app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Any photo and any user, however they stand.",
    epilog="A FILTER is made of terms such as status:approved 'porn>0.4' user:ID: `lomi help photo-filters`.",
)


@app.command("list")
@options.with_common
def media_list(
    common: options.Common,
    terms: Terms = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 50,
    after: Annotated[
        str | None, typer.Option("--after", help="Go on behind this photo, the last of a list.", metavar="ID")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Look back until there are enough, however far; jsonl always does.")
    ] = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """List photos, however they stand.

    The latest upload first.

    By status, reason, user, batch, scores and time. Where few match, a list looks at the latest 50,000 photos, says how
    far back that was, and which --after goes on. Without the schema lomi the rows of media are all that is known.
    """
    from lomi_ops.domain import review_filter
    from lomi_ops.ops.photos import browse, looking

    wanted = review_filter.parse(terms or [])
    behind = review_choice.media_id(after) if after else None
    with session.opened(common, "database") as runtime:
        database = runtime.database
        now = database.now()
        reach = None if everything or format_ is Format.JSONL else looking.USUAL
        with _watched(reach is None) as tell:
            listed = browse.listed(database, wanted, now=now, limit=limit, after=behind, reach=reach, tell=tell)
        share = runtime.settings.review.sample_share
        found = browse.discreet(database, listed.photos, actor=options.actor(None), at=now, share=share)
    if format_ is Format.TEXT:
        media_text.show(found, since=None if listed.full else listed.back_to)
    elif format_ is Format.JSONL:
        for each in found:
            output.line(review_text.record(each))
    else:
        body = {
            "photos": [review_text.record(each) for each in found],
            "next": str(listed.next) if listed.next else None,
            "looked_back_to": listed.back_to,
        }
        output.document(body, schema="lomi.media.list/v1")
    for line in media_text.notes(listed, limit):
        diagnostics.note(line)
    return int(ExitCode.OK)


@contextmanager
def _watched(far: bool) -> Iterator[Callable[[int], None]]:
    """A bar for a look that may take minutes; any other is over before somebody has read it."""
    if not far:
        yield lambda photos: None
        return
    with bar("looking", None) as tell:
        yield lambda photos: tell(photos, "photos looked at")


app.command("compare")(media_compare.media_compare)
app.command("show")(media_show.media_show)
app.command("history")(media_history.media_history)
