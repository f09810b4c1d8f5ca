"""`lomi queue undo|continue|ops`: operations that were begun, and taking them back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from lomi_ops.cli import operating, options, output, queue_ops, session
from lomi_ops.cli.output import Format, counted

OpName = Annotated[str, typer.Argument(help="The operation's name, as it was printed.", metavar="OP")]


@options.with_common
def queue_undo(
    common: options.Common, op: OpName, dry_run: queue_ops.DryRun = False, actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """Put back what an operation changed.

    Jobs that have moved on since (started, finished, touched by somebody else) stay as they are.
    """
    from lomi_ops.cli.progress import bar

    with session.opened(common, "redis", changes=True) as runtime:
        operations = operating.operations(runtime)
        known, looked_at = operations.get(op), operations.undoable(op)
        if dry_run:
            operating.report(
                format_, known, f"would look at {counted(looked_at, 'job')}; nothing was changed", dry_run=True
            )
            return 0
        with bar("undo", looked_at) as tell, operating.Interruptible(op):
            progress = operating.runner(runtime, tell).undo(op, options.actor(actor))
        known = operations.get(op)
    operating.report(format_, known, operating.undone(progress))
    return 0


@options.with_common
def queue_continue(
    common: options.Common, op: OpName, actor: options.As = None, format_: options.Output = Format.TEXT
) -> int:
    """Go on with an operation that was interrupted."""
    from lomi_ops.cli.progress import bar
    from lomi_ops.queue.operations import OperationState

    with session.opened(common, "redis", changes=True) as runtime:
        operations = operating.operations(runtime)
        known = operations.get(op)
        with bar(known.verb.value, known.total) as tell, operating.Interruptible(op):
            progress = operating.runner(runtime, tell).go_on(op, options.actor(actor))
        known = operations.get(op)
    undone = known.state in (OperationState.UNDOING, OperationState.UNDONE)
    operating.report(format_, known, operating.undone(progress) if undone else operating.done(known))
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
        found = operating.operations(runtime).latest(limit)
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
