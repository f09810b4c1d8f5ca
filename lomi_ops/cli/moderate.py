"""`lomi moderate PATH…`: judges files or folders, with no services."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import options, output, progress
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from lomi_ops.cli.judging import Moderation
    from worker.moderate import Moderated


@options.with_common
def moderate(
    common: options.Common,
    paths: Annotated[list[Path], typer.Argument(help="Image files, or folders that hold some.", metavar="PATH...")],
    model: Annotated[
        str | None, typer.Option(help="NSFW model: a name, or a manifest file.", metavar="NAME|FILE")
    ] = None,
    policy: Annotated[str | None, typer.Option(help="Policy by name.", metavar="NAME")] = None,
    annotate: Annotated[Path | None, typer.Option(help="Write copies with boxes drawn.", metavar="DIR")] = None,
    objects: Annotated[bool, typer.Option("--objects", help="Each PATH is the key of an uploaded photo.")] = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """Judge photos on their own: no queue, no database.

    With --objects each PATH is the key of a photo in the store: it is fetched and judged, nothing is changed. Exit 0
    when all are approved, 1 when not, 3 when one could not be judged and none was rejected. jsonl gives each photo as
    soon as it is judged.
    """
    from lomi_ops.cli import judging

    overrides: dict[str, object] = {"models.nsfw": (model,)} if model else {}
    opened = (
        judging.moderation_of_objects(common, list(map(str, paths)), policy, overrides)
        if objects
        else judging.moderation(common, paths, policy, overrides)
    )
    with opened as moderation:
        seen = _judge(moderation, annotate, format_)
        policy_ref = moderation.policy.ref
    if format_ is Format.JSON:
        body = {"policy": policy_ref, "photos": [each.record for each in seen], "summary": _summary(seen)}
        output.document(body, schema="lomi.moderate/v1")
    elif format_ is Format.TEXT:
        _show(seen, policy_ref)
    return int(_exit_code(seen))


@dataclass(frozen=True, slots=True)
class Seen:
    """What is kept of a photo once it is judged: folders may hold many."""

    word: str
    """approved, rejected, review, failed, or unjudged: what a person calls the outcome of one file."""
    record: dict[str, Any]
    cells: tuple[str, ...]


def _judge(moderation: Moderation, annotate: Path | None, format_: Format) -> list[Seen]:
    seen = []
    with progress.bar("judging", len(moderation.paths)) as advance:
        for item in moderation.items():
            copy = moderation.annotate(item, annotate) if annotate else None
            word = _word(item)
            name = moderation.name(item.path)
            seen.append(Seen(word, _record(item, name, word, copy), _cells(item, name, word)))
            if format_ is Format.JSONL:
                output.line(seen[-1].record)
            advance(len(seen), "judging")
    return seen


def _exit_code(seen: list[Seen]) -> ExitCode:
    words = {each.word for each in seen}
    if "rejected" in words:
        return ExitCode.BAD
    if words & {"failed", "unjudged"}:
        return ExitCode.UNKNOWN
    return ExitCode.BAD if "review" in words else ExitCode.OK


def _word(item: Moderated) -> str:
    if not item.judged:
        return "unjudged"
    status = item.decision.status.value
    return "review" if status == "pending" else status


def _record(item: Moderated, name: str, word: str, copy: Path | None) -> dict[str, Any]:
    decision = item.decision
    record: dict[str, Any] = {
        "path": name,
        "decision": word,
        "reason": _reason(item),
        "detail": decision.detail,
        "scores": decision.scores,
        "findings": _findings(item),
        "timings_ms": item.timings_ms,
        "sha256": decision.sha256,
    }
    if decision.evidence is not None:
        record |= {"width": decision.evidence.width, "height": decision.evidence.height}
    if copy is not None:
        record["annotated"] = str(copy)
    return record


def _reason(item: Moderated) -> str | None:
    verdict = item.decision.verdict
    return verdict.reason.value if verdict and verdict.reason else item.decision.reason


def _findings(item: Moderated) -> list[dict[str, Any]]:
    evidence = item.decision.evidence
    return [
        {
            "engine": report.engine.value,
            "model": report.model,
            "label": finding.label.value,
            "raw_label": finding.raw_label,
            "score": finding.score,
            "box": [finding.box.x, finding.box.y, finding.box.w, finding.box.h] if finding.box else None,
            **({"value": finding.value} if finding.value is not None else {}),
            **({"age": [finding.age.low, finding.age.high]} if finding.age else {}),
        }
        for report in (evidence.reports if evidence else ())
        for finding in report.findings
    ]


def _summary(seen: list[Seen]) -> dict[str, int]:
    counts = Counter(each.word for each in seen)
    return {"total": len(seen)} | {word: counts[word] for word in STYLES}


STYLES = {"approved": "green", "rejected": "red", "review": "yellow", "failed": "magenta", "unjudged": "magenta"}


def _cells(item: Moderated, name: str, word: str) -> tuple[str, ...]:
    # One line of a photo must fit 80 columns; its reason in words says what its reason's name says.
    return (
        "/".join(name.split("/")[-2:]),
        output.painted(word, STYLES[word]),
        _reason(item) or "",
        item.decision.detail,
        f"{item.decision.processing_ms:.0f} ms" if item.timings_ms else "",
    )


def _show(seen: list[Seen], policy_ref: str) -> None:
    output.table(
        ("photo", "decision", "reason", "why", "time"), [each.cells for each in seen], right=(4,), prose=(0, 3)
    )
    counts = ", ".join(f"{count} {name}" for name, count in _summary(seen).items() if count and name != "total")
    output.text(f"{output.counted(len(seen), 'photo')} by policy {policy_ref}: {counts}")
