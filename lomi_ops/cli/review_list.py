"""`lomi review list`: what people should look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import diagnostics, media_text, options, output, review_saved, review_text, session
from lomi_ops.cli.output import Format
from lomi_ops.domain.pile import Pile
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lomi_ops.db.pool import Database
    from lomi_ops.domain.review_filter import ReviewFilter
    from lomi_ops.ops.reviews.piles import Lying
    from lomi_ops.ops.reviews.reaching import End, Reached

Terms = Annotated[
    list[str] | None, typer.Argument(help="Terms that must all hold: `lomi help photo-filters`.", metavar="FILTER...")
]


@options.with_common
def review_list(
    common: options.Common,
    terms: Terms = None,
    queue: Annotated[Pile, typer.Option(help="Which photos.")] = Pile.ALL,
    reason: Annotated[str | None, typer.Option(help="Only this reason, e.g. blurry.")] = None,
    named: review_saved.Named = None,
    count: Annotated[
        bool, typer.Option("--count", help="Only how many lie on each pile; more than 10,000 are no further counted.")
    ] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 50,
    everything: Annotated[
        bool, typer.Option("--all", help="Look back until there are enough, however far; jsonl always does.")
    ] = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """List photos that wait, or were rejected or failed.

    Those that wait for a person come first, the longest waiting ahead; then the latest that were decided. What waits
    for a worker is not listed. Suspected minors lie on a pile of their own. Where few match a filter, a list looks at
    the latest 50,000 photos that were rejected or failed, and says how it goes on.
    """
    from lomi_ops.ops.photos import looking
    from lomi_ops.ops.quality import covering
    from lomi_ops.ops.reviews import piles, reaching

    wanted = _filter(terms, reason)
    with session.opened(common, "database") as runtime:
        if named:
            found_filter = review_saved.meant(runtime.settings.review, named)
            queue, wanted = review_saved.pile_of(queue, found_filter), found_filter.wanted.joined(wanted)
        database = runtime.database
        now = database.now()
        if count:
            review_text.show_counts(piles.counts(database, queue, wanted, now=now), format_)
            return int(ExitCode.OK)
        reach = None if everything or format_ is Format.JSONL else looking.USUAL
        reached = reaching.listed(database, queue, wanted, now=now, limit=limit, reach=reach)
        share = runtime.settings.review.sample_share
        found = covering.listed(database, reached.photos, queue, actor=options.actor(None), at=now, share=share)
        apart = queue is Pile.ALL and _any_minor(database, wanted)
    _show(found, reached, format_)
    if reached.end:
        _tell_end(reached.end, f"{wanted.text} {f'reason:{reason}' if reason else ''}".strip(), limit)
    elif reached.more:
        diagnostics.note(f"there are more than these {limit}: --limit N, --queue, --reason or a filter")
    if apart:
        diagnostics.note("suspected minors lie apart: lomi review list --queue minors")
    return int(ExitCode.OK)


def _show(found: Sequence[Lying], reached: Reached, format_: Format) -> None:
    back_to = reached.end.back_to if reached.end else None
    if format_ is Format.JSONL:
        for each in found:
            output.line(review_text.record(each))
    elif format_ is not Format.TEXT:
        body = {
            "photos": [review_text.record(each) for each in found],
            "more": reached.more,
            "looked_back_to": back_to,
        }
        output.document(body, schema="lomi.review.list/v1")
    elif reached.end and not found:
        output.text(f"nothing to look at since {media_text.minute(back_to)}")
    else:
        review_text.show(found)


def _tell_end(end: End, asked: str, limit: int) -> None:
    import shlex

    further = f"lomi media list status:{end.pile} {shlex.quote(asked)} --after {end.media_id}"
    diagnostics.note(
        f"looked at what {_STANDS[end.pile]} back to {media_text.minute(end.back_to)} UTC and no further:"
        f" --all looks on until there are {limit}, and this lists what was uploaded before: {further}"
    )


_STANDS = {Pile.REJECTED: "was rejected", Pile.FAILED: "failed"}


def _filter(terms: list[str] | None, reason: str | None) -> ReviewFilter:
    from lomi_ops.domain import review_filter

    wanted = review_filter.parse(terms or [])
    return wanted.with_reason(reason) if reason else wanted


def _any_minor(database: Database, wanted: ReviewFilter) -> bool:
    from lomi_ops.ops.reviews import piles

    found = piles.photos(database, Pile.MINORS, wanted, now=database.now(), size=50)
    return next(found, None) is not None
