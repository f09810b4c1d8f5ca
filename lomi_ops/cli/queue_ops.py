"""`lomi queue retry|delete|cancel`: acting on many jobs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import operating, options, session
from lomi_ops.cli.output import Format
from lomi_ops.domain.job_filter import ID
from lomi_ops.errors import UsageError

if TYPE_CHECKING:
    from lomi_ops.ops.operations import Plan
    from lomi_ops.queue.operations import Verb
    from lomi_ops.runtime import Runtime

Terms = Annotated[
    list[str] | None, typer.Argument(help="Job ids, or a filter: `lomi help filters`.", metavar="JOB|FILTER...")
]
All = Annotated[bool, typer.Option("--all", help="Every job that can be acted on; instead of a filter.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many there are.")]
Confirm = Annotated[
    int | None,
    typer.Option("--confirm-count", help="Do it only if exactly so many match; needed for more than ten.", metavar="N"),
]
ForGood = Annotated[bool, typer.Option("--for-good", help="Keep nothing: frees memory, cannot be undone.")]
Why = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.", metavar="TEXT")]


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed."""

    verb: str
    terms: list[str] | None
    every: bool
    dry_run: bool
    confirm: int | None
    reason: str
    actor: str | None
    implied: tuple[str, ...] = ()
    """Terms that the command itself stands for, such as `state:dead`."""
    for_good: bool = False

    @property
    def ids(self) -> list[str]:
        """The jobs that were named; empty where a filter was typed."""
        typed = self.terms or []
        return typed if all(ID.fullmatch(each) for each in typed) else []

    @property
    def words(self) -> list[str]:
        """The filter, or the ids."""
        return self.ids or [*self.implied, *(self.terms or [])]

    @property
    def again(self) -> str:
        """The same command without its confirmation."""
        good = ["--for-good"] if self.for_good else []
        return shlex.join(["lomi", "queue", self.verb, *(self.words or ["--all"]), *good])

    def check(self) -> None:
        """Raises UsageError where nothing was said, or too much."""
        if not self.terms and not self.every:
            raise UsageError(
                "which jobs?", hint=f"lomi queue {self.verb} JOB, or a filter: lomi help filters; or --all"
            )
        if not all(each.strip() for each in self.terms or ()):
            # What a shell makes of "$JOB" where there is none: as a filter it would mean every job.
            text = "which jobs? an empty word names none"
            raise UsageError(text, hint=f"lomi queue {self.verb} JOB, or a filter: lomi help filters")
        if self.terms and self.every:
            raise UsageError("--all and a filter contradict each other", hint=f"lomi queue {self.verb} --all")


@options.with_common
def queue_retry(
    common: options.Common, terms: Terms = None, every: All = False, dry_run: DryRun = False, confirm: Confirm = None,
    reason: Why = "", actor: options.As = None, format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """Try dead letters again, and delayed jobs now.

    Dead letters get all their attempts back. A few go to the front; more than ten yield to live uploads.
    """
    return act(common, Wish("retry", terms, every, dry_run, confirm, reason, actor), format_)


@options.with_common
def queue_delete(
    common: options.Common, terms: Terms = None, every: All = False, dry_run: DryRun = False, confirm: Confirm = None,
    for_good: ForGood = False, reason: Why = "", actor: options.As = None, format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """Delete dead letters. They can be put back for a week.

    Their photos stay pending; `lomi reconcile` would queue them again.
    """
    return act(common, Wish("delete", terms, every, dry_run, confirm, reason, actor, for_good=for_good), format_)


@options.with_common
def queue_cancel(
    common: options.Common, terms: Terms = None, every: All = False, dry_run: DryRun = False, confirm: Confirm = None,
    reason: Why = "", actor: options.As = None, format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """Cancel jobs that wait, are delayed or run.

    A running one is stopped with its worker's next beat. Their photos stay pending; `lomi reconcile` would queue them
    again.
    """
    return act(common, Wish("cancel", terms, every, dry_run, confirm, reason, actor), format_)


def act(common: options.Common, wish: Wish, format_: Format) -> int:
    """One verb over the jobs that are named or match."""
    from lomi_ops.cli.progress import bar
    from lomi_ops.ops.operations import require_count
    from lomi_ops.queue.operations import Order, Verb

    wish.check()
    verb = Verb(wish.verb)
    with session.opened(common, "redis", changes=True) as runtime:
        found = _planned(runtime, verb, wish)
        if not wish.dry_run:
            require_count(found, wish.confirm, wish.again)
        if wish.dry_run or not found.count:
            operating.report_plan(format_, found)
            return 0
        order = Order(
            op=operating.op_name(operating.now()),
            verb=verb,
            by=options.actor(wish.actor),
            reason=wish.reason,
            filter=" ".join(wish.words) or "--all",
            bulk=found.bulk and verb is Verb.RETRY,
            for_good=wish.for_good,
        )
        with bar(verb.value, found.count) as tell, operating.Interruptible(order.op):
            operating.runner(runtime, tell).begin(order, found)
        known = operating.operations(runtime).get(order.op)
    operating.report(format_, known, operating.done(known), plan=found)
    return 0


def _planned(runtime: Runtime, verb: Verb, wish: Wish) -> Plan:
    from lomi_ops.domain import job_filter
    from lomi_ops.ops import operations as use

    client, keys = runtime.redis, runtime.queue.keys
    if wish.ids:
        return use.plan_named(client, keys, verb, wish.ids, job_filter.parse(wish.implied))
    wanted = job_filter.parse(wish.words)
    if wanted.states.isdisjoint(verb.acts_on):
        useful = " or ".join(sorted(state.value for state in verb.acts_on))
        fit = [each.value for each in type(verb) if not wanted.states.isdisjoint(each.acts_on)] or ["list"]
        text = f"no job of {wanted.text!r} can be {operating.PAST[verb.value]}: {verb.value} needs {useful}"
        raise UsageError(text, hint=", or: ".join(shlex.join(["lomi", "queue", each, *wish.words]) for each in fit))
    return use.plan(client, keys, verb, wanted)
