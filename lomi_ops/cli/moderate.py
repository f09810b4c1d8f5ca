"""`lomi moderate PATH…`: judges files or folders, with no services."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import diagnostics, options, output
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
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
    format_: options.Output = Format.TEXT,
) -> int:
    """Judge photos without any service: no queue, no database.

    Exit 0 when all are approved, 1 when not, 3 when one could not be judged and none was rejected.
    """
    from lomi_ops.cli import judging

    overrides: dict[str, object] = {"models.nsfw": (model,)} if model else {}
    items: list[Moderated] = []
    with judging.moderation(common, paths, policy, overrides) as session:
        if format_ is Format.TEXT:
            diagnostics.note(f"policy {session.policy.ref}, {len(session.paths)} photos")
        for item in session.items():
            items.append(item)
            copy = session.annotate(item, annotate) if annotate else None
            if format_ is Format.JSONL:
                output.line(_record(item, copy))
        if format_ is Format.JSON:
            photos = [_record(item, None) for item in items]
            output.document(
                {"policy": session.policy.ref, "photos": photos, "summary": _summary(items)}, schema="lomi.moderate/v1"
            )
        elif format_ is Format.TEXT:
            _show(items)
    return int(_exit_code(items))


def _exit_code(items: list[Moderated]) -> ExitCode:
    words = {word(item) for item in items}
    if "rejected" in words:
        return ExitCode.BAD
    if words & {"failed", "unjudged"}:
        return ExitCode.UNKNOWN
    return ExitCode.BAD if "review" in words else ExitCode.OK


def word(item: Moderated) -> str:
    """approved, rejected, review, failed, or unjudged: what a person calls the outcome of one file."""
    if not item.judged:
        return "unjudged"
    status = item.decision.status.value
    return "review" if status == "pending" else status


def _record(item: Moderated, copy: Path | None) -> dict[str, Any]:
    decision = item.decision
    record: dict[str, Any] = {
        "path": str(item.path),
        "decision": word(item),
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


def _summary(items: list[Moderated]) -> dict[str, int]:
    counts = {"total": len(items), "approved": 0, "rejected": 0, "review": 0, "failed": 0, "unjudged": 0}
    for item in items:
        counts[word(item)] += 1
    return counts


STYLES = {"approved": "green", "rejected": "red", "review": "yellow", "failed": "magenta", "unjudged": "magenta"}


def _show(items: list[Moderated]) -> None:
    # One line of a photo must fit 80 columns; its reason in words says what its reason's name says.
    rows = [
        (
            _short(item.path),
            output.painted(word(item), STYLES[word(item)]),
            _reason(item) or "",
            item.decision.detail,
            f"{item.decision.processing_ms:.0f} ms" if item.timings_ms else "",
        )
        for item in items
    ]
    output.table(("photo", "decision", "reason", "why", "time"), rows, right=(4,))
    counts = ", ".join(f"{count} {name}" for name, count in _summary(items).items() if count and name != "total")
    output.text(f"{len(items)} photos: {counts}")


def _short(path: Path) -> str:
    return "/".join(path.parts[-2:])
