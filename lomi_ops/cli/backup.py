"""`lomi backup`: saving Postgres, the queue and the settings, trying what was saved, and putting it back."""

from __future__ import annotations

from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import backup_text, diagnostics, options, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lomi_ops.ops.backup.place import Place
    from lomi_ops.runtime import Runtime

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Saving the cluster, and putting it back.")

To = Annotated[str | None, typer.Option("--to", help="Folder, or s3://bucket/prefix; else backup.to.", metavar="PLACE")]
From = Annotated[str | None, typer.Option("--from", help="Where it lies, if not in backup.to.", metavar="PLACE")]
Name = Annotated[str, typer.Argument(help="Which one: `lomi backup list`, or latest.", metavar="NAME")]


class Into(StrEnum):
    """What `--into` takes."""

    POSTGRES = "postgres"
    QUEUE = "queue"
    BOTH = "both"


@app.command("create")
@options.with_common
def backup_create(
    common: options.Common,
    to: To = None,
    keep: Annotated[
        int | None, typer.Option("--keep", help="Then remove all but the N latest.", min=1, metavar="N")
    ] = None,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Save Postgres, the queue and the settings.

    While everything runs, and without secrets. The bytes of photos are not in it. What a killed run has left is removed
    first. Exit 75 when another backup is being made.
    """
    import socket

    from lomi_ops.db.login import login
    from lomi_ops.domain.backup import backup_name
    from lomi_ops.ops.backup import create
    from lomi_ops.ops.local.binaries import wanted_source

    with session.opened(common, "redis", "database") as runtime, closing(_place(runtime, to)) as place:
        handles = create.Handles(
            database=runtime.database,
            login=login(runtime.settings.database),
            redis=runtime.redis,
            keys=runtime.queue.keys,
            place=place,
        )
        order = create.Order(
            name=backup_name(_now()),
            host=socket.gethostname(),
            actor=options.actor(actor),
            clock=_now,
            settings=_settings(runtime),
            keep=keep,
            source=wanted_source(),
        )
        done = create.create(handles, order, _say)
        backup_text.created(done, place.describe(), format_)
    return int(ExitCode.OK)


@app.command("list")
@options.with_common
def backup_list(common: options.Common, place: From = None, format_: options.Output = Format.TEXT) -> int:
    """List backups, the latest first.

    With age, size, and when one was last tried and found right.
    """
    from lomi_ops.ops.backup.place import listed

    with session.opened(common) as runtime, closing(_place(runtime, place)) as found:
        backup_text.listed(listed(found), found.describe(), _now(), format_)
    return int(ExitCode.OK)


@app.command("verify")
@options.with_common
def backup_verify(
    common: options.Common,
    name: Name = "latest",
    place: From = None,
    scratch: Annotated[
        Path | None,
        typer.Option(
            "--scratch", help="Folder for the trial's servers; else the system's for temporary files.", metavar="DIR"
        ),
    ] = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Try a backup: restore it on this machine, and compare.

    Into a Postgres and a Redis of their own, which are gone afterwards; no service of yours is touched. Exit 0 when all
    is the same, 1 when something differs, 3 when it could not be told.
    """
    import socket
    import tempfile

    from lomi_ops.ops.backup import verify
    from lomi_ops.ops.backup.place import find
    from lomi_ops.ops.local.binaries import wanted_source

    with session.opened(common) as runtime, closing(_place(runtime, place)) as lies:
        order = verify.Order(
            room=(scratch or Path(tempfile.gettempdir())).absolute(),
            host=socket.gethostname(),
            clock=_now,
            source=wanted_source(),
        )
        found = verify.verify(lies, find(lies, name), order, _say)
    backup_text.verified(found, format_)
    return int(found.exit_code)


@app.command("restore")
@options.with_common
def backup_restore(
    common: options.Common,
    name: Name,
    into: Annotated[Into, typer.Option("--into", help="What to restore: postgres, queue or both.")],
    place: From = None,
    confirm: Annotated[
        str | None,
        typer.Option(
            "--confirm", help="Of what is not empty: the name of the database, or of the list.", metavar="WORD"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit.", metavar="TEXT")] = "",
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Put a backup back where the settings say.

    A database is replaced, all of it or nothing. To a queue what it lacks is added; jobs that ran are ready again.
    Claims are paused before, and stay paused: stop the backend and old workers yourself. Exit 5 when there is something
    already and --confirm does not name it.
    """
    from lomi_ops.ops.backup import restore
    from lomi_ops.ops.backup.place import find
    from lomi_ops.ops.local.binaries import wanted_source

    with (
        session.opened(common, "redis", "database", changes=True) as runtime,
        closing(_place(runtime, place)) as lies,
    ):
        handles = _restore_handles(runtime, lies)
        source, whole = wanted_source(), restore.Into(into.value)
        plan = restore.make_plan(handles, find(lies, name), whole, source)
        if dry_run:
            backup_text.planned(plan, format_)
            return int(ExitCode.OK)
        again = f"lomi backup restore {plan.manifest.name} --into {into.value}" + (f" --from {place}" if place else "")
        restore.require_confirmed(plan, confirm, again)
        order = restore.Order(options.actor(actor), reason, _now, source)
        with _telling_of_the_pause():
            done = restore.restore(handles, plan, order, _say)
    backup_text.restored(plan, done, format_)
    return int(ExitCode.OK)


def _restore_handles(runtime: Runtime, place: Place) -> Any:
    from lomi_ops.db.login import login
    from lomi_ops.ops.backup import restore
    from lomi_ops.ops.operations import Journal

    return restore.Handles(
        database=runtime.database,
        login=login(runtime.settings.database),
        redis=runtime.redis,
        queue=runtime.queue,
        place=place,
        journal=Journal(runtime.database, diagnostics.warn),
    )


@contextmanager
def _telling_of_the_pause() -> Iterator[None]:
    """A restore that does not come to its end may leave the queue paused."""
    try:
        yield
    except BaseException:
        diagnostics.note("if it had begun, the queue stays paused: lomi queue stats, lomi queue resume")
        raise


def _place(runtime: Runtime, named: str | None) -> Place:
    from lomi_ops.ops.backup.place import open_place

    return open_place(named, runtime.settings.backup, runtime.settings.objects)


def _settings(runtime: Runtime) -> tuple[dict[str, Any], ...]:
    """As `lomi config show` has them; what looks like a secret in any other value becomes stars."""
    from lomi_ops.config.view import lines

    return tuple(
        {
            "key": line.key,
            "value": line.value if line.secret else runtime.redactor.scrub_value(line.value),
            "origin": runtime.redactor.scrub(line.origin),
            **({"secret": True} if line.secret else {}),
        }
        for line in lines(runtime.loaded)
    )


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _say(text: str) -> None:
    """Progress, for somebody who watches: cron is to hear of failures only."""
    if diagnostics.on_terminal():
        diagnostics.note(text)
