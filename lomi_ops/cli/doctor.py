"""`lomi doctor`: what is wrong, why it matters, and the one command to run next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
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
STYLES = {"wrong": "red", "unknown": "magenta", "note": "dim"}
_INDENT, _LEFT = 2, 6


@options.with_common
def doctor(
    common: options.Common,
    area: Annotated[
        Area | None,
        typer.Argument(help="flow, workers, compreface or rejections; all of them without.", metavar="AREA"),
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
    with session.opened(common, "redis", "database") as runtime, _opened(runtime) as handles:
        findings = diagnose(handles, areas, datetime.now(UTC))
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


@contextmanager
def _opened(runtime: Runtime) -> Iterator[Handles]:
    """The services, in the hands of somebody who does not wait for long; only statements keep their time, for they may
    have much to count."""
    from lomi_ops.ops.checks.impatient import impatient
    from lomi_ops.ops.containers import Look
    from lomi_ops.ops.doctor.handles import Handles
    from lomi_ops.runtime import Runtime

    settings = impatient(runtime.settings)
    patient = {"statement_timeout_s": runtime.settings.database.statement_timeout_s}
    settings = settings.model_copy(update={"database": settings.database.model_copy(update=patient)})
    with closing(Runtime(replace(runtime.loaded, settings=settings))) as quick:
        yield Handles(
            settings=settings,
            redis=quick.redis,
            queue=quick.queue,
            registry=quick.registry,
            database=quick.database,
            faces=quick.faces,
            docker=Look(quick.docker),
            stack=runtime.loaded.stack,
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
    names = ", ".join(each.value for each in areas)
    if first:
        output.text(output.painted_text("run next: ", "bold") + first)
    else:
        output.text(output.painted_text(f"nothing is wrong: {names}", "green"))
    for finding in findings:
        output.text("\n" + "\n".join(_lines(finding)))
    counts = Counter(each.gravity.value for each in findings)
    if counts["wrong"] or counts["unknown"]:
        said = [
            f"{counts[word]} {what}" for word, what in (("wrong", "wrong"), ("unknown", "not known")) if counts[word]
        ]
        output.text(f"\n{names}: {', '.join(said)}")


def _lines(finding: Finding) -> list[str]:
    word = finding.gravity.value
    sign = (PLAIN if output.ascii_only() else SIGNS)[word]
    head = f"{sign} {finding.id}: "
    seen = output.folded(diagnostics.scrubbed(finding.seen), _INDENT, first=len(head))
    told = [output.painted_text(head, STYLES[word]) + seen, _told("why", finding.why)]
    told += [
        output.painted_text(f"{'':{_INDENT}}{'':{_LEFT}}| {diagnostics.scrubbed(line)}", "dim")
        for line in finding.lines
    ]
    return [*told, _told("next", finding.next)] if finding.next else told


def _told(name: str, text: str) -> str:
    # What is to be copied is never folded.
    left = _INDENT + _LEFT
    return f"{'':{_INDENT}}{name:{_LEFT}}{text if name == 'next' else output.folded(text, left, first=left)}"
