"""`lomi privacy`: what is held on one user, as an archive; erased; or kept from being erased."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import options, output, privacy_text, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lomi_ops.ops.privacy.survey import Handles
    from lomi_ops.runtime import Runtime

Deed = Any
"""`privacy.hold` or `privacy.release`."""

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What is held on one user, and erasing it.")

User = Annotated[str, typer.Argument(help="User id, or Telegram id.", metavar="USER")]
Why = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.", metavar="TEXT")]


@app.command("export")
@options.with_common
def privacy_export(
    common: options.Common,
    user: User,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A new file; else lomi-privacy-USER.tar.gz here.", metavar="FILE.tar.gz"),
    ] = None,
    names: Annotated[bool, typer.Option("--names", help="Leave the names of people who review in it.")] = False,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Write everything held on a user into one archive.

    Rows, decisions with what engines saw, notes, audit entries, jobs, messages and the photos themselves, with a
    manifest of counts and checksums. No secrets; people who review are numbers in it. Readable by you alone.
    """
    from lomi_ops.ops.privacy import archive
    from lomi_ops.ops.privacy.survey import look, person

    with session.opened(common, *session.ALL, changes=True) as runtime:
        at = _handles(runtime)
        found = look(at, person(at.database, user))
        path = out or Path(f"lomi-privacy-{found.trail.person.user_id}.tar.gz")
        with _watched(len(found.objects)) as tell:
            done = archive.write(
                at, found, path,
                actor=options.actor(actor), now=at.database.now(), scrub=runtime.redactor.scrub, names=names, tell=tell,
            )  # fmt: skip
    privacy_text.show_export(found, done, format_)
    return int(ExitCode.OK)


@app.command("erase")
@options.with_common
def privacy_erase(
    common: options.Common,
    user: User,
    reason: Why,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    confirm: Annotated[
        int | None, typer.Option("--confirm-count", help="Do it only if there are exactly so many photos.", metavar="N")
    ] = None,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Erase everything held on a user, for good.

    Jobs, messages, photos, their rows, decisions, notes, hashes, samples; the words of audit entries, whose places
    stay. An interrupted run is gone on with by the same command. Exit 5 while a hold or a worker is in the way, or the
    number of photos is another one. What backups, logs and the backend's own tables hold stays: docs/privacy.md.
    """
    from lomi_ops.ops.privacy import erase
    from lomi_ops.ops.privacy.survey import person

    with session.opened(common, *session.ALL, changes=not dry_run) as runtime:
        at = _handles(runtime)
        who = person(at.database, user)
        erase.require_silence(who, reason)
        found = erase.plan(at, who)
        if dry_run or not found.counts:
            privacy_text.show_plan(found, format_, dry_run=dry_run)
            return int(ExitCode.BAD if found.unnameable and not dry_run else ExitCode.OK)
        again = shlex.join(["lomi", "privacy", "erase", user, "--reason", reason])
        erase.require_count(found, confirm, again)
        with _watched(len(found.objects)) as tell:
            done = erase.erase(at, found, actor=options.actor(actor), reason=reason, now=at.database.now, tell=tell)
    privacy_text.show_erased(found, done, format_)
    return int(ExitCode.BAD if done.left or found.unnameable else ExitCode.OK)


@app.command("hold")
@options.with_common
def privacy_hold(
    common: options.Common, user: User, reason: Why, actor: options.As = None, format_: options.Output = Format.TEXT
) -> int:
    """Keep everything on a user from being erased.

    A legal hold: until `lomi privacy release` an erasure ends with exit 5 and names who holds it and why.
    """
    from lomi_ops.db import privacy

    return _held(common, user, reason, actor, format_, privacy.hold, "held: nothing of user {} can be erased")


@app.command("release")
@options.with_common
def privacy_release(
    common: options.Common, user: User, reason: Why, actor: options.As = None, format_: options.Output = Format.TEXT
) -> int:
    """End a hold."""
    from lomi_ops.db import privacy

    return _held(common, user, reason, actor, format_, privacy.release, "released: user {} can be erased")


@app.command("holds")
@options.with_common
def privacy_holds(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """List the holds that are in force."""
    from lomi_ops.db import audit, privacy
    from lomi_ops.ops.privacy.survey import NO_RECORD

    with session.opened(common, "database") as runtime:
        known = audit.has_chain(runtime.database)
        found = privacy.holds(runtime.database) if known else ()
    privacy_text.show_holds(found, () if known else (NO_RECORD,), format_)
    return int(ExitCode.OK)


def _held(
    common: options.Common, user: str, reason: str, actor: str | None, format_: Format, deed: Deed, said: str
) -> int:
    from lomi_ops.ops.audit.look import require_audit
    from lomi_ops.ops.privacy.survey import person

    if not reason.strip():
        raise UsageError("--reason says nothing", hint="say why in a few words: a hold is on record")
    with session.opened(common, "database", changes=True) as runtime:
        require_audit(runtime.database)
        who = person(runtime.database, user)
        deed(runtime.database, who.user_id, actor=options.actor(actor), reason=reason, at=runtime.database.now())
    if format_ is Format.TEXT:
        output.text(said.format(who.user_id))
    else:
        body = {"user_id": str(who.user_id), "held": deed.__name__ == "hold", "reason": reason}
        output.document(body, schema="lomi.privacy.hold/v1", format_=format_)
    return int(ExitCode.OK)


@contextmanager
def _watched(objects: int) -> Iterator[Callable[[], None]]:
    """Draws on a terminal how many objects are through: a user with many photos takes a while."""
    from lomi_ops.cli.progress import bar

    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        advance(done, "objects")

    with bar("objects", objects) as advance:
        yield tell


def _handles(runtime: Runtime) -> Handles:
    from lomi_ops.ops.privacy.survey import Handles

    objects = runtime.settings.objects
    buckets = tuple(dict.fromkeys((objects.bucket_photos, *objects.extra_buckets)))
    return Handles(runtime.database, runtime.redis, runtime.queue, runtime.objects, buckets)
