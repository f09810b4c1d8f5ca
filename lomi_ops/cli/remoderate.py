"""`lomi remoderate`: decided photos are judged again."""

from __future__ import annotations

import shlex
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import diagnostics, options, remoderate_text, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode, Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lomi_ops.db.remoderating import Run
    from lomi_ops.domain.policy import Policy
    from lomi_ops.domain.remoderate import Live
    from lomi_ops.runtime import Runtime
    from worker.again import Again

app = typer.Typer(
    rich_markup_mode=None,
    epilog="A FILTER is made of terms such as status:rejected reason:nsfw 'decided<2d': `lomi help photo-filters`.",
)
PATIENCE_S = 600.0
Number = Annotated[int, typer.Argument(help="The run's number.", min=1, metavar="RUN")]


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed."""

    filter: str
    model: str | None
    policy: str | None
    shadow: bool
    per_minute: float | None
    rate: str | None
    overrides: bool
    why: str

    @property
    def again(self) -> str:
        """The same command without its confirmation."""
        words = ["lomi", "remoderate", "--where", self.filter]
        for option, value in (
            ("--model", self.model), ("--policy", self.policy), ("--rate", self.rate), ("--reason", self.why),
        ):  # fmt: skip
            words += [option, value] if value else []
        words += ["--include-overrides"] * self.overrides
        return shlex.join(words)


@app.callback(invoke_without_command=True)
@options.with_common
def remoderate(
    ctx: typer.Context,
    common: options.Common,
    where: Annotated[
        list[str] | None, typer.Option("--where", help="Which photos; all terms must hold.", metavar="FILTER")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="NSFW model: a name, or a manifest file.", metavar="NAME|FILE")
    ] = None,
    policy: Annotated[str | None, typer.Option(help="Policy by name; else the active one.", metavar="NAME")] = None,
    shadow: Annotated[bool, typer.Option("--shadow", help="Only compare; nothing changes, nobody is told.")] = False,
    rate: Annotated[str | None, typer.Option(help="At most so many photos: 60/min, 2/s.", metavar="N/min")] = None,
    include_overrides: Annotated[
        bool, typer.Option("--include-overrides", help="Also what a person has decided.")
    ] = False,
    why: Annotated[str, typer.Option("--reason", help="Why, for the audit trail.", metavar="TEXT")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the photos.")] = False,
    confirm: Annotated[
        int | None,
        typer.Option(
            "--confirm-count", help="Do it only if exactly so many match; needed for more than ten.", metavar="N"
        ),
    ] = None,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int | None:
    """Judge decided photos again, and make what comes of it hold.

    For the day when a model was missing, wrong or better. Live uploads come first. What a person decided stays, and so
    does what cannot be judged: without an answer of every engine nothing is approved. A run that is interrupted goes on
    with lomi remoderate resume.
    """
    if ctx.invoked_subcommand is not None:
        if where or model or policy or actor or common.config or common.env_file or common.data:
            hint = f"lomi remoderate {ctx.invoked_subcommand} --help"
            raise UsageError(f"options of {ctx.invoked_subcommand} stand after its name", hint=hint)
        return None
    from lomi_ops.cli import judging
    from lomi_ops.db import remoderating
    from lomi_ops.domain import review_filter
    from lomi_ops.domain.confirm import require_count
    from lomi_ops.domain.remoderate import per_minute
    from lomi_ops.ops.remoderate.plan import plan

    wanted = review_filter.parse(where or [])
    if not wanted.terms:
        raise UsageError("which photos?", hint="lomi remoderate --where 'status:rejected reason:nsfw'")
    wish = Wish(
        wanted.text, model, policy, shadow, per_minute(rate) if rate else None, rate, include_overrides, why
    )  # fmt: skip
    needs = ("database",) if dry_run else session.ALL
    with session.opened(common, *needs, overrides=_overrides(model), changes=not (dry_run or shadow)) as runtime:
        database, chosen = runtime.database, judging.policy_in_force(runtime, policy)
        moment = database.now()
        found = plan(database, wanted, overrides=include_overrides, at=moment)
        if not model:
            diagnostics.note("where only thresholds changed, nothing needs to be judged: lomi policy simulate POLICY")
        if dry_run:
            remoderate_text.show_plan(found, chosen.ref, format_, shadow=shadow)
            return int(ExitCode.OK)
        remoderating.require_known(database)
        if not shadow:
            none = "lomi media list, to see what matches"
            require_count(found.judged, confirm, noun="photo", again=wish.again, none=none)
        with judging.judged_again(runtime, chosen) as again:
            _fit(again, shadow=shadow)
            run = remoderating.begin(
                database, at=moment, actor=options.actor(actor), filter_=wish.filter, why=why, model=model,
                policy=chosen.ref, engines=_engines(again), shadow=shadow, overrides=include_overrides,
                per_minute=wish.per_minute, photos=found.matched,
            )  # fmt: skip
            return _go(runtime, run, chosen, again, run.actor, format_)


@app.command("resume")
@options.with_common
def remoderate_resume(
    common: options.Common, number: Number, actor: options.As = None, format_: options.Output = Format.TEXT
) -> int:
    """Go on with a run that was interrupted.

    With the model and the policy that it began with."""
    from lomi_ops.cli import judging
    from lomi_ops.db import remoderating

    with session.opened(common, "database") as runtime:
        remoderating.require_known(runtime.database)
        run = remoderating.get(runtime.database, number)
    if run.ended_at:
        raise Refused(f"run {number} is done", hint=f"lomi remoderate status {number}")
    with session.opened(common, *session.ALL, overrides=_overrides(run.model), changes=not run.shadow) as runtime:
        chosen = _policy_of(runtime, run)
        with judging.judged_again(runtime, chosen) as again:
            if (chosen.ref, _engines(again)) != (run.policy, run.engines):
                text = f"run {number} began with policy {run.policy} and {run.engines}; here are {chosen.ref} and"
                raise Refused(f"{text} {_engines(again)}", hint="begin a new run, or put them back as they were")
            return _go(runtime, run, chosen, again, options.actor(actor), format_)


@app.command("status")
@options.with_common
def remoderate_status(
    common: options.Common,
    number: Annotated[int | None, typer.Argument(help="One run, with what came of it.", min=1, metavar="RUN")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000, metavar="N")] = 20,
    format_: options.Output = Format.TEXT,
) -> int:
    """List runs, or show one.

    The latest first; of one also what came of its photos."""
    from lomi_ops.db import remoderating

    with session.opened(common, "database") as runtime:
        database = runtime.database
        recorded = remoderating.known(database)
        if number is not None:
            remoderating.require_known(database)
            run = remoderating.get(database, number)
            outcomes = remoderating.tally(database, run)
        found = [(each, remoderating.tally(database, each)) for each in _latest(runtime, limit)] if recorded else []
    if number is not None:
        remoderate_text.show_run(run, outcomes, format_)
    else:
        remoderate_text.show_runs(found, format_)
        if not recorded:
            diagnostics.note("no place for runs here: lomi migrate apply")
    return int(ExitCode.OK)


def _policy_of(runtime: Runtime, run: Run) -> Policy:
    """What workers judge by, where the run began with it, else the one of that name in the configuration."""
    from lomi_ops.cli import judging

    with suppress(Refused):
        holds = judging.policy_in_force(runtime, None)
        if holds.ref == run.policy:
            return holds
    return judging.chosen_policy(runtime.settings, run.policy.rpartition("@")[0])


def _fit(again: Again, *, shadow: bool) -> None:
    """Raises Refused for engines that misjudge a portrait of which everybody knows the outcome."""
    if not again.fault:
        return
    text = f"of a portrait that is fine the engines say: {again.fault}"
    if not shadow:
        raise Refused(f"{text}; nothing was judged", hint="lomi models verify; --shadow compares all the same")
    diagnostics.warn(text)


def _latest(runtime: Runtime, limit: int) -> tuple[Run, ...]:
    from lomi_ops.db import remoderating

    return remoderating.runs(runtime.database, limit=limit)


def _go(runtime: Runtime, run: Run, policy: Policy, again: Again, actor: str, format_: Format) -> int:
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


def _overrides(model: str | None) -> dict[str, object]:
    """A page of few photos among many takes longer than a statement may otherwise."""
    chosen: dict[str, object] = {"models.nsfw": (model,)} if model else {}
    return chosen | {"database.statement_timeout_s": PATIENCE_S}


def _engines(again: Again) -> str:
    return ", ".join(f"{each.engine} {each.model} {each.version[:12]}" for each in again.engines)
