"""`lomi bench`: an operator's own numbers, against what was promised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import asking, diagnostics, options, progress, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import Refused

if TYPE_CHECKING:
    from lomi_ops.ops.bench.probe import Probe
    from lomi_ops.runtime import Runtime

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Your own numbers, against what was promised.")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done, and where.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask, on a cluster that is no local stack.")]
Seconds = Annotated[str, typer.Option("--for", help="The longest part takes so long at most: 5s, 1m.", metavar="TIME")]
AtOnce = Annotated[int, typer.Option(help="So many things at once.", min=1, max=64, metavar="N")]
LONGEST_S = 600.0


@app.command("queue")
@options.with_common
def bench_queue(
    common: options.Common,
    jobs: Annotated[int, typer.Option(help="Jobs of a queue of its own.", min=1, max=20_000, metavar="N")] = 2_000,
    seconds: Seconds = "5s",
    at_once: AtOnce = 4,
    dry_run: DryRun = False,
    yes: Yes = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """Time the queue on Redis, on one of its own.

    Round trips, pushes, the way from a push to a waiting worker, and jobs that nobody judges. No worker sees them, and
    their keys are removed. Exit 0 when every target is met, 1 when one is missed, 3 when Redis does not answer.
    """
    from lomi_ops.cli import bench_text
    from lomi_ops.ops.bench.queue import PUSHES, STARTS, QueueProbe

    limit_s = _limit(seconds)
    with session.opened(common, "redis", changes=not dry_run) as runtime:
        from lomi_ops.queue.client import doorbell_client, where
        from lomi_ops.queue.keys import Keys

        does = f"push and finish {jobs + PUSHES + STARTS:,} jobs on a queue of its own"
        place = f"keys {Keys().scratch}:* in Redis at {where(runtime.redis)}, removed at the end"
        if dry_run:
            return bench_text.show_plan("queue", does, [place], format_)
        _agree(runtime, "queue", does, yes=yes)
        bell = doorbell_client(runtime.settings.redis)
        runtime.closing(bell.close)
        return _measure("queue", QueueProbe(runtime.redis, bell, jobs, limit_s, at_once), 4, format_)


@app.command("database")
@options.with_common
def bench_database(
    common: options.Common,
    batches: Annotated[
        int, typer.Option(help="Batches of nine that are written at once.", min=1, max=2_000, metavar="N")
    ] = 100,
    seconds: Seconds = "5s",
    at_once: AtOnce = 4,
    dry_run: DryRun = False,
    yes: Yes = False,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Time the writes and reads of Postgres, on marked rows.

    Uploads as the backend enters them, batches as workers settle them, photos as the app asks for them. The rows are a
    test user's, whom the app shows to nobody, and are removed. Exit 0 when every target is met, 1 when one is missed, 3
    when Postgres does not answer.
    """
    from lomi_ops.cli import bench_text
    from lomi_ops.domain.marked import USER_NAME

    limit_s = _limit(seconds)
    with session.opened(common, "database", changes=not dry_run) as runtime:
        from lomi_ops.db.pool import Database
        from lomi_ops.ops.bench.database import ALONE, DatabaseProbe

        section = runtime.settings.database
        database = Database.from_section(section, application="lomi bench", size=at_once + 1, tell=diagnostics.warn)
        runtime.closing(database.close)
        does = f"write up to {batches + ALONE} batches of nine photos that do not exist"
        place = f"rows of a user {USER_NAME} who is not active, in Postgres at {database.where}, removed at the end"
        if dry_run:
            return bench_text.show_plan("database", does, [place], format_)
        _agree(runtime, "database", does, yes=yes)
        policy = runtime.settings.active_policy()
        probe = DatabaseProbe(database, policy, options.actor(actor), batches, limit_s, at_once)
        return _measure("database", probe, 6, format_)


def _measure(area: str, probe: Probe, parts: int, format_: Format) -> int:
    """One document, whatever happens."""
    from lomi_ops.cli import bench_text

    with progress.bar("measuring", parts) as advance:
        seen: list[str] = []

        def tell(what: str) -> None:
            advance(len(seen), what)
            seen.append(what)

        try:
            outcome = probe.run(tell)
        except BaseException as failure:
            if format_ is not Format.TEXT:
                bench_text.failed(area, failure, probe.left, format_)
            bench_text.tell_left(area, probe.left)
            raise
    return bench_text.show(outcome, format_)


def _limit(seconds: str) -> float:
    limit_s = options.seconds("--for", seconds)
    if not 0 < limit_s <= LONGEST_S:
        raise Refused(f"a part takes at most {LONGEST_S:g} s, not {limit_s:g}", hint="--for 10s")
    return limit_s


def _agree(runtime: Runtime, area: str, does: str, *, yes: bool) -> None:
    """Raises Refused where nobody agrees to a load on a cluster that may serve users now."""
    if yes or runtime.loaded.stack is not None:
        return
    again = f"lomi bench {area} --yes"
    if not asking.somebody():
        raise Refused(f"this would {does}, on a cluster that is no local stack; nobody is here to be asked", hint=again)
    if not asking.confirmed(f"{does}, on a cluster that may serve users now?"):
        raise Refused("nothing was done", hint=f"lomi bench {area} --dry-run")
