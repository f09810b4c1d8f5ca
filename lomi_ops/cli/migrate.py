"""`lomi migrate`: what the database lacks, and the step that adds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from lomi_ops.cli import options, output
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from lomi_ops.db.migrate import MigrationState

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The columns of media, and lomi's schema.")
NEEDS = frozenset({"database"})


@app.command("verify")
@options.with_common
def migrate_verify(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """Say what is missing. Exit 0 when nothing is, 1 when something is."""
    from lomi_ops.db import migrate
    from lomi_ops.runtime import opened

    with opened(needs=NEEDS, config=common.config, env_file=common.env_file, data=common.data) as runtime:
        state = migrate.state(runtime.database)
    complete = state.media.complete and state.current
    _show(state, format_, complete=complete)
    return int(ExitCode.OK if complete else ExitCode.BAD)


@app.command("apply")
@options.with_common
def migrate_apply(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """Add what is missing: six columns and two indexes of media, and the schema lomi. Safe to repeat."""
    from lomi_ops.db import migrate
    from lomi_ops.runtime import opened

    with opened(needs=NEEDS, config=common.config, env_file=common.env_file, data=common.data) as runtime:
        migrate.apply_media_columns(runtime.database)
        migrate.apply(runtime.database)
        state = migrate.state(runtime.database)
    complete = state.media.complete and state.current
    _show(state, format_, complete=complete)
    return int(ExitCode.OK if complete else ExitCode.BAD)


def _show(state: MigrationState, format_: Format, *, complete: bool) -> None:
    lists: dict[str, Any] = {
        "media_columns_missing": list(state.media.missing_columns),
        "media_indexes_missing": list(state.media.missing_indexes),
        "media_indexes_invalid": list(state.media.invalid_indexes),
        "pending": [migration.name for migration in state.pending],
        "altered": list(state.altered),
        "newer": list(state.newer),
    }
    if format_ is not Format.TEXT:
        output.document({"complete": complete, "version": state.version, **lists}, schema="lomi.migrate/v1")
        return
    if not state.media.exists:
        output.text("media: there is no such table here")
    for name, values in lists.items():
        if values:
            output.text(f"{name.replace('_', ' ')}: {', '.join(values)}")
    output.text("complete" if complete else "not complete: lomi migrate apply")
