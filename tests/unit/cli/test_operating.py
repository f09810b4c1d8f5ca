"""What `lomi queue retry|delete|cancel` says at its end."""

from __future__ import annotations

from dataclasses import replace

from lomi_ops.cli.operating import done
from lomi_ops.queue.operations import Operation, OperationState, Verb

OPERATION = Operation(
    op="1126-0301-9c4f", verb=Verb.CANCEL, state=OperationState.FINISHED, by="ada", reason="", filter="--all", total=3,
    done=2, skipped=1, undone=0, moved_on=0, opened_ms=1, ended_ms=2, undone_by="", for_good=False,
)  # fmt: skip


def test_what_was_done_comes_with_the_way_back() -> None:
    assert done(OPERATION) == "2 jobs cancelled, 1 had moved on; to put back: lomi queue undo 1126-0301-9c4f"


def test_what_somebody_undoes_meanwhile_is_not_said_to_be_done() -> None:
    undone = replace(OPERATION, state=OperationState.UNDOING, undone_by="bob")
    assert done(undone) == "2 jobs cancelled until bob undid it; to see how far: lomi queue ops"
