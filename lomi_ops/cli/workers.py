"""`lomi workers`: who is at work, what they say, and telling them what to do."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import diagnostics, options, output, session, workers_logs, workers_restart, workers_tell
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from lomi_ops.ops.workers.look import Fleet
    from lomi_ops.runtime import Runtime

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Who is at work, what they say, telling them what to do.",
    epilog="A WORKER is named by its container, its host and process, or the start of either: `lomi workers list`.",
)

Memory = Annotated[bool, typer.Option("--memory", help="Ask the engine how much memory each uses now.")]


@app.command("list")
@options.with_common
def workers_list(common: options.Common, memory: Memory = False, format_: options.Output = Format.TEXT) -> int:
    """List all workers and how they stand.

    Their containers, and what they registered; of old ones their logs tell. Exit 3 when Docker or Redis did not answer;
    what the other says is shown all the same.
    """
    from lomi_ops.cli import workers_text

    with session.opened(common, "redis") as runtime:
        fleet = look(runtime)
        used = _memory(runtime, fleet) if memory else {}
    if format_ is Format.JSON:
        body = {"at": fleet.at, "workers": [workers_text.record(each, used) for each in fleet.members]}
        output.document(body | workers_text.sources(fleet), schema="lomi.workers/v1")
    elif format_ is Format.JSONL:
        for each in fleet.members:
            output.line(workers_text.record(each, used))
    else:
        workers_text.show(fleet, used)
    for failure in fleet.failures:
        diagnostics.error(failure)
    return int(ExitCode.UNKNOWN if fleet.failures else ExitCode.OK)


@app.command("inspect")
@options.with_common
def workers_inspect(
    common: options.Common,
    name: Annotated[str, typer.Argument(help="Which one.", metavar="WORKER")],
    format_: options.Output = Format.TEXT,
) -> int:
    """Show everything about one worker.

    Its container, its engines and their files, its policy, and the photos of the jobs in its hand.
    """
    from lomi_ops.cli import workers_text
    from lomi_ops.domain.member_choice import chosen
    from lomi_ops.queue import entries

    with session.opened(common, "redis") as runtime:
        fleet = look(runtime)
        (member,) = chosen(fleet.members, [name])
        used = _memory(runtime, fleet, member.name)
        jobs = tuple(entries.named(runtime.redis, runtime.queue.keys, member.jobs)) if member.jobs else ()
    if format_ is Format.TEXT:
        workers_text.show_one(member, fleet, jobs, used)
    else:
        body = workers_text.detail(member, jobs, used) | workers_text.sources(fleet)
        output.document(body, schema="lomi.worker/v1", format_=format_)
    for failure in fleet.failures:
        diagnostics.error(failure)
    return int(ExitCode.UNKNOWN if fleet.failures else ExitCode.OK)


def look(runtime: Runtime) -> Fleet:
    """All workers, as far as Docker and Redis answer."""
    from lomi_ops.ops.containers import Look
    from lomi_ops.ops.workers.look import members

    service, stack = service_of(runtime), runtime.loaded.stack
    fleet = members(runtime.registry, Look(runtime.docker), service, runtime.settings.worker.lease_s)
    if service is None and stack is not None:
        from lomi_ops.ops.local.layout import Layout
        from lomi_ops.ops.workers.parts import named

        return named(fleet, Layout(stack), socket.gethostname())
    return fleet


def service_of(runtime: Runtime) -> str | None:
    """The service of the workers' containers; None where they run in none. A local stack has processes: an engine that
    is only found on its machine is about something else."""
    if runtime.loaded.stack is not None and not runtime.docker.named:
        return None
    return runtime.settings.docker.workers_service


def _memory(runtime: Runtime, fleet: Fleet, only: str = "") -> dict[str, int]:
    """Bytes in use by the names of workers; one that does not run uses none."""
    from lomi_ops.clients.threads import all_at_once

    wanted = [each for each in fleet.members if each.container and each.container.up and only in ("", each.name)]
    containers = [each.container for each in wanted if each.container]
    found = all_at_once(runtime.docker.memory_used, containers)
    return {each.name: used for each, used in zip(containers, found, strict=True) if used is not None}


app.command("logs")(workers_logs.workers_logs)
app.command("quiet")(workers_tell.workers_quiet)
app.command("resume")(workers_tell.workers_resume)
app.command("restart")(workers_restart.workers_restart)
