"""`lomi check`: is everything well?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lomi_ops.cli import options, output
from lomi_ops.cli.output import Format

if TYPE_CHECKING:
    from lomi_ops.domain.check import CheckResult

SIGNS = {"pass": "✔", "warn": "!", "fail": "✘", "unknown": "?", "skip": "-", "blocked": "·", "suppressed": "-"}
PLAIN = {"pass": "ok", "warn": "!", "fail": "X", "unknown": "?", "skip": "-", "blocked": ".", "suppressed": "-"}
STYLES = {"pass": "green", "warn": "yellow", "fail": "red", "unknown": "magenta", "blocked": "magenta"}


@options.with_common
def check(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """Check that queue, database, objects and workers are well.

    Exit 0 when nothing failed, 1 when a check failed, 3 when something could not be told.
    """
    from lomi_ops.domain.check import exit_code
    from lomi_ops.ops.checks.probes import Handles
    from lomi_ops.ops.checks.run import run_checks
    from lomi_ops.runtime import opened

    with opened(config=common.config, env_file=common.env_file, data=common.data) as runtime:
        handles = Handles(
            redis=runtime.redis,
            queue=runtime.queue,
            registry=runtime.registry,
            database=runtime.database,
            objects=runtime.objects,
            faces=runtime.faces,
            bucket=runtime.settings.objects.bucket_photos,
        )
        results = run_checks(handles)
    code = int(exit_code(results))
    if format_ is Format.TEXT:
        _show(results)
    elif format_ is Format.JSONL:
        for result in results:
            output.line(_record(result))
    else:
        body = {"ok": code == 0, "exit_code": code, "summary": _summary(results)}
        output.document(body | {"checks": [_record(result) for result in results]}, schema="lomi.check/v1")
    return code


def _record(result: CheckResult) -> dict[str, Any]:
    spec, found = result.spec, result.found
    return {
        "id": spec.id,
        "slug": spec.slug,
        "category": spec.category,
        "sentence": spec.sentence,
        "status": found.status.value,
        "detail": found.detail,
        "hint": found.hint,
        "needs": list(spec.needs),
        "duration_ms": round(result.duration_ms, 1),
    }


def _summary(results: list[CheckResult]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for result in results:
        counts[result.found.status.value] = counts.get(result.found.status.value, 0) + 1
    return counts


def _show(results: list[CheckResult]) -> None:
    signs = PLAIN if output.ascii_only() else SIGNS
    rows = [
        (
            output.painted(f"{signs[r.found.status]} {r.found.status.value}", STYLES.get(r.found.status, "dim")),
            r.spec.slug,
            r.found.detail,
        )
        for r in results
    ]
    output.table(("", "check", "what was seen"), rows)
    for result in results:
        if result.found.hint and result.found.status.value in ("fail", "warn", "unknown"):
            output.text(f"{result.spec.slug}: {result.found.hint}")
    counts = ", ".join(f"{count} {status}" for status, count in _summary(results).items())
    output.text(f"{len(results)} checks: {counts}")
