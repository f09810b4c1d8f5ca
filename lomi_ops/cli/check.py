"""`lomi check`: is everything well?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import options, output
from lomi_ops.cli.check_formats import CheckFormat
from lomi_ops.domain.check import Scope
from lomi_ops.errors import UsageError

if TYPE_CHECKING:
    from lomi_ops.cli.check_run import Wanted
    from lomi_ops.domain.check_choice import Choice, Chosen

Only = Annotated[list[str] | None, typer.Option("--only", help="Id, slug, category or pattern.", metavar="CHECK")]
Skip = Annotated[list[str] | None, typer.Option("--skip", help="The same, left out.", metavar="CHECK")]
ScopeOption = Annotated[Scope | None, typer.Option("--scope", help="Only what makes sense at that moment.")]
Deep = Annotated[bool, typer.Option("--deep", help="Also what writes or makes engines work.")]
Wait = Annotated[str | None, typer.Option("--wait", help="Look again at what may still become true.", metavar="TIME")]
Watch = Annotated[str | None, typer.Option("--watch", help="Do it again every so often.", metavar="TIME")]
Limit = Annotated[str, typer.Option("--timeout", help="Longest time of one run.", metavar="TIME")]
FailOn = Annotated[str | None, typer.Option("--fail-on", help="`warning`: exit 4 for warnings.", metavar="LEVEL")]
OutputFormat = Annotated[CheckFormat, typer.Option("--output", "-o", help="How it is written.")]
OutputFile = Annotated[Path | None, typer.Option("--output-file", help="Write it there, in one step.", metavar="FILE")]
Bundle = Annotated[Path | None, typer.Option("--bundle", help="Also pack an archive for support.", metavar="FILE")]
ListOption = Annotated[bool, typer.Option("--list", help="Show the checks, and run none.")]


@options.with_common
def check(
    common: options.Common,
    only: Only = None,
    skip: Skip = None,
    scope: ScopeOption = None,
    deep: Deep = False,
    wait: Wait = None,
    watch: Watch = None,
    timeout: Limit = "15s",
    fail_on: FailOn = None,
    format_: OutputFormat = CheckFormat.TEXT,
    output_file: OutputFile = None,
    bundle: Bundle = None,
    list_: ListOption = False,
) -> int:
    """Check all that a deploy rests on.

    Services, database, queue, workers, objects and faces, all at once; what rests on something that failed is blocked.
    What is to be done stands at the end, the most urgent last, then the counts. Exit 0 when nothing failed, 1 when a
    check failed, 3 when something could not be told, 4 for warnings with --fail-on warning. `lomi help LOMI-…`
    explains a check.
    """
    from lomi_ops.cli.check_run import Wanted, run_once
    from lomi_ops.domain.check_choice import Choice

    choice = Choice(tuple(only or ()), tuple(skip or ()), scope, deep)
    chosen = _chosen(choice)
    if list_:
        return _list(chosen, format_)
    if fail_on not in (None, "warning", "fail"):
        raise UsageError(f"--fail-on knows no {fail_on!r}", hint="lomi check --fail-on warning")
    wanted = Wanted(
        common=common,
        chosen=tuple(chosen),
        whole=not (choice.only or choice.skip or choice.scope),
        limit_s=options.seconds("--timeout", timeout),
        wait_s=options.seconds("--wait", wait) if wait else 0.0,
        fail_on_warning=fail_on == "warning",
        format_=format_,
        file=output_file,
        bundle=bundle,
    )
    if watch is None:
        return run_once(wanted)
    if format_ in _ONE_DOCUMENT and output_file is None:
        raise UsageError(
            f"--watch writes again and again, and {format_} is one document", hint="-o jsonl, or --output-file"
        )
    return _watched(wanted, options.seconds("--watch", watch))


_ONE_DOCUMENT = (CheckFormat.JSON, CheckFormat.JUNIT, CheckFormat.PROM)


def _chosen(choice: Choice) -> list[Chosen]:
    from lomi_ops.domain.check_choice import choose, unknown_patterns
    from lomi_ops.ops.checks.catalogue import SPECS

    for pattern, nearest in unknown_patterns(SPECS, (*choice.only, *choice.skip)).items():
        hint = f"lomi check --only {nearest}, or lomi check --list" if nearest else "lomi check --list"
        raise UsageError(f"no check is called {pattern}", hint=hint)
    return choose(SPECS, choice)


def _list(chosen: Sequence[Chosen], format_: CheckFormat) -> int:
    if format_ in (CheckFormat.JSON, CheckFormat.JSONL):
        checks = [
            {"id": each.spec.id, "slug": each.spec.slug, "sentence": each.spec.sentence, "cost": each.spec.cost,
             "severity": each.spec.severity, "needs": list(each.spec.needs), "fix": each.spec.fix,
             "scopes": sorted(each.spec.scopes)}
            for each in chosen
        ]  # fmt: skip
        output.document({"checks": checks}, schema="lomi.checks/v1")
        return 0
    rows = [(each.spec.id, each.spec.slug, each.spec.severity, each.spec.cost, each.spec.sentence) for each in chosen]
    output.table(("id", "check", "severity", "cost", "what should be true"), rows)
    return 0


def _watched(wanted: Wanted, every_s: float) -> int:
    """Until somebody ends it; the code is that of the last run that came to its end."""
    from lomi_ops.cli.check_run import run_once
    from lomi_ops.cli.ending import INTERRUPTED, TERMINATED

    last = INTERRUPTED
    try:
        while (code := run_once(wanted)) not in (INTERRUPTED, TERMINATED):
            last = code
            time.sleep(every_s)
    except KeyboardInterrupt:
        return last
    return last if code == INTERRUPTED else code
