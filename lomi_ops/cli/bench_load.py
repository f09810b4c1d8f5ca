"""`lomi bench load`: the whole system, driven as users drive it."""

from __future__ import annotations

import random
import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from lomi_ops.cli import bench_run, diagnostics, options, progress, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import UsageError

if TYPE_CHECKING:
    from lomi_ops.ops.bench.load.run import LoadProbe
    from lomi_ops.ops.demo.samples import Sample
    from lomi_ops.ops.e2e.direct import Direct
    from lomi_ops.ops.e2e.handles import Handles
    from lomi_ops.runtime import Runtime

MOST_PER_MINUTE, LONGEST_MIN, MOST_USERS = 3_000.0, 60.0, 500
_RATE = re.compile(r"(\d+(?:\.\d+)?)(?:/(s|min|m|h))?")
_PER_MINUTE = {"s": 60.0, "min": 1.0, "m": 1.0, "h": 1 / 60}


@options.with_common
def bench_load(
    common: options.Common,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Photos of your own, in turn, instead of the samples.", metavar="PHOTO...", show_default=False
        ),
    ] = None,
    rate: Annotated[str, typer.Option(help="Photos: 500/min, 10/s.", metavar="RATE")] = "500/min",
    minutes: Annotated[float, typer.Option(help="So long users come.", min=0.05, max=LONGEST_MIN, metavar="N")] = 5.0,
    users: Annotated[int, typer.Option(help="Users of its own.", min=1, max=MOST_USERS, metavar="N")] = 100,
    timeout: Annotated[str, typer.Option(help="Wait so long for the last decisions: 90s, 2m.", metavar="TIME")] = "60s",
    seed: Annotated[int | None, typer.Option(help="The same visits as another time.", metavar="N")] = None,
    dry_run: bench_run.DryRun = False,
    yes: bench_run.Yes = False,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Drive the whole system as users do, and count.

    Test users upload batches in bursts, over slow networks, some pushed twice; workers judge them. Photos, rows and
    jobs are removed at the end, and nobody gets a push. Exit 0 when every target is met, 1 when one is missed, 3 when
    something does not answer, 5 when nobody would judge the photos.
    """
    from lomi_ops.cli import bench_text
    from lomi_ops.ops.e2e.plan import choose

    per_minute, patience_s = _rate(rate), options.seconds("--timeout", timeout)
    samples = choose(None, paths) if paths else choose(9, ())
    number = max(1, round(per_minute * minutes))
    megabytes = number * sum(len(sample.data) for sample in samples) / len(samples) / 1e6
    does = f"send {number:,} photos ({megabytes:,.0f} MB) of {users} test users in {minutes:g} min"
    with session.opened(common, *session.ALL, changes=not dry_run) as runtime, ExitStack() as held:
        from lomi_ops.cli.e2e import direct_places, handles

        if dry_run:
            return bench_text.show_plan(
                "load", does, direct_places(runtime, handles(runtime, held), users=users), format_
            )
        bench_run.agree(runtime, "load", does, yes=yes)
        probe = _probe(runtime, samples, users, options.actor(actor), seed)
        probe.per_minute, probe.minutes, probe.patience_s = per_minute, minutes, patience_s
        with progress.bar("load", number) as advance:
            probe.advance = advance
            outcome = bench_run.measured("load", probe, lambda what: advance(probe.tracker.decided, what), format_)
        return bench_run.show(outcome, format_)


def _probe(runtime: Runtime, samples: tuple[Sample, ...], users: int, actor: str, seed: int | None) -> LoadProbe:
    from lomi_ops.db.pool import Database
    from lomi_ops.ops.bench.load.crowd import THREADS, Crowd
    from lomi_ops.ops.bench.load.run import LoadProbe
    from lomi_ops.ops.bench.load.sample import Sampler
    from lomi_ops.ops.bench.load.track import Tracker
    from lomi_ops.ops.e2e.clean import Cleaner
    from lomi_ops.ops.e2e.handles import Handles
    from lomi_ops.queue.client import queue_client
    from lomi_ops.queue.meter import Meter

    section = runtime.settings.database
    # One for the locks of the users, one for whoever follows their photos.
    database = Database.from_section(section, application="lomi bench", size=THREADS + 2, tell=diagnostics.warn)
    runtime.closing(database.close)
    ear = queue_client(runtime.settings.redis)
    runtime.closing(ear.close)
    at = Handles(database, runtime.redis, runtime.queue, local=runtime.loaded.stack is not None)
    tracker = Tracker(database, runtime.queue)
    bucket = runtime.settings.objects.bucket_photos
    crowd = Crowd(
        make=lambda user_id: _way(runtime, at, user_id, actor),
        cleaner=Cleaner(at, database, runtime.objects, bucket),
        users=users,
        samples=samples,
        actor=actor,
        sent=tracker.add,
    )
    chance = random.Random(seed) if seed is not None else random.SystemRandom()
    return LoadProbe(crowd, tracker, Sampler(Meter(runtime.redis), database), ear, 0.0, 0.0, 0.0, chance)


def _way(runtime: Runtime, at: Handles, user_id: UUID, actor: str) -> Direct:
    from lomi_ops.cli.e2e import direct

    way = direct(runtime, at, actor)
    way.user_id = user_id
    return way


def _rate(text: str) -> float:
    """Photos a minute. Raises UsageError."""
    match = _RATE.fullmatch(text.strip())
    per_minute = float(match[1]) * _PER_MINUTE[match[2] or "min"] if match else 0.0
    if not 0 < per_minute <= MOST_PER_MINUTE:
        raise UsageError(f"{text!r} is no rate up to {MOST_PER_MINUTE:,.0f}/min", hint="lomi bench load --rate 500/min")
    return per_minute
