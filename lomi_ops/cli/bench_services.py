"""`lomi bench storage`, `compreface` and `worker`: what a photo needs besides the queue and the database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lomi_ops.cli import bench_run, options, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import ConfigError

LARGEST = 20_000
"""kB of an object: the largest photo that is judged."""


@options.with_common
def bench_storage(
    common: options.Common,
    objects: Annotated[int, typer.Option(help="Objects of its own.", min=1, max=1_000, metavar="N")] = 100,
    size: Annotated[int, typer.Option(help="Of each, in kB.", min=1, max=LARGEST, metavar="KB")] = 400,
    seconds: bench_run.Seconds = "10s",
    at_once: bench_run.AtOnce = 8,
    dry_run: bench_run.DryRun = False,
    yes: bench_run.Yes = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """Time the object store, on objects of its own.

    Uploads as an app makes them, reads as workers do. The objects lie below a prefix where no photo is, and are
    removed. Exit 0 when every target is met, 1 when one is missed, 3 when the store does not answer.
    """
    from lomi_ops.cli import bench_text
    from lomi_ops.ops.bench.storage import PREFIX, StorageProbe

    limit_s = bench_run.limit(seconds)
    with session.opened(common, "objects", changes=not dry_run) as runtime:
        store, bucket = runtime.objects, runtime.settings.objects.bucket_photos
        does = f"write up to {objects * size / 1e3:,.0f} MB in {objects} objects, and read them"
        place = f"{PREFIX}* in bucket {bucket} in {store.describe()}, removed at the end"
        if dry_run:
            return bench_text.show_plan("storage", does, [place], format_)
        bench_run.agree(runtime, "storage", does, yes=yes)
        probe = StorageProbe(store, bucket, objects, size * 1000, limit_s, at_once)
        return bench_run.measure("storage", probe, 5, format_)


@options.with_common
def bench_compreface(
    common: options.Common,
    photos: Annotated[int, typer.Option(help="So often it is asked.", min=1, max=10_000, metavar="N")] = 200,
    seconds: bench_run.Seconds = "20s",
    dry_run: bench_run.DryRun = False,
    yes: bench_run.Yes = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """Time CompreFace, by one portrait.

    One look at a time, then as many as all workers of one machine ask for (`compreface.concurrency` at each endpoint).
    It keeps no photo. Exit 0 when every target is met, 1 when one is missed, 3 when it does not answer.
    """
    from lomi_ops.cli import bench_text

    limit_s = bench_run.limit(seconds)
    with session.opened(common, changes=not dry_run) as runtime:
        from lomi_ops.ops.bench.faces import ALONE, FacesProbe

        faces, section = runtime.faces, runtime.settings.compreface
        if faces is None:
            raise ConfigError("no CompreFace is configured", hint="set compreface.urls or COMPREFACE_URL")
        urls = list(dict.fromkeys(section.urls))
        does = f"show CompreFace one portrait up to {photos + ALONE + 1} times"
        if dry_run:
            return bench_text.show_plan("compreface", does, [f"endpoint: {url}" for url in urls], format_)
        bench_run.agree(runtime, "compreface", does, yes=yes)
        probe = FacesProbe(faces, len(urls), section.concurrency, photos, limit_s)
        return bench_run.measure("compreface", probe, 3, format_)


@options.with_common
def bench_worker(
    common: options.Common,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Photos of your own, in turn, instead of the samples.", metavar="PHOTO...", show_default=False
        ),
    ] = None,
    photos: Annotated[int, typer.Option(help="So many by all processes.", min=1, max=10_000, metavar="N")] = 200,
    policy: Annotated[str | None, typer.Option(help="Policy by name.", metavar="NAME")] = None,
    seconds: bench_run.Seconds = "20s",
    dry_run: bench_run.DryRun = False,
    yes: bench_run.Yes = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """Time the judging of photos on this machine.

    By the models and the policy of the settings, in as many processes as half of the cores, with CompreFace where one
    is configured. No queue, no database. Exit 0 when every target is met, 1 when one is missed, 3 when CompreFace is
    needed and does not answer.
    """
    from lomi_ops.cli import bench_text, judging
    from lomi_ops.ops.bench.judging import ALONE, BATCHES, WorkerProbe
    from lomi_ops.ops.e2e.plan import choose

    limit_s = bench_run.limit(seconds)
    samples = choose(None, paths) if paths else choose(9, ())
    with session.opened(common) as runtime:
        chosen = judging.chosen_policy(runtime.settings, policy)
        does = f"judge up to {photos + ALONE + 9 * BATCHES + 1} photos by policy {chosen.ref}"
        urls = [f"asks CompreFace at {url}" for url in runtime.settings.compreface.urls]
        if dry_run:
            return bench_text.show_plan("worker", does, ["in processes of this machine", *urls], format_)
        if urls:  # otherwise it loads nothing but this machine
            bench_run.agree(runtime, "worker", does, yes=yes)
        with judging.judged_again(runtime, chosen) as judge:
            probe = WorkerProbe(judge, [sample.data for sample in samples], photos, limit_s)
            return bench_run.measure("worker", probe, 4, format_)
