"""`lomi queue retry|delete|cancel|undo|continue|ops`: acting on many jobs, and taking it back."""

from __future__ import annotations

import re
import secrets
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format, counted
from lomi_ops.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from lomi_ops.ops.operations import Plan, Runner
    from lomi_ops.queue.operations import Operation, Progress, Verb
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
Why = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.", metavar="TEXT")]
OpName = Annotated[str, typer.Argument(help="The operation's name, as it was printed.", metavar="OP")]
_ID = re.compile(r"[A-Za-z0-9_.~-]{1,170}", re.ASCII)
PAST = {"retry": "retried", "delete": "deleted", "cancel": "cancelled"}


@options.with_common
def queue_retry(
    common: options.Common, terms: Terms = None, every: All = False, dry_run: DryRun = False, confirm: Confirm = None,
    reason: Why = "", actor: options.As = None, format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """Try dead letters again, and delayed jobs now.

    Dead letters get all their attempts back. A few go to the front; more than ten yield to live uploads.
    """
    return act(common, "retry", terms, [], every, dry_run, confirm, reason, actor, format_)


@options.with_common
def queue_delete(
    common: options.Common, terms: Terms = None, every: All = False, dry_run: DryRun = False, confirm: Confirm = None,
    for_good: Annotated[bool, typer.Option("--for-good", help="Keep nothing: frees memory, cannot be undone.")] = False,
    reason: Why = "", actor: options.As = None, format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """Delete dead letters. They can be put back for a week.

    Their photos stay pending; `lomi reconcile` would queue them again.
    """
    return act(common, "delete", terms, [], every, dry_run, confirm, reason, actor, format_, for_good=for_good)


@options.with_common
def queue_cancel(
    common: options.Common, terms: Terms = None, every: All = False, dry_run: DryRun = False, confirm: Confirm = None,
    reason: Why = "", actor: options.As = None, format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """Cancel jobs that wait, are delayed or run.

    A running one is stopped with its worker's next beat. Their photos stay pending; `lomi reconcile` would queue them
    again.
    """
    return act(common, "cancel", terms, [], every, dry_run, confirm, reason, actor, format_)


@options.with_common
def queue_undo(
    common: options.Common, op: OpName, dry_run: DryRun = False, actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """Put back what an operation changed.

    Jobs that have moved on since (started, finished, touched by somebody else) stay as they are.
    """
    from lomi_ops.cli.progress import bar

    with session.opened(common, "redis") as runtime:
        operations = _operations(runtime)
        known, looked_at = operations.get(op), operations.undoable(op)
        if dry_run:
            _report(format_, known, f"would look at {counted(looked_at, 'job')}; nothing was changed", dry_run=True)
            return 0
        with bar("undo", looked_at) as tell, Interruptible(op):
            progress = _runner(runtime, tell).undo(op, options.actor(actor))
        known = operations.get(op)
    _report(format_, known, _undone(progress))
    return 0


@options.with_common
def queue_continue(
    common: options.Common, op: OpName, actor: options.As = None, format_: options.Output = Format.TEXT
) -> int:
    """Go on with an operation that was interrupted."""
    from lomi_ops.cli.progress import bar
    from lomi_ops.queue.operations import OperationState

    with session.opened(common, "redis") as runtime:
        operations = _operations(runtime)
        known = operations.get(op)
        with bar(known.verb.value, known.total) as tell, Interruptible(op):
            progress = _runner(runtime, tell).go_on(op, options.actor(actor))
        known = operations.get(op)
    undone = known.state in (OperationState.UNDOING, OperationState.UNDONE)
    _report(format_, known, _undone(progress) if undone else _done(known))
    return 0


@options.with_common
def queue_operations(
    common: options.Common,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000, metavar="N")] = 20,
    format_: options.Output = Format.TEXT,
) -> int:
    """List operations of the last week, the latest first."""
    from datetime import UTC, datetime

    with session.opened(common, "redis") as runtime:
        found = _operations(runtime).latest(limit)
    if format_ is Format.JSON:
        output.document({"operations": [asdict(each) for each in found]}, schema="lomi.queue.operations/v1")
    elif format_ is Format.JSONL:
        for each in found:
            output.line(asdict(each))
    elif found:
        rows = [
            (
                each.op,
                f"{datetime.fromtimestamp(each.opened_ms / 1000, UTC):%m-%d %H:%M}",
                each.verb.value,
                each.state.value,
                each.by,
                f"{each.done} of {each.total}",
                each.filter,
            )
            for each in found
        ]
        headers = ("operation", "utc", "verb", "state", "by", "done", "filter")
        # The name has the time, too.
        keep = [0, 2, 3, 4, 5, 6] if output.narrow(100) else list(range(len(headers)))
        output.table([headers[i] for i in keep], [[row[i] for i in keep] for row in rows], right=(keep.index(5),))
    else:
        output.text("no operations within the last week")
    return 0


def act(
    common: options.Common, word: str, terms: list[str] | None, implied: list[str], every: bool, dry_run: bool,
    confirm: int | None, reason: str, actor: str | None, format_: Format, *, for_good: bool = False,
) -> int:  # fmt: skip
    """One verb over the jobs that are named or match. `implied` are terms that the command itself stands for."""
    from lomi_ops.cli.progress import bar
    from lomi_ops.ops import operations as use
    from lomi_ops.queue.operations import Order, Verb

    verb, typed = Verb(word), terms or []
    ids = typed if typed and all(_ID.fullmatch(each) for each in typed) else []
    if not typed and not every:
        raise UsageError("which jobs?", hint=f"lomi queue {word} JOB, or a filter: lomi help filters; or --all")
    if typed and every:
        raise UsageError("--all and a filter contradict each other", hint=f"lomi queue {word} --all")
    again = shlex.join(["lomi", "queue", word, *implied, *(typed or ["--all"]), *(["--for-good"] if for_good else [])])
    with session.opened(common, "redis") as runtime:
        found = _planned(runtime, verb, ids, [*implied, *typed])
        if dry_run:
            _report_plan(format_, found)
            return 0
        use.require_count(found, confirm, again)
        if not found.count:
            _report_plan(format_, found)
            return 0
        at = runtime_now()
        order = Order(
            op=op_name(at), verb=verb, by=options.actor(actor), reason=reason,
            filter=" ".join([*implied, *typed]) or "--all", bulk=found.bulk and word == "retry", for_good=for_good,
        )  # fmt: skip
        with bar(word, found.count) as tell, Interruptible(order.op):
            _runner(runtime, tell).begin(order, found)
        known = _operations(runtime).get(order.op)
    _report(format_, known, _done(known), plan=found)
    return 0


def _planned(runtime: Runtime, verb: Verb, ids: list[str], terms: list[str]) -> Plan:
    from lomi_ops.domain import job_filter
    from lomi_ops.ops import operations as use

    client, keys = runtime.redis, runtime.queue.keys
    if ids:
        return use.plan_named(client, keys, verb, ids)
    wanted = job_filter.parse(terms)
    if wanted.states.isdisjoint(verb.acts_on):
        useful = " or ".join(sorted(state.value for state in verb.acts_on))
        fit = [each.value for each in type(verb) if not wanted.states.isdisjoint(each.acts_on)] or ["list"]
        text = f"no job of {wanted.text!r} can be {PAST[verb.value]}: {verb.value} needs {useful}"
        raise UsageError(text, hint=", or: ".join(shlex.join(["lomi", "queue", each, *terms]) for each in fit))
    return use.plan(client, keys, verb, wanted)


def named(job_id: str) -> str:
    """A job as these commands take it. An id with a colon would be read as a term, one with a dash as an option."""
    return job_id if _ID.fullmatch(job_id) and not job_id.startswith("-") else f"job:{job_id}"


def runtime_now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def op_name(at: datetime) -> str:
    """Short enough to be typed, and sorted by time: `1126-0301-9c4f`."""
    return f"{at:%m%d-%H%M}-{secrets.token_hex(2)}"


def _operations(runtime: Runtime) -> Any:
    from lomi_ops.queue.operations import Operations

    return Operations(runtime.redis, runtime.queue.keys)


def _runner(runtime: Runtime, tell: Any) -> Runner:
    from lomi_ops.ops.operations import Journal, Runner

    journal = Journal(session.database_if_any(runtime), diagnostics.warn)
    return Runner(_operations(runtime), journal, runtime_now, tell)


class Interruptible:
    """Tells how to go on, or back, when somebody stops us in the middle."""

    def __init__(self, op: str) -> None:
        self._op = op

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt | SystemExit):
            diagnostics.note(f"stopped in the middle of operation {self._op}")
            diagnostics.hint(f"lomi queue continue {self._op}, or: lomi queue undo {self._op}")


def _report_plan(format_: Format, found: Plan) -> None:
    if format_ is not Format.TEXT:
        body = {"dry_run": True, "verb": found.verb.value, "matched": found.count} | _states(found)
        output.document(body, schema="lomi.queue.operation/v1", format_=format_)
        return
    if found.count:
        parts = ", ".join(f"{number} {state.value}" for state, number in found.by_state.items())
        output.text(f"would {found.verb.value} {counted(found.count, 'job')}: {parts}; nothing was changed")
    else:
        output.text(f"no job to {found.verb.value}")
    _tell_left_alone(found)


def _states(found: Plan) -> dict[str, Any]:
    return {
        "by_state": {state.value: number for state, number in found.by_state.items()},
        "left_alone": {state.value: number for state, number in found.left_alone.items()},
    }


def _tell_left_alone(found: Plan) -> None:
    wanted = " or ".join(sorted(state.value for state in found.verb.acts_on))
    for state, number in found.left_alone.items():
        output.text(f"left alone: {counted(number, 'job')} {state.value}; {found.verb.value} needs {wanted}")


def _report(format_: Format, known: Operation, text: str, *, dry_run: bool = False, plan: Plan | None = None) -> None:
    if format_ is not Format.TEXT:
        body = asdict(known) | {"dry_run": dry_run} | (_states(plan) if plan else {})
        output.document(body, schema="lomi.queue.operation/v1", format_=format_)
        return
    output.text(text)
    if plan is not None:
        _tell_left_alone(plan)


def _done(known: Operation) -> str:
    if known.undone_by:
        did = f"{counted(known.done, 'job')} {PAST[known.verb.value]}"
        return f"{did} until {known.undone_by} undid it; to see how far: lomi queue ops"
    moved = f", {known.skipped} had moved on" if known.skipped else ""
    back = " for good" if known.for_good else f"; to put back: lomi queue undo {known.op}"
    return f"{counted(known.done, 'job')} {PAST[known.verb.value]}{moved}{back}"


def _undone(progress: Progress) -> str:
    moved = f"; {progress.skipped} had moved on and stay as they are" if progress.skipped else ""
    return f"{counted(progress.done, 'job')} put back{moved}"
