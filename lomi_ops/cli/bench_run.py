"""What the commands of `lomi bench` share: their options, the question before a load, one document at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import asking, options, progress
from lomi_ops.cli.output import Format
from lomi_ops.errors import Refused

if TYPE_CHECKING:
    from lomi_ops.domain.bench import Outcome
    from lomi_ops.ops.bench.probe import Probe, Tell
    from lomi_ops.runtime import Runtime

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done, and where.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask, on a cluster that is no local stack.")]
Seconds = Annotated[str, typer.Option("--for", help="The longest part takes so long at most: 5s, 1m.", metavar="TIME")]
AtOnce = Annotated[int, typer.Option(help="So many things at once.", min=1, max=64, metavar="N")]
LONGEST_S = 600.0


def measure(area: str, probe: Probe, parts: int, format_: Format) -> int:
    """Runs a probe of so many parts."""
    with progress.bar("measuring", parts) as advance:
        seen: list[str] = []

        def tell(what: str) -> None:
            advance(len(seen), what)
            seen.append(what)

        outcome = measured(area, probe, tell, format_)
    return show(outcome, format_)


def show(outcome: Outcome, format_: Format) -> int:
    """Says it, when no bar is on the screen any more; the exit code."""
    from lomi_ops.cli import bench_text

    return bench_text.show(outcome, format_)


def measured(area: str, probe: Probe, tell: Tell, format_: Format) -> Outcome:
    """One document, whatever happens: that of a run that breaks off is written here."""
    from lomi_ops.cli import bench_text

    try:
        return probe.run(tell)
    except BaseException as failure:
        if format_ is not Format.TEXT:
            bench_text.failed(area, failure, probe.left, format_)
        bench_text.tell_left(area, probe.left)
        raise


def limit(seconds: str) -> float:
    limit_s = options.seconds("--for", seconds)
    if not 0 < limit_s <= LONGEST_S:
        raise Refused(f"a part takes at most {LONGEST_S:g} s, not {limit_s:g}", hint="--for 10s")
    return limit_s


def agree(runtime: Runtime, area: str, does: str, *, yes: bool) -> None:
    """Raises Refused where nobody agrees to a load on a cluster that may serve users now."""
    if yes or runtime.loaded.stack is not None:
        return
    again = f"lomi bench {area} --yes"
    if not asking.somebody():
        raise Refused(f"this would {does}, on a cluster that is no local stack; nobody is here to be asked", hint=again)
    if not asking.confirmed(f"{does}, on a cluster that may serve users now?"):
        raise Refused("nothing was done", hint=f"lomi bench {area} --dry-run")
