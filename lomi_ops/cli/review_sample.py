"""`lomi review sample`: decided photos that are judged again without anybody knowing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import UsageError

if TYPE_CHECKING:
    from lomi_ops.domain.sampling import Kind, Sample
    from lomi_ops.ops.quality.sampling import Drawn

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Have decided photos judged again, unseen.")


@app.command("draw")
@options.with_common
def sample_draw(
    common: options.Common,
    approved: Annotated[str | None, typer.Option(help="Share of what workers approved.", metavar="SHARE")] = None,
    rejected: Annotated[str | None, typer.Option(help="Share of what workers rejected.", metavar="SHARE")] = None,
    since: Annotated[
        str, typer.Option(help="Window of the decisions: 24h, yesterday, A..B.", metavar="WINDOW")
    ] = "24h",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many it would be.")] = False,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Draw random decisions of workers into the queue.

    They look like photos that wait. The same draw twice takes the same photos, so windows may overlap.
    """
    from lomi_ops.domain.window import parse
    from lomi_ops.ops.quality import sampling

    shares = _shares(approved, rejected)
    with session.opened(common, "database", changes=not dry_run) as runtime:
        at = runtime.database.now()
        window = parse(since, at)
        drawn = sampling.draw(
            runtime.database, shares, window, actor=options.actor(actor), at=at, dry_run=dry_run
        )  # fmt: skip
    if format_ is Format.TEXT:
        for each in drawn:
            output.text(_sentence(each, dry_run=dry_run))
    else:
        body = {"window": {"start": window.start, "end": window.end}, "dry_run": dry_run, "drawn": [*map(_draw, drawn)]}
        output.document(body, schema="lomi.review.sample.draw/v1", format_=format_)
    return 0


@app.command("golden")
@options.with_common
def sample_golden(
    common: options.Common,
    media_id: Annotated[str, typer.Argument(help="A decided photo.", metavar="ID")],
    answer: Annotated[str, typer.Option("--answer", help="approved, or rejected:REASON.", metavar="ANSWER")],
    note: Annotated[str, typer.Option("--reason", help="Why this is right, for the audit.", metavar="TEXT")] = "",
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Mix a photo whose right answer is known into the queue.

    Once; it measures how well photos are judged, all judges together. Whatever is judged, the photo stays as it is.
    """
    from lomi_ops.domain.sampling import answer_of
    from lomi_ops.ops.quality import sampling

    status, word = answer_of(answer)
    photo = _media_id(media_id)
    with session.opened(common, "database", changes=True) as runtime:
        at = runtime.database.now()
        sampling.golden(runtime.database, photo, status, word, actor=options.actor(actor), at=at, note=note)
    if format_ is Format.TEXT:
        output.text(f"{photo} is golden: {answer}")
    else:
        body = {"media_id": str(photo), "status": status.value, "reason": word.value if word else None}
        output.document(body, schema="lomi.review.sample.golden/v1", format_=format_)
    return 0


@app.command("disputed")
@options.with_common
def sample_disputed(
    common: options.Common,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 50,
    format_: options.Output = Format.TEXT,
) -> int:
    """List decisions of workers that were judged otherwise.

    In samples, as far as they still hold. To override one: lomi review approve ID, or lomi review reject ID.
    """
    from lomi_ops.db import samples

    with session.opened(common, "database") as runtime:
        database = runtime.database
        found = samples.disputed(database, limit=limit + 1) if samples.has_samples(database) else ()
    more, found = len(found) > limit, found[:limit]
    if format_ is Format.TEXT:
        _show(found)
    elif format_ is Format.JSONL:
        for each in found:
            output.line(_record(each))
    else:
        output.document({"photos": [*map(_record, found)], "more": more}, schema="lomi.review.sample.disputed/v1")
    if more:
        diagnostics.note(f"there are more than these {limit}: --limit N")
    return 0


def _shares(approved: str | None, rejected: str | None) -> dict[Kind, float]:
    from lomi_ops.domain.sampling import Kind, share_of

    given = {Kind.APPROVED: ("--approved", approved), Kind.REJECTED: ("--rejected", rejected)}
    shares = {kind: share_of(text, option) for kind, (option, text) in given.items() if text is not None}
    if not shares:
        raise UsageError("nothing to draw of", hint="lomi review sample draw --approved 1% --rejected 5%")
    return shares


def _sentence(drawn: Drawn, *, dry_run: bool) -> str:
    of = drawn.of
    words = f"would draw {of.fresh}" if dry_run else f"drew {drawn.drawn}"
    known = f", {of.known} of them samples already" if of.known else ""
    return f"{drawn.kind.value}: {words} of {of.population} decisions at {drawn.probability:.3g}{known}"


def _draw(drawn: Drawn) -> dict[str, Any]:
    return {
        "kind": drawn.kind.value,
        "probability": drawn.probability,
        "population": drawn.of.population,
        "samples_before": drawn.of.known,
        "would_draw": drawn.of.fresh,
        "drawn": drawn.drawn,
    }


def _show(found: tuple[Sample, ...]) -> None:
    if not found:
        output.text("nothing was judged otherwise, or it has been decided anew")
        return
    rows = [
        (str(each.media_id), _stands(each.status, each.reason), _stands(each.judged_status, each.judged_reason))
        for each in found
    ]
    output.table(("photo", "stands as", "judged"), rows)


def _stands(status: str | None, reason: str | None) -> str:
    return f"{status} ({reason})" if reason else status or ""


def _record(sample: Sample) -> dict[str, Any]:
    """Without the name of who judged: this is about decisions, not about people."""
    return {
        "media_id": str(sample.media_id),
        "status": sample.status,
        "reason": sample.reason,
        "policy": sample.policy,
        "drawn_at": sample.drawn_at,
        "probability": sample.probability,
        "judged_at": sample.judged_at,
        "judged_status": sample.judged_status,
        "judged_reason": sample.judged_reason,
    }


def _media_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise UsageError(f"{text!r} is no media id", hint="lomi review list") from None
