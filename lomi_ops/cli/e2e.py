"""`lomi e2e N`: photos from the upload to the published message, each leg against its target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import ConfigError, ExitCode, UsageError

if TYPE_CHECKING:
    from lomi_ops.ops.demo.samples import Sample
    from lomi_ops.ops.e2e.clean import Cleaner
    from lomi_ops.ops.e2e.direct import Direct
    from lomi_ops.ops.e2e.handles import Handles, WayIn
    from lomi_ops.ops.e2e.run import Run
    from lomi_ops.runtime import Runtime

ROOM = 2
"""Sessions of Postgres: one holds the lock of the run."""


class Via(StrEnum):
    """What --via takes."""

    DIRECT = "direct"
    BACKEND = "backend"


class FailOn(StrEnum):
    """What --fail-on takes."""

    FAIL = "fail"
    WARNING = "warning"


@options.with_common
def e2e(
    common: options.Common,
    number: Annotated[int | None, typer.Argument(help="How many photos.", metavar="N", show_default=False)] = None,
    photos: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Photos of your own, in turn, instead of the samples.", metavar="PHOTO...", show_default=False
        ),
    ] = None,
    via: Annotated[
        Via, typer.Option(help="direct: as the backend does; backend: through its API, as a user's app.")
    ] = Via.DIRECT,
    timeout: Annotated[str, typer.Option(help="Wait so long for the decisions: 90s, 2m.", metavar="TIME")] = "60s",
    keep: Annotated[bool, typer.Option("--keep", help="Leave photos, rows and jobs where they are.")] = False,
    clean: Annotated[bool, typer.Option("--clean", help="Send nothing; remove what killed runs have left.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent or removed.")] = False,
    fail_on: Annotated[FailOn, typer.Option(help="warning: exit 4 when a target was missed.")] = FailOn.FAIL,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Send photos through the real system and time each leg.

    They are removed afterwards, and nobody gets a push. Exit 0 when all were decided, 1 when one was lost, failed or
    not decided in time, 3 when something did not answer. A missed target is a warning. jsonl gives each photo as soon
    as it is through.
    """
    if clean:
        if number is not None or via is Via.BACKEND:
            raise UsageError("--clean sends nothing, and needs nothing but the settings", hint="lomi e2e --clean")
        return _clean(common, format_, dry_run=dry_run)
    from lomi_ops.ops.e2e.plan import choose

    limit_s = options.seconds("--timeout", timeout)
    samples = choose(number, photos or ())
    with _opened(common, via, options.actor(actor)) as (way_in, at, places):
        if dry_run:
            return _plan(samples, via, places, format_)
        return _run(way_in, at, samples, limit_s, format_, keep=keep, strict=fail_on is FailOn.WARNING)


def _run(
    way_in: WayIn, at: Handles, samples: Sequence[Sample], limit_s: float, format_: Format, *, keep: bool, strict: bool
) -> int:
    """One document, whatever happens: what is known so far, and what went wrong."""
    from lomi_ops.cli import e2e_live, e2e_text
    from lomi_ops.ops.e2e.run import Run

    with e2e_live.watched(format_) as tell:
        run = Run(way_in, at, samples, limit_s, keep=keep, tell=tell)
        try:
            run.go()
        except BaseException as failure:
            if format_ is not Format.TEXT:
                e2e_text.document(run.outcome(), format_, failure=failure)
            _tell_left(run)
            raise
    outcome = run.outcome()
    code = outcome.exit_code(fail_on_warning=strict)
    if format_ is Format.TEXT:
        e2e_text.show(outcome)
    else:
        e2e_text.document(outcome, format_, code=code)
    return int(code)


def _tell_left(run: Run) -> None:
    outcome = run.outcome()
    for left in outcome.left:
        diagnostics.warn(f"{left.what} {left.name} is still there: {left.why}")
    if outcome.left and outcome.via == "direct":
        diagnostics.hint("lomi e2e --clean")


def _plan(samples: Sequence[Sample], via: Via, places: Sequence[str], format_: Format) -> int:
    from lomi_ops.ops.e2e.plan import batches

    sizes = [len(batch) for batch in batches(samples)]
    if format_ is Format.TEXT:
        jobs = output.counted(len(sizes), "batch", "batches")
        output.text(f"would send {output.counted(len(samples), 'photo')} in {jobs} by way of {via.value}")
        output.text("\n".join(places))
    else:
        body = {
            "dry_run": True,
            "via": via.value,
            "photos": [s.name for s in samples],
            "batches": sizes,
            "into": places,
        }
        output.document(body, schema="lomi.e2e.plan/v1", format_=format_)
    return int(ExitCode.OK)


def _clean(common: options.Common, format_: Format, *, dry_run: bool) -> int:
    from lomi_ops.cli import e2e_text

    with session.opened(common, *session.ALL, changes=True) as runtime, ExitStack() as held:
        cleaner = _cleaner(runtime, handles(runtime, held))
        if dry_run:
            return e2e_text.leftovers(cleaner.found(), format_)
        cleaned = cleaner.clean_all()
    e2e_text.show_cleaned(cleaned, format_)
    return int(ExitCode.BAD if cleaned.left else ExitCode.OK)


@contextmanager
def _opened(common: options.Common, via: Via, actor: str) -> Iterator[tuple[WayIn, Handles, list[str]]]:
    """The way in, where it can be followed, and where things would go, in words."""
    needs = session.ALL if via is Via.DIRECT else ()
    with session.opened(common, *needs, changes=True) as runtime, ExitStack() as held:
        at = handles(runtime, held, named_only=via is Via.BACKEND)
        if via is Via.DIRECT:
            yield direct(runtime, at, actor), at, direct_places(runtime, at)
            return
        from lomi_ops.ops.e2e.through_backend import ThroughBackend

        backend = runtime.backend
        if backend is None:
            raise ConfigError("no backend is configured", hint="set backend.url (LOMI_BACKEND__URL)")
        section = runtime.settings.objects
        has_objects = (section.directory is not None or section.endpoint) and not _stray(runtime)
        store = runtime.objects if has_objects else None
        places = [f"photos and batches: the backend at {backend.label}"]
        yield ThroughBackend(at, backend, runtime.settings.backend, store, section.bucket_photos), at, places


def handles(runtime: Runtime, held: ExitStack, *, named_only: bool = False) -> Handles:
    """What is configured. A local stack that nobody named has nothing to do with somebody's backend: `named_only`."""
    from lomi_ops.db.pool import Database
    from lomi_ops.ops.e2e.handles import Handles

    settings = runtime.settings
    has_database = settings.database.url is not None or settings.database.host
    has_redis = settings.redis.url is not None or settings.redis.host or settings.redis.sentinels
    stray = named_only and _stray(runtime)
    database = None
    if has_database and not stray:
        database = held.enter_context(
            Database.from_section(settings.database, application="lomi e2e", size=ROOM, tell=diagnostics.warn)
        )
    client, queue = (runtime.redis, runtime.queue) if has_redis and not stray else (None, None)
    return Handles(database, client, queue, local=runtime.loaded.stack is not None and not stray)


def _stray(runtime: Runtime) -> bool:
    """Whether the services are those of a local stack that nobody named."""
    return runtime.loaded.stack is not None and runtime.loaded.origins["stack.data"] == "default"


def direct(runtime: Runtime, at: Handles, actor: str) -> Direct:
    """The way in of the backend, for `lomi e2e` and `lomi bench load`."""
    from lomi_ops.ops.e2e.direct import Direct
    from lomi_ops.ops.reconcile import links

    assert at.database is not None
    section, store = runtime.settings.objects, runtime.objects
    signed = links.signer(section)
    bucket = section.bucket_photos
    return Direct(
        at=at,
        database=at.database,
        store=store,
        bucket=bucket,
        link=lambda key: signed(key) or store.url(bucket, key),
        actor=actor,
        now=at.database.now,
        say=diagnostics.note,
    )


def direct_places(runtime: Runtime, at: Handles, *, users: int = 1) -> list[str]:
    """Where things go on that way, in words."""
    from lomi_ops.domain.marked import USER_NAME
    from lomi_ops.queue.client import where
    from lomi_ops.queue.keys import QUEUE

    assert at.database is not None
    assert at.redis is not None
    who = f"a user {USER_NAME} who is not active" if users == 1 else f"{users} users {USER_NAME} who are not active"
    return [
        f"photos: bucket {runtime.settings.objects.bucket_photos} in {runtime.objects.describe()}",
        f"rows: {who}, and their photos, in Postgres at {at.database.where}",
        f"jobs: {QUEUE} in Redis at {where(at.redis)}",
    ]


def _cleaner(runtime: Runtime, at: Handles) -> Cleaner:
    from lomi_ops.ops.e2e.clean import Cleaner

    assert at.database is not None
    return Cleaner(at, at.database, runtime.objects, runtime.settings.objects.bucket_photos)
