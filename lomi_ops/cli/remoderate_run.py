"""A run of `lomi remoderate`, carried out before somebody's eyes."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from lomi_ops.cli import diagnostics, remoderate_text
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lomi_ops.db.remoderating import Run
    from lomi_ops.domain.policy import Policy
    from lomi_ops.domain.remoderate import Live
    from lomi_ops.runtime import Runtime
    from worker.again import Again


def policy_of(runtime: Runtime, run: Run) -> Policy:
    """What workers judge by, where the run began with it, else the one of that name in the configuration."""
    from lomi_ops.cli import judging

    with suppress(Refused):
        holds = judging.policy_in_force(runtime, None)
        if holds.ref == run.policy:
            return holds
    return judging.chosen_policy(runtime.settings, run.policy.rpartition("@")[0])


def require_fit(again: Again, *, shadow: bool) -> None:
    """Raises Refused for engines that misjudge a portrait of which everybody knows the outcome."""
    if not again.fault:
        return
    text = f"of a portrait that is fine the engines say: {again.fault}"
    if not shadow:
        raise Refused(f"{text}; nothing was judged", hint="lomi models verify; --shadow compares all the same")
    diagnostics.warn(text)


def engines_of(again: Again) -> str:
    return ", ".join(f"{each.engine} {each.model} {each.version[:12]}" for each in again.engines)


def go(runtime: Runtime, run: Run, policy: Policy, again: Again, actor: str, format_: Format) -> int:
    """Judges, and shows what came of it: the exit code."""
    from lomi_ops.cli.progress import bar
    from lomi_ops.db import remoderating
    from lomi_ops.domain.audit import Action
    from lomi_ops.ops.operations import Journal
    from lomi_ops.ops.remoderate.run import Handles, carry_out
    from lomi_ops.ops.reviews import publishing

    database, section = runtime.database, runtime.settings.objects
    journal = Journal(database, diagnostics.warn)
    subject = remoderating.run_subject(run.id)
    before = {"filter": run.filter, "photos": run.photos, "policy": run.policy, "shadow": run.shadow}
    journal.begun(actor, Action.REMODERATE, subject, database.now(), run.why, before=before)
    with bar("judging", run.photos) as progress, _interruptible(run):
        handles = Handles(
            database=database,
            store=runtime.objects,
            bucket=section.bucket_photos,
            max_bytes=runtime.settings.images.max_bytes,
            judging=again,
            policy=policy,
            live=lambda: _live(runtime),
            publish=lambda: publishing.published(database, runtime.queue, database.now),
            tell=diagnostics.note,
            progress=progress,
        )
        carry_out(handles, run)
    run, outcomes = remoderating.get(database, run.id), remoderating.tally(database, run)
    fates = {name: number for name, number in remoderate_text.record(run, outcomes)["fates"].items() if number}
    journal.note(actor, Action.REMODERATE, subject, database.now(), run.why, after=fates)
    remoderate_text.show_run(run, outcomes, format_)
    return int(ExitCode.OK)


def _live(runtime: Runtime) -> Live:
    """Bulk jobs yield to live uploads as we do: they are none."""
    from lomi_ops.domain.remoderate import Live

    stats = runtime.queue.stats()
    return Live(stats.ready + stats.high, stats.oldest_age_s)


@contextmanager
def _interruptible(run: Run) -> Iterator[None]:
    """Tells how to go on when somebody stops us in the middle."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        diagnostics.note(f"stopped in the middle of run {run.id}; what was judged holds")
        diagnostics.hint(f"lomi remoderate resume {run.id}")
        raise
