"""`lomi audit`: who did what, and that nobody has changed what is written about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import audit_text, diagnostics, options, output, session
from lomi_ops.cli.output import Format, counted
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from lomi_ops.db.audit import EntryFilter
    from lomi_ops.domain.audit_chain import Head
    from lomi_ops.domain.window import Window
    from lomi_ops.ops.audit.verify import Verdict

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who did what, and that nobody changed it.")


@app.command("list")
@options.with_common
def audit_list(
    common: options.Common,
    by: Annotated[
        str | None, typer.Option("--by", help="Only what this person or command did.", metavar="NAME")
    ] = None,
    action: Annotated[
        str | None, typer.Option("--action", help="review.approve, or all of review.", metavar="ACTION")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="media:ID, job:ID, queue, …; or only the id.", metavar="WHAT")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="24h, 7d, a date or an ISO time.", metavar="WHEN")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="The same; excluded.", metavar="WHEN")] = None,
    text: Annotated[
        str | None, typer.Option("--text", help="Somewhere in subject, reason or values.", metavar="TEXT")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=100_000, metavar="N")] = 50,
    format_: options.Output = Format.TEXT,
) -> int:
    """List what people and commands did, the latest first."""
    from lomi_ops.db.audit import EntryFilter
    from lomi_ops.ops.audit import look

    wanted = EntryFilter(by, action, subject, _window(since, until), text)
    with session.opened(common, "database") as runtime:
        found = look.listed(runtime.database, wanted, limit)
    audit_text.show_list(found, format_, _asked(wanted))
    if found.more:
        diagnostics.note(f"there are more than these {limit}: --limit N, --by, --action, --subject, --since or --text")
    return int(ExitCode.OK)


@app.command("show")
@options.with_common
def audit_show(
    common: options.Common,
    seq: Annotated[int, typer.Argument(help="Its number: `lomi audit list`.", metavar="SEQ")],
    format_: options.Output = Format.TEXT,
) -> int:
    """Show one entry: before, after, and its link."""
    from lomi_ops.ops.audit import look

    with session.opened(common, "database") as runtime:
        found = look.one(runtime.database, seq)
    if format_ is Format.TEXT:
        audit_text.show(found)
    else:
        output.document({"entry": audit_text.record(found)}, schema="lomi.audit.show/v1", format_=format_)
    return int(ExitCode.OK)


@app.command("export")
@options.with_common
def audit_export(
    common: options.Common,
    out: Annotated[
        Path | None, typer.Option("--out", help="A new file, readable by you alone; else stdout.", metavar="FILE")
    ] = None,
) -> int:
    """Write all of it as JSON lines that prove themselves.

    With salts and hashes, so that `lomi audit verify --from FILE`, or a few lines of any language, can verify the file
    years later. The names and reasons in it are personal data.
    """
    from itertools import islice

    from lomi_ops.db.audit import CHUNK
    from lomi_ops.ops import private_file
    from lomi_ops.ops.audit.lines import exported

    with session.opened(common, "database") as runtime:
        lines = exported(runtime.database)
        if out is None:
            while chunk := list(islice(lines, CHUNK)):
                output.foreign(chunk)
            return int(ExitCode.OK)
        entries = -1  # the last line is none
        with private_file.written(out) as file:
            while chunk := list(islice(lines, CHUNK)):
                file.write("".join(f"{line}\n" for line in chunk).encode())
                entries += len(chunk)
    diagnostics.note(f"{out}: {counted(entries, 'entry', 'entries')}")
    return int(ExitCode.OK)


@app.command("verify")
@options.with_common
def audit_verify(
    common: options.Common,
    file: Annotated[
        Path | None, typer.Option("--from", help="An export, instead of the database.", metavar="FILE")
    ] = None,
    anchor: Annotated[
        str | None, typer.Option("--anchor", help="What an earlier run printed as head.", metavar="SEQ:HASH")
    ] = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Prove that no entry was edited, removed or reordered.

    Reads all of it and prints the head: keep it where nobody who can change the database can change it, and give it
    back with --anchor, which finds a chain that was cut or written anew as a whole. Exit 1 when something is wrong, 3
    when there is no audit to verify.
    """
    from lomi_ops.domain import audit_chain
    from lomi_ops.ops.audit import verify

    kept = None if anchor is None else audit_chain.anchor(anchor)
    if file is not None:
        return _told(verify.verify_file(file, kept), kept, str(file), format_)
    from lomi_ops.cli.progress import bar
    from lomi_ops.db import audit

    with session.opened(common, "database") as runtime:
        head = audit.head(runtime.database) if audit.has_chain(runtime.database) else None
        with bar("verifying", head.seq if head else 0) as tell:
            verdict = verify.verify(runtime.database, kept, lambda done: tell(done, "verifying"))
        return _told(verdict, kept, runtime.database.where, format_)


def _told(verdict: Verdict, kept: Head | None, where: str, format_: Format) -> int:
    if format_ is Format.TEXT:
        audit_text.show_verdict(verdict, kept)
    else:
        body = audit_text.verdict_record(verdict, kept) | {"source": where}
        output.document(body, schema="lomi.audit.verify/v1", format_=format_)
    return int(ExitCode.OK if verdict.sound else ExitCode.BAD)


def _window(since: str | None, until: str | None) -> Window | None:
    from datetime import UTC, datetime, timedelta

    from lomi_ops.domain.window import Window, moment

    if since is None and until is None:
        return None
    now = datetime.now(UTC)
    start = datetime(1970, 1, 1, tzinfo=UTC) if since is None else moment(since, now)
    # Clocks of several machines write into it: what is a little in the future has happened, too.
    return Window(start, max(now, start) + timedelta(days=1) if until is None else moment(until, now))


def _asked(wanted: EntryFilter) -> bool:
    """Whether the list was narrowed."""
    return any((wanted.actor, wanted.action, wanted.subject, wanted.window, wanted.text))
