"""`lomi migrate`: how the database differs from what this program makes, and the steps that make it so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import migrate_text, options, output, session
from lomi_ops.cli.migrate_database import opened
from lomi_ops.cli.migrate_indexes import migrate_indexes
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from lomi_ops.db.migrate import Differences

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The columns of media, and lomi's schema.")

SCHEMA = "lomi.migrate/v1"


@app.command("verify")
@options.with_common
def migrate_verify(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """Say in what the database differs.

    Columns, types, defaults, indexes, rows; what is missing, and what is there that no migration made. Exit 0 when
    nothing differs, 1 when something does, 3 when it could not be told. Changes nothing.
    """
    from lomi_ops.db import migrate

    with session.opened(common, "database") as runtime:
        found = migrate.differences(runtime.database)
    if format_ is Format.TEXT:
        output.text("\n".join(migrate_text.lines(found)))
    else:
        output.document(migrate_text.record(found), schema=SCHEMA, format_=format_)
    return _code(found)


@app.command("apply")
@options.with_common
def migrate_apply(
    common: options.Common,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the SQL instead, and run nothing.")] = False,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Add what the database lacks.

    Six columns and two indexes of media, the status of old rows, the schema lomi, and where the role owns media two
    indexes for lomi review. Beside a running app: short locks, small transactions, indexes built concurrently. Safe to
    repeat, also after kill -9. Exit 1 when something is left that a person must mend, 75 when another run is at work.
    """
    from datetime import UTC, datetime

    from lomi_ops.db import migrate

    with opened(common) as (database, watch):
        if dry_run:
            return migrate_text.show_dry_run(migrate.dry_run(database), format_, schema=SCHEMA)
        with migrate_text.progress() as tell:
            conduct = migrate.Conduct(tell=tell, watch=watch)
            ran, found = migrate.apply_all(database, conduct, actor=options.actor(actor), now=lambda: datetime.now(UTC))
    if format_ is Format.TEXT:
        output.text("\n".join([*migrate_text.deeds(ran), *migrate_text.lines(found)]))
    else:
        output.document(migrate_text.record(found) | migrate_text.deeds_record(ran), schema=SCHEMA, format_=format_)
    return _code(found)


@app.command("status")
@options.with_common
def migrate_status(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """Show what is applied, since when, and what is not.

    Exit 0 whatever that is: `lomi migrate verify` is the one that judges.
    """
    from lomi_ops.db import migrate

    with session.opened(common, "database") as runtime:
        state = migrate.state(runtime.database)
    if format_ is Format.TEXT:
        migrate_text.show_status(state)
    else:
        output.document(migrate_text.status(state), schema="lomi.migrate.status/v1", format_=format_)
    return int(ExitCode.OK)


app.command("indexes")(migrate_indexes)


def _code(found: Differences) -> int:
    """A difference that is known outweighs what is not known."""
    if found.found:
        return int(ExitCode.BAD)
    return int(ExitCode.UNKNOWN if found.unread else ExitCode.OK)
