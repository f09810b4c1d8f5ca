"""`lomi check`: is everything well?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format

if TYPE_CHECKING:
    from lomi_ops.domain.check import CheckResult
    from lomi_ops.ops.checks.probes import Handles
    from lomi_ops.runtime import Runtime

SIGNS = {"pass": "✔", "warn": "!", "fail": "✘", "unknown": "?", "skip": "-", "blocked": "·", "suppressed": "-"}
PLAIN = {"pass": "ok", "warn": "!", "fail": "X", "unknown": "?", "skip": "-", "blocked": ".", "suppressed": "-"}
STYLES = {"pass": "green", "warn": "yellow", "fail": "red", "unknown": "magenta", "blocked": "magenta"}


@options.with_common
def check(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """Check queue, database, objects, faces and workers.

    The last lines say what to do, the most urgent last. Exit 0 when nothing failed, 1 when a check failed, 3 when
    something could not be told. jsonl gives each check as soon as it is known.
    """
    from lomi_ops.domain.check import exit_code
    from lomi_ops.ops.checks.run import run_checks

    with session.opened(common, *session.ALL) as runtime:
        results = _follow(run_checks(_handles(runtime)), format_)
    code = int(exit_code(results))
    if format_ is Format.TEXT:
        _show(results)
    elif format_ is Format.JSON:
        _document(results, code)
    return code


def _handles(runtime: Runtime) -> Handles:
    from lomi_ops.ops.checks.probes import Handles

    return Handles(
        redis=runtime.redis,
        queue=runtime.queue,
        registry=runtime.registry,
        database=runtime.database,
        objects=runtime.objects,
        faces=runtime.faces,
        bucket=runtime.settings.objects.bucket_photos,
        lease_s=runtime.settings.worker.lease_s,
        stack=runtime.loaded.stack,
    )


def _follow(results: Iterable[CheckResult], format_: Format) -> list[CheckResult]:
    known = []
    for result in results:
        known.append(result)
        if format_ is Format.JSONL:
            output.line(_record(result))
    return known


def _document(results: Sequence[CheckResult], code: int) -> None:
    from lomi_ops.domain.check import summary

    body = {"ok": code == 0, "exit_code": code, "summary": summary(results)}
    output.document(body | {"checks": [_record(result) for result in results]}, schema="lomi.check/v1")


def _record(result: CheckResult) -> dict[str, Any]:
    spec, found = result.spec, result.found
    return {
        "id": spec.id,
        "slug": spec.slug,
        "category": spec.category,
        "sentence": spec.sentence,
        "status": found.status.value,
        "detail": _detail(result),
        "hint": found.hint,
        "needs": list(spec.needs),
        "duration_ms": round(result.duration_ms, 1),
    }


def _detail(result: CheckResult) -> str:
    """What failed is told in the words of servers and libraries."""
    well = result.status.value in ("pass", "skip", "blocked")
    return result.found.detail if well else diagnostics.scrubbed(result.found.detail)


def _show(results: Sequence[CheckResult]) -> None:
    from lomi_ops.domain.check import summary, to_do

    signs = PLAIN if output.ascii_only() else SIGNS
    rows = [
        (
            output.painted(f"{signs[r.status]} {r.status.value}", STYLES.get(r.status, "dim")),
            r.spec.slug,
            _detail(r),
        )
        for r in results
    ]
    output.table(("", "check", "what was seen"), rows)
    counts = ", ".join(f"{count} {status}" for status, count in summary(results).items() if count)
    output.text(f"{output.counted(len(results), 'check')}: {counts}")
    for result in to_do(results):
        output.text(f"{result.spec.slug}: {result.found.hint}")
