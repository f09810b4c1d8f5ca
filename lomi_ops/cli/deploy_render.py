"""`lomi deploy render|secrets`: the files that a cluster is run from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format, counted
from lomi_ops.domain.deployment import Target
from lomi_ops.errors import ConfigError, ExitCode, UsageError

if TYPE_CHECKING:
    from lomi_ops.config.load import Loaded
    from lomi_ops.domain.deployment import Rendered
    from lomi_ops.ops.deploy.writing import Placed

TargetName = Annotated[Target, typer.Argument(help="compose, swarm, kubernetes, systemd or cron.", metavar="TARGET")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder to write to; else stdout.", metavar="DIR")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change in --out.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that say something else.")]
_MOST = 100_000


@options.with_common
def render(
    common: options.Common,
    target: TargetName,
    workers: Annotated[int | None, typer.Option(help="Workers at the start.", min=1, max=_MOST, metavar="N")] = None,
    max_workers: Annotated[
        int | None, typer.Option(help="Workers at most, where load decides.", min=1, max=_MOST, metavar="N")
    ] = None,
    project: Annotated[
        str | None, typer.Option(help="Name of the project, stack or namespace.", metavar="NAME")
    ] = None,
    image: Annotated[str, typer.Option(help="Image of the workers, without its tag.", metavar="IMAGE")] = "lomi-worker",
    ops_image: Annotated[
        str, typer.Option("--ops-image", help="Image with the command lomi, for Kubernetes.", metavar="IMAGE")
    ] = "lomi-ops",
    tag: Annotated[
        str | None, typer.Option(help="Tag of both; else this version.", metavar="TAG", show_default=False)
    ] = None,
    build: Annotated[str, typer.Option(help="Checkout of lomi that Compose builds workers from.", metavar="DIR")] = "",
    user: Annotated[str, typer.Option(help="Who runs units and cron jobs.", metavar="NAME")] = "lomi",
    mail_to: Annotated[
        str, typer.Option("--mail-to", help="Whom cron and failed units tell.", metavar="ADDRESS")
    ] = "root",
    command: Annotated[
        str, typer.Option("--command", help="Path of lomi on that machine.", metavar="PATH")
    ] = "/usr/local/bin/lomi",
    time_zone: Annotated[
        str, typer.Option("--time-zone", help="Zone of the timers in Kubernetes.", metavar="ZONE")
    ] = "UTC",
    out: Out = None,
    dry_run: DryRun = False,
    force: Force = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """Write the files that a cluster is run from.

    For Compose, a Swarm, Kubernetes, systemd or cron; complete and commented: services, health checks, limits, log
    rotation, timers. Without --out they go to stdout. No password is in them, only where it is. Files that are there
    and differ stay, unless --force says otherwise.
    """
    from lomi_ops.ops.deploy.render import render as rendered
    from lomi_ops.ops.deploy.values import Named, values
    from lomi_ops.version import __version__

    if out is None and (dry_run or force):
        raise UsageError("--dry-run and --force are about files in a folder", hint="--out DIR")
    loaded = session.settings(common)
    named = Named(
        project, workers, max_workers, image, ops_image, tag or __version__, build,
        str(common.env_file) if common.env_file else None, user, mail_to, command, time_zone,
    )  # fmt: skip
    chosen = values(target, loaded.settings, named, str(loaded.env_file or ""))
    files = rendered(target, chosen)
    if out is not None:
        from lomi_ops.ops.deploy import writing

        return _written(target, writing.place(files, out), format_, dry_run=dry_run, force=force)
    return _printed(target, files, format_)


def _printed(target: Target, files: tuple[Rendered, ...], format_: Format) -> int:
    from lomi_ops.ops.deploy.render import as_one

    if format_ is Format.TEXT:
        output.verbatim(as_one(target, files))
    else:
        body = {"target": target, "files": [{"name": each.name, "text": each.text} for each in files]}
        output.document(body, schema="lomi.deploy.render/v1", format_=format_)
    return int(ExitCode.OK)


def _written(target: Target, placed: tuple[Placed, ...], format_: Format, *, dry_run: bool, force: bool) -> int:
    from lomi_ops.ops.deploy import writing

    if not dry_run:
        writing.write(placed, force=force)
    if format_ is not Format.TEXT:
        files = [{"path": each.path, "change": each.change} for each in placed]
        body = {"target": target, "dry_run": dry_run, "files": files}
        output.document(body, schema="lomi.deploy.render/v1", format_=format_)
        return int(ExitCode.OK)
    if dry_run:
        output.verbatim("".join(each.diff() for each in placed))
        changed = sum(each.change is not writing.Change.SAME for each in placed)
        diagnostics.note(f"would write {counted(changed, 'file')} of {len(placed)}; nothing was written")
        return int(ExitCode.OK)
    for each in placed:
        output.text(f"{_WRITTEN[each.change]:<9} {each.path}")
    return int(ExitCode.OK)


_WRITTEN = {"new": "written", "same": "unchanged", "differs": "replaced"}


@options.with_common
def secrets(
    common: options.Common,
    out: Annotated[Path, typer.Option("--out", help="Folder, made for its owner only.", metavar="DIR")] = Path(
        "secrets"
    ),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which there would be.")] = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """Write each password into a file of its own.

    For Compose, `docker secret create` and `kubectl create secret --from-file`. The env file stays the source: run it
    again after a password has changed. Nothing of a password is shown.
    """
    from lomi_ops.ops.deploy import values, writing

    loaded = session.settings(common)
    found = {
        each.name: values.secret_value(loaded.settings, each)
        for each in (*values.needed(loaded.settings), *values.told(loaded.settings))
    }
    _complete(found, loaded)
    if not dry_run:
        writing.write_secrets(found, out)
    if format_ is not Format.TEXT:
        body = {"folder": out, "dry_run": dry_run, "secrets": list(found)}
        output.document(body, schema="lomi.deploy.secrets/v1", format_=format_)
        return int(ExitCode.OK)
    verb = "would write" if dry_run else "written:"
    output.text(f"{verb} {', '.join(found)} in {out}, readable by their owner only")
    return int(ExitCode.OK)


def _complete(found: dict[str, str], loaded: Loaded) -> None:
    from lomi_ops.domain.deployment import SECRETS

    problems = [f"{each.variable} is not set" for each in SECRETS if not found[each.name]]
    if problems:
        named = f" in {loaded.env_file}" if loaded.env_file else ""
        hint = f"lomi deploy secrets --env-file {loaded.env_file or 'FILE'}"
        raise ConfigError(f"passwords are missing{named}", problems=problems, hint=hint)
