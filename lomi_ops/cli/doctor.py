"""`lomi doctor`: what is wrong, why it matters, and the one command to run next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format
from lomi_ops.domain.diagnosis import Area

if TYPE_CHECKING:
    from lomi_ops.domain.diagnosis import Finding
    from lomi_ops.ops.doctor.handles import Handles
    from lomi_ops.runtime import Runtime

SIGNS = {"wrong": "✘", "unknown": "?", "note": "·"}
PLAIN = {"wrong": "X", "unknown": "?", "note": "-"}
_INDENT = "  "


@options.with_common
def doctor(
    common: options.Common,
    area: Annotated[
        Area | None, typer.Argument(help="flow, workers, compreface or rejections; all of them without.")
    ] = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Explain what is wrong and what to do first.

    Looks at Docker, Redis, Postgres and CompreFace as far as they answer, and changes nothing. The first line is the
    command to run next. Exit 0 when nothing is wrong, 1 when something is, 3 when it could not be told.
    """
    from datetime import UTC, datetime

    from lomi_ops.domain.diagnosis import exit_code
    from lomi_ops.ops.doctor.run import diagnose

    areas = tuple(Area) if area is None else (area,)
    with session.opened(common, "redis", "database") as runtime:
        findings = diagnose(_handles(runtime), areas, datetime.now(UTC))
    code = int(exit_code(findings))
    if format_ is Format.TEXT:
        _show(findings, areas)
    elif format_ is Format.JSON:
        body = {"ok": code == 0, "exit_code": code, "next": _next(findings), "areas": [each.value for each in areas]}
        output.document(body | {"findings": list(map(_record, findings))}, schema="lomi.doctor/v1")
    else:
        for finding in findings:
            output.line(_record(finding))
    return code


def _handles(runtime: Runtime) -> Handles:
    from lomi_ops.ops.containers import Look
    from lomi_ops.ops.doctor.handles import Handles

    return Handles(
        settings=runtime.settings,
        redis=runtime.redis,
        queue=runtime.queue,
        registry=runtime.registry,
        database=runtime.database,
        faces=runtime.faces,
        docker=Look(runtime.docker),
    )


def _next(findings: Sequence[Finding]) -> str:
    """The command of the most important finding; empty where nothing is to be done."""
    return next((each.next for each in findings if each.gravity.value != "note" and each.next), "")


def _record(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "area": finding.area.value,
        "gravity": finding.gravity.value,
        "seen": diagnostics.scrubbed(finding.seen),
        "why": finding.why,
        "next": finding.next,
        "lines": list(map(diagnostics.scrubbed, finding.lines)),
    }


def _show(findings: Sequence[Finding], areas: Sequence[Area]) -> None:
    first = _next(findings)
    troubles = [each for each in findings if each.gravity.value != "note"]
    names = ", ".join(each.value for each in areas)
    output.text(f"run next: {first}" if first else f"nothing is wrong: {names}")
    signs = PLAIN if output.ascii_only() else SIGNS
    for finding in findings:
        output.text("\n" + "\n".join(_lines(finding, signs[finding.gravity.value])))
    if troubles:
        wrong = sum(each.gravity.value == "wrong" for each in troubles)
        counts = [f"{wrong} wrong"] if wrong else []
        counts += [f"{len(troubles) - wrong} not known"] if len(troubles) > wrong else []
        output.text(f"\n{names}: {', '.join(counts)}")


def _lines(finding: Finding, sign: str) -> list[str]:
    told = [f"{sign} {finding.id}  {diagnostics.scrubbed(finding.seen)}", f"{_INDENT}why   {finding.why}"]
    told += [f"{_INDENT}      {diagnostics.scrubbed(line)}" for line in finding.lines]
    return [*told, f"{_INDENT}next  {finding.next}"] if finding.next else told
