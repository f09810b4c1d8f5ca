"""How `lomi deploy plan|apply|back` tell what will be done, and what was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.output import Format, counted
from lomi_ops.domain.rollout import Kind, Standing, short, steps

if TYPE_CHECKING:
    from lomi_ops.clients.containers.compose_program import ComposeProgram
    from lomi_ops.ops.deploy.order import Outcome, Stopped

_SCHEMA = "lomi.deploy/v1"
_INDENT = 3


def show_plan(
    found: Sequence[Standing],
    compose: ComposeProgram | None,
    grace_s: float,
    format_: Format,
    *,
    skip_check: bool = False,
) -> None:
    said = compose.said() if compose else "docker-compose"
    listed = list(steps(found, said, stop_s=max(60, round(grace_s) + 10), skip_check=skip_check))
    if format_ is not Format.TEXT:
        body: dict[str, Any] = {
            "dry_run": True,
            "services": [_service(each) for each in found],
            "steps": [asdict(each) for each in listed],
        }
        output.document(body, schema=_SCHEMA, format_=format_)
        return
    for number, step in enumerate(listed, 1):
        head = f"{number}. {step.service or 'check'}: "
        output.text(head + output.folded(step.what, _INDENT, first=len(head)))
        output.text(" " * _INDENT + step.command)  # In one piece: somebody may want to type it.
    output.text("")
    for each in found:
        output.text(_runs(each))
    output.text("nothing was changed")


def _runs(each: Standing) -> str:
    images = sorted({short(one.image_id) for one in each.containers})
    kept = f"; kept from before: {short(each.kept)}" if each.kept else ""
    tag = short(each.tagged) if each.tagged else "no image that is here"
    running = f"{counted(len(each.containers), 'container')} on {', '.join(images) or '-'}"
    return f"{each.service}: {running}; {each.image} is {tag}{kept}"


def _service(each: Standing) -> dict[str, Any]:
    return {
        "service": each.service,
        "image": each.image,
        "source": each.source,
        "tagged": each.tagged or None,
        "kept": each.kept or None,
        "swarm": bool(each.swarm),
        "containers": [{"name": one.name, "image_id": one.image_id, "up": one.up} for one in each.containers],
    }


def show(outcome: Outcome, found: Sequence[Standing], format_: Format, *, failed: str = "") -> None:
    if format_ is not Format.TEXT:
        body: dict[str, Any] = {
            "dry_run": False,
            "failed": diagnostics.scrubbed(failed) or None,
            "took_s": round(outcome.took_s, 1),
            "services": [_service(each) | {"wanted": outcome.wanted.get(each.service)} for each in found],
            "changed": outcome.changed,
            "steps": [asdict(each) for each in outcome.steps],
        }
        output.document(body, schema=_SCHEMA, format_=format_)
    elif not failed:
        output.text(summary(outcome, found))


def summary(outcome: Outcome, found: Sequence[Standing]) -> str:
    """One line: what is on what, and how long each part took."""
    parts: dict[str, float] = {}
    for each in outcome.steps:
        name = "check" if each.kind is Kind.CHECK else "images" if each.kind is Kind.IMAGE else each.service
        parts[name] = parts.get(name, 0.0) + each.seconds
    times = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in parts.items())
    on = ", ".join(
        f"{each.service} on {short(outcome.wanted[each.service])}" if each.service in outcome.wanted else each.service
        for each in found
    )
    return f"deployed in {outcome.took_s:.0f} s: {on} ({times})"


def show_stop(failure: Stopped) -> None:
    """The last words of what failed, and who runs what, before the error itself."""
    for line in failure.lines:
        diagnostics.note(f"  | {diagnostics.scrubbed(line)}")
    for sentence in failure.standing:
        diagnostics.note(sentence)
