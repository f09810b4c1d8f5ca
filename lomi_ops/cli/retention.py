"""`lomi retention`: how long what lomi wrote is kept, and trimming it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import options, output, session
from lomi_ops.cli.output import Format
from lomi_ops.domain.retention import WHAT
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from lomi_ops.domain.retention import Kept, Place

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="How long what lomi wrote is kept.")


@app.command("show")
@options.with_common
def retention_show(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """Show the limits, and how many rows lie beyond them.

    The limits are in the configuration, under `retention`. Rows of users on whom there is a legal hold stay. Exit 3
    where lomi keeps no record yet.
    """
    from lomi_ops.ops import retention

    with session.opened(common, "database") as runtime:
        limits = retention.limits(runtime.settings.retention)
        found = retention.look(runtime.database, limits, runtime.database.now())
    _show(found, format_)
    return int(ExitCode.OK)


@app.command("trim")
@options.with_common
def retention_trim(
    common: options.Common,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing when all went well.")] = False,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Remove what lies beyond the limits, for good.

    For cron. In small transactions, while everything runs; safe to interrupt and to repeat. Decisions and photos are
    never touched, the chain of the audit stays whole. Exit 75 while another run is at work.
    """
    from lomi_ops.ops import retention

    with session.opened(common, "database", changes=not dry_run) as runtime:
        database, limits = runtime.database, retention.limits(runtime.settings.retention)
        if dry_run:
            _show(retention.look(database, limits, database.now()), format_)
            return int(ExitCode.OK)
        gone = retention.trim(database, limits, actor=options.actor(actor), now=database.now())
    if not quiet:
        _show_gone(gone, format_)
    return int(ExitCode.OK)


def _show(found: Sequence[Kept], format_: Format) -> None:
    if format_ is not Format.TEXT:
        output.document({"places": [_record(each) for each in found]}, schema="lomi.retention/v1", format_=format_)
        return
    output.table(("place", "kept", "oldest", "would go", "on hold", "what it is"), list(map(_row, found)), right=(3, 4))


def _show_gone(gone: Mapping[Place, int], format_: Format) -> None:
    if format_ is not Format.TEXT:
        body = {"gone": {place.value: number for place, number in gone.items()}}
        output.document(body, schema="lomi.retention.trim/v1", format_=format_)
    elif gone:
        rows = [(place.value, str(number), WHAT[place]) for place, number in gone.items()]
        output.table(("place", "went", "what it was"), rows, right=(1,))
    else:
        output.text("nothing lies beyond its limit")


def _row(each: Kept) -> tuple[str, ...]:
    place, due = each.limit.place, f"{each.due}+" if each.more else str(each.due)
    return place.value, _days(each.limit.days), _day(each.oldest), due, str(each.held), WHAT[place]


def _record(each: Kept) -> dict[str, Any]:
    return {"place": each.limit.place, "days": each.limit.days, "what": WHAT[each.limit.place]} | {
        name: value for name, value in asdict(each).items() if name != "limit"
    }


def _days(days: int | None) -> str:
    return "for ever" if days is None else output.counted(days, "day")


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at else "-"
