"""`lomi remoderate`: decided photos are judged again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import diagnostics, options, remoderate_run, remoderate_text, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode, Refused, UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from lomi_ops.db.remoderating import Run
    from lomi_ops.domain.policy import Policy
    from lomi_ops.domain.review_filter import ReviewFilter
    from lomi_ops.ops.remoderate.plan import Plan
    from lomi_ops.runtime import Runtime

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
    confirm: int | None
    actor: str | None

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
    wanted = _filter(where)
    wish = Wish(wanted.text, model, policy, shadow, _per_minute(rate), rate, include_overrides, why, confirm, actor)
    return _counted(common, wanted, wish, format_) if dry_run else _carried_out(common, wanted, wish, format_)


def _filter(where: list[str] | None) -> ReviewFilter:
    from lomi_ops.domain import review_filter

    wanted = review_filter.parse(where or [])
    if not wanted.terms:
        raise UsageError("which photos?", hint="lomi remoderate --where 'status:rejected reason:nsfw'")
    return wanted


def _per_minute(rate: str | None) -> float | None:
    from lomi_ops.domain.remoderate import per_minute

    return per_minute(rate) if rate else None


def _counted(common: options.Common, wanted: ReviewFilter, wish: Wish, format_: Format) -> int:
    """A dry run."""
    with session.opened(common, "database", overrides=_overrides(wish.model), changes=False) as runtime:
        found, chosen = _planned(runtime, wanted, wish, runtime.database.now())
        remoderate_text.show_plan(found, chosen.ref, format_, shadow=wish.shadow)
        return int(ExitCode.OK)


def _carried_out(common: options.Common, wanted: ReviewFilter, wish: Wish, format_: Format) -> int:
    from lomi_ops.cli import judging
    from lomi_ops.db import remoderating
    from lomi_ops.domain.confirm import require_count

    overrides, changes = _overrides(wish.model), not wish.shadow
    with session.opened(common, *session.ALL, overrides=overrides, changes=changes) as runtime:
        moment = runtime.database.now()
        found, chosen = _planned(runtime, wanted, wish, moment)
        remoderating.require_known(runtime.database)
        if not wish.shadow:
            none = "lomi media list, to see what matches"
            require_count(found.judged, wish.confirm, noun="photo", again=wish.again, none=none)
        with judging.judged_again(runtime, chosen) as again:
            remoderate_run.require_fit(again, shadow=wish.shadow)
            run = remoderating.begin(
                runtime.database, at=moment, actor=options.actor(wish.actor), filter_=wish.filter, why=wish.why,
                model=wish.model, policy=chosen.ref, engines=remoderate_run.engines_of(again), shadow=wish.shadow,
                overrides=wish.overrides, per_minute=wish.per_minute, photos=found.matched,
            )  # fmt: skip
            return remoderate_run.go(runtime, run, chosen, again, run.actor, format_)


def _planned(runtime: Runtime, wanted: ReviewFilter, wish: Wish, moment: datetime) -> tuple[Plan, Policy]:
    """Which photos, and by what."""
    from lomi_ops.cli import judging
    from lomi_ops.ops.remoderate.plan import plan

    chosen = judging.policy_in_force(runtime, wish.policy)
    found = plan(runtime.database, wanted, overrides=wish.overrides, at=moment)
    if not wish.model:
        diagnostics.note("where only thresholds changed, nothing needs to be judged: lomi policy simulate POLICY")
    return found, chosen


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
        chosen = remoderate_run.policy_of(runtime, run)
        with judging.judged_again(runtime, chosen) as again:
            if (chosen.ref, remoderate_run.engines_of(again)) != (run.policy, run.engines):
                text = f"run {number} began with policy {run.policy} and {run.engines}; here are {chosen.ref} and"
                raise Refused(
                    f"{text} {remoderate_run.engines_of(again)}", hint="begin a new run, or put them back as they were"
                )
            return remoderate_run.go(runtime, run, chosen, again, options.actor(actor), format_)


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


def _latest(runtime: Runtime, limit: int) -> tuple[Run, ...]:
    from lomi_ops.db import remoderating

    return remoderating.runs(runtime.database, limit=limit)


def _overrides(model: str | None) -> dict[str, object]:
    """A page of few photos among many takes longer than a statement may otherwise."""
    chosen: dict[str, object] = {"models.nsfw": (model,)} if model else {}
    return chosen | {"database.statement_timeout_s": PATIENCE_S}
