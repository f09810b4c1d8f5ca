"""`lomi migrate`: what the database lacks, and the step that adds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from lomi_ops.cli import options, output, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from lomi_ops.db.migrate import MediaState, MigrationState

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The columns of media, and lomi's schema.")


@app.command("verify")
@options.with_common
def migrate_verify(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """Say what the database lacks.

    Exit 0 when nothing is missing, 1 when something is. Changes nothing.
    """
    from lomi_ops.db import migrate

    with session.opened(common, "database") as runtime:
        state = migrate.state(runtime.database)
    complete = state.media.complete and state.current
    _show(state, format_, complete=complete)
    return int(ExitCode.OK if complete else ExitCode.BAD)


@app.command("apply")
@options.with_common
def migrate_apply(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """Add what the database lacks.

    Six columns and two indexes of media, and the schema lomi. Safe to repeat, also beside a running app.
    """
    from lomi_ops.db import migrate

    with session.opened(common, "database", changes=True) as runtime:
        migrate.apply_media_columns(runtime.database)
        migrate.apply(runtime.database)
        state = migrate.state(runtime.database)
    complete = state.media.complete and state.current
    _show(state, format_, complete=complete)
    return int(ExitCode.OK if complete else ExitCode.BAD)


def _show(state: MigrationState, format_: Format, *, complete: bool) -> None:
    pending = [f"{migration.version:04}_{migration.name}" for migration in state.pending]
    if format_ is not Format.TEXT:
        body = {
            "complete": complete,
            "version": state.version,
            "media_exists": state.media.exists,
            "media_columns_missing": list(state.media.missing_columns),
            "media_indexes_missing": list(state.media.missing_indexes),
            "media_indexes_invalid": list(state.media.invalid_indexes),
            "pending": pending,
            "altered": list(state.altered),
            "newer": list(state.newer),
        }
        output.document(body, schema="lomi.migrate/v1", format_=format_)
        return
    media, schema = _media_words(state.media), _schema_words(state, pending)
    output.table(("part", "state"), [("media", media), ("schema lomi", schema)])
    output.text("complete" if complete else f"not complete: {_next_step(state)}")


def _media_words(media: MediaState) -> str:
    if not media.exists:
        return "there is no such table here"
    missing = ", ".join((*media.missing_columns, *media.missing_indexes))
    return f"missing: {missing}" if missing else "complete"


def _schema_words(state: MigrationState, pending: list[str]) -> str:
    words = [f"{name} is newer than this lomi" for name in state.newer]
    words += [f"{name} ran with another text" for name in state.altered]
    words += [f"missing: {', '.join(pending)}"] if pending else []
    return "; ".join(words) or "complete"


def _next_step(state: MigrationState) -> str:
    if not state.media.exists:
        return "name the backend's database: lomi config show --origin"
    if state.newer or state.altered:
        return "install the lomi that made this schema"
    return "lomi migrate apply"
