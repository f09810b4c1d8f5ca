"""What the commands that act on many jobs have in common: how an operation is run, interrupted and told."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output, session
from lomi_ops.cli.output import Format, counted

if TYPE_CHECKING:
    from datetime import datetime

    from lomi_ops.cli.progress import Advance
    from lomi_ops.ops.operations import Plan, Runner
    from lomi_ops.queue.operations import Operation, Operations, Progress
    from lomi_ops.runtime import Runtime

PAST = {"retry": "retried", "delete": "deleted", "cancel": "cancelled"}


def now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def op_name(at: datetime) -> str:
    """Short enough to be typed, and sorted by time: `1126-0301-9c4f`."""
    return f"{at:%m%d-%H%M}-{secrets.token_hex(2)}"


def operations(runtime: Runtime) -> Operations:
    from lomi_ops.queue.operations import Operations

    return Operations(runtime.redis, runtime.queue.keys)


def runner(runtime: Runtime, tell: Advance) -> Runner:
    from lomi_ops.ops.operations import Journal, Runner

    journal = Journal(session.database_if_any(runtime), diagnostics.warn)
    return Runner(operations(runtime), journal, now, tell)


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


def report_plan(format_: Format, found: Plan) -> None:
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
    wanted = " or ".join(sorted(state.value for state in found.needs))
    for state, number in found.left_alone.items():
        output.text(f"left alone: {counted(number, 'job')} {state.value}; {found.verb.value} needs {wanted}")


def report(format_: Format, known: Operation, text: str, *, dry_run: bool = False, plan: Plan | None = None) -> None:
    if format_ is not Format.TEXT:
        body = asdict(known) | {"dry_run": dry_run} | (_states(plan) if plan else {})
        output.document(body, schema="lomi.queue.operation/v1", format_=format_)
        return
    output.text(text)
    if plan is not None:
        _tell_left_alone(plan)


def done(known: Operation) -> str:
    if known.undone_by:
        did = f"{counted(known.done, 'job')} {PAST[known.verb.value]}"
        return f"{did} until {known.undone_by} undid it; to see how far: lomi queue ops"
    moved = f", {known.skipped} had moved on" if known.skipped else ""
    back = " for good" if known.for_good else f"; to put back: lomi queue undo {known.op}"
    return f"{counted(known.done, 'job')} {PAST[known.verb.value]}{moved}{back}"


def undone(progress: Progress) -> str:
    moved = f"; {progress.skipped} had moved on and stay as they are" if progress.skipped else ""
    return f"{counted(progress.done, 'job')} put back{moved}"
