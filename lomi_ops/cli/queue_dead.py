"""`lomi queue dead`: dead letters, which are jobs like others and need no filter here."""

from __future__ import annotations

from typing import Annotated

import typer

from lomi_ops.cli import options, queue_ops
from lomi_ops.cli.output import Format

app = typer.Typer(
    no_args_is_help=False, invoke_without_command=True, rich_markup_mode=None,
    help="List dead letters, try them again, or delete them.",
)  # fmt: skip

DEAD = ("state:dead",)
Limit = Annotated[int, typer.Option(help="At most so many.", min=1, max=100_000, metavar="N")]
By = Annotated[str | None, typer.Option("--by", help="Count by this: error, worker, user, …", metavar="WHAT")]
Terms = Annotated[list[str] | None, typer.Argument(help="Further terms: `lomi help filters`.", metavar="FILTER...")]


@app.callback()
@options.with_common
def dead(
    common: options.Common, context: typer.Context, by: By = None, limit: Limit = 50,
    format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """List dead letters, the latest first."""
    if context.invoked_subcommand is None:
        return _listed(common, None, by, limit, format_)
    return 0


@app.command("list")
@options.with_common
def dead_list(
    common: options.Common, terms: Terms = None, by: By = None, limit: Limit = 50,
    format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """List dead letters that match, the latest first."""
    return _listed(common, terms, by, limit, format_)


@app.command("retry")
@options.with_common
def dead_retry(
    common: options.Common, terms: queue_ops.Terms = None, every: queue_ops.All = False,
    dry_run: queue_ops.DryRun = False, confirm: queue_ops.Confirm = None, reason: queue_ops.Why = "",
    actor: options.As = None, format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """Try dead letters again with all their attempts."""
    wish = queue_ops.Wish("retry", terms, every, dry_run, confirm, reason, actor, DEAD)
    return queue_ops.act(common, wish, format_)


@app.command("delete")
@options.with_common
def dead_delete(
    common: options.Common, terms: queue_ops.Terms = None, every: queue_ops.All = False,
    dry_run: queue_ops.DryRun = False, confirm: queue_ops.Confirm = None,
    for_good: queue_ops.ForGood = False, reason: queue_ops.Why = "", actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """Delete dead letters. They can be put back for a week."""
    wish = queue_ops.Wish("delete", terms, every, dry_run, confirm, reason, actor, DEAD, for_good)
    return queue_ops.act(common, wish, format_)


def _listed(common: options.Common, terms: list[str] | None, by: str | None, limit: int, format_: Format) -> int:
    from lomi_ops.cli.queue import listed
    from lomi_ops.domain import job_filter

    return listed(common, job_filter.parse([*DEAD, *(terms or [])]), by, limit, format_, "no dead letters")
