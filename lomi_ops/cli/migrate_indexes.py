"""`lomi migrate indexes`: indexes of `media` that make some questions quick, and building them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import migrate_text, options, output
from lomi_ops.cli.migrate_database import opened
from lomi_ops.cli.output import Format, size
from lomi_ops.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lomi_ops.db.migration.proposed import ProposedIndex

SCHEMA = "lomi.migrate.indexes/v1"
ALL = "all"


@options.with_common
def migrate_indexes(
    common: options.Common,
    wanted: Annotated[
        list[str] | None, typer.Option("--build", help="Build this one, or all; may be repeated.", metavar="NAME")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the SQL, of all without --build, and run nothing.")
    ] = False,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Show, or build, indexes for lists and reports.

    They are on media, the backend's table, and nothing needs them: without them such questions read all of it.
    `lomi migrate apply` builds the two for lomi review, `--build` any of them: concurrently, beside a running app; safe
    to repeat, also after kill -9. Exit 75 when another run is at work.
    """
    from datetime import UTC, datetime

    from lomi_ops.db import migrate, proposed_indexes

    names = _named(wanted or ([ALL] if dry_run else []))
    with opened(common, changes=bool(names) and not dry_run) as (database, watch):
        if dry_run:
            return migrate_text.show_dry_run(proposed_indexes.dry_run(database, names), format_, schema=SCHEMA)
        ran: tuple[str, ...] = ()
        if names:
            with migrate_text.progress() as tell:
                conduct = migrate.Conduct(tell=tell, watch=watch)
                done, there = proposed_indexes.build(
                    database, names, conduct, actor=options.actor(actor), now=lambda: datetime.now(UTC)
                )
            ran = done.steps
        else:
            there = proposed_indexes.standing(database)
    _show(there, ran, format_)
    return int(ExitCode.OK)


def _named(wanted: Sequence[str]) -> tuple[str, ...]:
    from lomi_ops.db.migration.proposed import PROPOSED

    names = tuple(each.name for each in PROPOSED)
    for each in wanted:
        if each not in (*names, ALL):
            raise UsageError(f"--build {each}: no such index", hint=f"--build {'|'.join((*names, ALL))}")
    return names if ALL in wanted else tuple(each for each in names if each in wanted)


def _show(there: Sequence[ProposedIndex], ran: Sequence[str], format_: Format) -> None:
    if format_ is not Format.TEXT:
        output.document({"built": list(ran), "indexes": list(map(_record, there))}, schema=SCHEMA, format_=format_)
        return
    for name in ran:
        output.text(f"built: {name}")
    rows = [
        (each.proposed.name, each.built.value, size(each.bytes) if each.bytes else "-", each.proposed.serves)
        for each in there
    ]
    output.table(("index", "is", "size", "makes quick"), rows, prose=(3,))
    missing = [each.proposed.name for each in there if each.built.value != "there"]
    output.text(f"lomi migrate indexes --build {missing[0]}" if missing else "all are there")


def _record(each: ProposedIndex) -> dict[str, Any]:
    return {
        "name": each.proposed.name,
        "serves": each.proposed.serves,
        "built_by_apply": each.proposed.unasked,
        "state": each.built.value,
        "bytes": each.bytes,
    }
