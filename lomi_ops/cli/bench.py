"""`lomi bench`: an operator's own numbers, against what was promised."""

from __future__ import annotations

from typing import Annotated

import typer

from lomi_ops.cli import bench_load, bench_run, bench_services, diagnostics, options, session
from lomi_ops.cli.output import Format

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Your own numbers, against what was promised.")


@app.command("queue")
@options.with_common
def bench_queue(
    common: options.Common,
    jobs: Annotated[int, typer.Option(help="Jobs of a queue of its own.", min=1, max=20_000, metavar="N")] = 2_000,
    seconds: bench_run.Seconds = "5s",
    at_once: bench_run.AtOnce = 4,
    dry_run: bench_run.DryRun = False,
    yes: bench_run.Yes = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """Time the queue on Redis, on one of its own.

    Round trips, pushes, the way from a push to a waiting worker, and jobs that nobody judges. No worker sees them, and
    their keys are removed. Exit 0 when every target is met, 1 when one is missed, 3 when Redis does not answer.
    """
    from lomi_ops.cli import bench_text
    from lomi_ops.ops.bench.queue import PUSHES, STARTS, QueueProbe

    limit_s = bench_run.limit(seconds)
    with session.opened(common, "redis", changes=not dry_run) as runtime:
        from lomi_ops.queue.client import doorbell_client, where
        from lomi_ops.queue.keys import Keys

        does = f"push and finish {jobs + PUSHES + STARTS:,} jobs on a queue of its own"
        place = f"keys {Keys().scratch}:* in Redis at {where(runtime.redis)}, removed at the end"
        if dry_run:
            return bench_text.show_plan("queue", does, [place], format_)
        bench_run.agree(runtime, "queue", does, yes=yes)
        bell = doorbell_client(runtime.settings.redis)
        runtime.closing(bell.close)
        return bench_run.measure("queue", QueueProbe(runtime.redis, bell, jobs, limit_s, at_once), 4, format_)


@app.command("database")
@options.with_common
def bench_database(
    common: options.Common,
    batches: Annotated[
        int, typer.Option(help="Batches of nine that are written at once.", min=1, max=2_000, metavar="N")
    ] = 100,
    seconds: bench_run.Seconds = "5s",
    at_once: bench_run.AtOnce = 4,
    dry_run: bench_run.DryRun = False,
    yes: bench_run.Yes = False,
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

    limit_s = bench_run.limit(seconds)
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
        bench_run.agree(runtime, "database", does, yes=yes)
        policy = runtime.settings.active_policy()
        probe = DatabaseProbe(database, policy, options.actor(actor), batches, limit_s, at_once)
        return bench_run.measure("database", probe, 6, format_)


app.command("storage")(bench_services.bench_storage)
app.command("compreface")(bench_services.bench_compreface)
app.command("worker")(bench_services.bench_worker)
app.command("load")(bench_load.bench_load)
