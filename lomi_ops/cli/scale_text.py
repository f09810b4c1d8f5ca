"""What came of scaling, or would come of it, in words and as a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.output import counted

if TYPE_CHECKING:
    from lomi_ops.domain.scale import Step
    from lomi_ops.ops.scale.lasting import Lasting
    from lomi_ops.ops.scale.order import Outcome, Trouble
    from lomi_ops.ops.scale.scaling import Proposal, Scaled


def show_plan(proposal: Proposal) -> None:
    steps = proposal.plan.steps if proposal.plan else ()
    if steps:
        output.table(("worker", "what", "why"), _rows(steps))
    for note in proposal.notes:
        output.text(f"note: {note}")
    if not proposal.changes:
        output.text(f"{proposal.service} has {counted(proposal.now, 'worker')} already")
    else:
        output.text(f"{proposal.service}: {proposal.now} to {counted(proposal.target, 'worker')}; nothing was changed")
    if proposal.lasting is not None and (word := _write_down(proposal.lasting)):
        output.text(word)


def _rows(steps: Sequence[Step]) -> list[tuple[str, str, str]]:
    """New ones are all alike."""
    rows = [(each.name, each.deed.value, each.why) for each in steps if each.name]
    new = [each for each in steps if not each.name]
    return rows + [(f"{len(new)} new", each.deed.value, each.why) for each in new[:1]]


def show(found: Scaled) -> None:
    """One sentence on stdout; what is wrong, and what is left to do, beside it."""
    outcome = found.outcome
    for note in outcome.notes:
        diagnostics.note(f"note: {note}")
    for each in (*outcome.failed, *outcome.late, *outcome.unknown):
        _tell(each)
    for gone in outcome.unclean:
        diagnostics.warn(f"{gone.name} left with exit code {gone.exit_code}: docker logs {gone.name}")
    if found.lasting is not None and (word := _change_again(found.lasting)):
        diagnostics.note(word)
        diagnostics.hint(found.lasting.command)
    output.text(sentence(outcome))


def _tell(trouble: Trouble) -> None:
    diagnostics.warn(f"{trouble.name}: {trouble.why}")
    for line in trouble.lines:
        diagnostics.note(f"  | {diagnostics.scrubbed(line)}")


def sentence(outcome: Outcome) -> str:
    """`6 of 6 workers are ready (2 started in 3.1 s)`."""
    target = counted(outcome.target, "worker")
    if not outcome.waited:
        return f"{outcome.running} of {target} {_are(outcome.running)} there{_deeds(outcome)}"
    if outcome.target == 0 and not outcome.running:
        return f"no worker runs{_deeds(outcome)}"
    more = f", and {outcome.running - outcome.target} more" if outcome.running > outcome.target else ""
    ready = min(outcome.ready, outcome.target)
    return f"{ready} of {target} {_are(ready)} ready{more}{_deeds(outcome)}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _deeds(outcome: Outcome) -> str:
    parts = []
    if started := len(outcome.created) + len(outcome.started):
        took = f" in {outcome.ready_s:.1f} s" if outcome.waited and not outcome.late else ""
        parts.append(f"{started} started{took}")
    if outcome.resumed:
        parts.append(f"{len(outcome.resumed)} resumed")
    if outcome.left:
        parts.append(f"{len(outcome.left)} left in {outcome.took_s:.1f} s")
    if not parts and outcome.before != outcome.running:  # A Swarm does not say which.
        parts.append(f"{outcome.before} before, in {outcome.took_s:.1f} s")
    return f" ({', '.join(parts)})" if parts else ""


def _change_again(found: Lasting) -> str:
    """What a plain up would do to the number; empty where it agrees."""
    from lomi_ops.ops.scale.lasting import How

    return f"a plain `up -d` goes by the file of Compose: {found.why}" if found.how is How.COMMAND else ""


def _write_down(found: Lasting) -> str:
    from lomi_ops.ops.scale.lasting import How

    if found.how is How.WRITES:
        return f"would write {found.variable}={found.count} into {found.file}, where Compose reads it"
    word = _change_again(found)
    return f"{word}\n  try: {found.command}" if word else ""


def plan_record(proposal: Proposal) -> dict[str, Any]:
    steps = proposal.plan.steps if proposal.plan else ()
    return {
        "dry_run": True,
        "service": proposal.service,
        "swarm": proposal.swarm is not None,
        "before": proposal.now,
        "target": proposal.target,
        "steps": [_step(each) for each in steps],
        "notes": list(proposal.notes),
        "lasting": _lasting(proposal.lasting),
    }


def _step(step: Step) -> dict[str, Any]:
    return {"what": step.deed.value, "worker": step.name or None, "why": step.why}


def _lasting(found: Lasting | None) -> dict[str, Any] | None:
    return None if found is None else asdict(found)


def record(found: Scaled) -> dict[str, Any]:
    outcome = found.outcome
    times = {"ready_s": round(outcome.ready_s, 3), "took_s": round(outcome.took_s, 3)}
    return {"dry_run": False, **asdict(outcome), **times, "lasting": _lasting(found.lasting)}
