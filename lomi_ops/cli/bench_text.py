"""What `lomi bench` says: each figure against what was promised, and the one change that would help most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.output import Format, counted
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from lomi_ops.domain.bench import Figure, Left, Outcome, Unit

WIDE = 120
"""Columns from which the promises stand beside the figures."""


def show(outcome: Outcome, format_: Format) -> int:
    code = int(outcome.exit_code)
    if format_ is not Format.TEXT:
        output.document(_record(outcome, code), schema="lomi.bench/v1", format_=format_)
        return code
    output.text(f"{_table(outcome.figures)}\n\n{_closing(outcome)}")
    return code


def failed(area: str, failure: BaseException, left: Sequence[Left], format_: Format) -> None:
    """The document of a run that broke off."""
    from lomi_ops.cli.e2e_text import code_of, error_of

    code = code_of(failure)
    body = {
        "ok": False,
        "exit_code": code,
        "area": area,
        "figures": [],
        "left": _left(left),
        "error": error_of(failure),
    }
    output.document(body, schema="lomi.bench/v1", format_=format_)


def tell_left(area: str, left: Sequence[Left]) -> None:
    """Of a run that broke off."""
    for each in left:
        diagnostics.warn(f"{each.what} {each.name}: still there: {each.why}")
    if left:
        diagnostics.note(f"the next lomi bench {area} removes it")


def show_plan(area: str, does: str, places: Sequence[str], format_: Format) -> int:
    if format_ is Format.TEXT:
        output.text("\n".join((f"would {does}", *places, "nothing was done")))
    else:
        body = {"dry_run": True, "area": area, "does": does, "places": list(places)}
        output.document(body, schema="lomi.bench.plan/v1", format_=format_)
    return int(ExitCode.OK)


# --- for people -------------------------------------------------------------------------------------------------------


def _table(figures: Sequence[Figure]) -> str:
    wide = not output.narrow(WIDE)
    headers = ("what", "measured", "target", "", *(("promised",) if wide else ()))
    rows = [
        (f.text, value_text(f.value, f.unit), _target(f), _verdict(f), *((_source(f),) if wide else ()))
        for f in figures
    ]
    return output.table_text(headers, rows, right=(1, 2), prose=(0,))


def value_text(value: float | None, unit: Unit) -> str:
    """`12 ms`, `1,204/s`, `97.5 %`, `412 MB`; a dash for what nobody knows."""
    from lomi_ops.domain.bench import Unit as Units

    if value is None:
        return "-"
    match unit:
        case Units.SECONDS:
            return _seconds(value)
        case Units.PER_SECOND | Units.PER_MINUTE:
            return f"{round(value, 1) + 0:,.{0 if value >= 100 else 1}f}{unit.value}"
        case Units.SHARE:
            return f"{value * 100:.{1 if value < 0.9995 else 0}f} %"
        case Units.BYTES:
            return f"{value / 1e6:,.0f} MB"
        case Units.BYTES_PER_SECOND:
            return f"{value / 1e6:,.0f} MB/s"
        case _:
            return f"{value:,.0f}"


def _seconds(value: float) -> str:
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1000:.{0 if value >= 0.01 else 2}f} ms"


def _target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    if figure.target.limit == 0:
        return "0"
    sign = figure.target.sense.value
    if not output.ascii_only():
        sign = sign.replace("<=", "≤").replace(">=", "≥")
    return f"{sign} {_limit(figure.target.limit, figure.unit)}"


def _limit(value: float, unit: Unit) -> str:
    """A promise as it was made: `1.8 s`, not `1.80 s`."""
    text = value_text(value, unit)
    number, space, unit_text = text.partition(" ")
    return f"{number.rstrip('0').rstrip('.')}{space}{unit_text}" if "." in number and space else text


def _verdict(figure: Figure) -> str:
    if figure.target is None:
        return ""
    if figure.met is None:
        return output.painted("unknown", "yellow")
    if not figure.met:
        return output.painted("missed", "bold red")
    return output.painted("ok" if output.ascii_only() else "✔", "green")


def _source(figure: Figure) -> str:
    return figure.target.source if figure.target else figure.note


def _closing(outcome: Outcome) -> str:
    return "\n".join(_lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    """The most urgent last: there the eye rests."""
    for figure in outcome.figures:
        if figure.value is None and figure.note:
            yield output.folded(f"not known: {figure.text}: {diagnostics.scrubbed(figure.note)}", 2, first=0)
    for left in outcome.left:
        yield output.folded(f"still there: {left.what} {left.name}: {diagnostics.scrubbed(left.why)}", 2, first=0)
    yield output.folded(_summary(outcome), 2, first=0)
    yield output.folded(f"what would help most: {outcome.advice.text}", 2, first=0)
    if outcome.advice.command:
        yield f"  try: {outcome.advice.command}"


def _summary(outcome: Outcome) -> str:
    judged = [figure for figure in outcome.figures if figure.met is not None]
    did = f"{outcome.did} in {outcome.took_s:.1f} s"
    if not judged:
        return f"{did}: nothing that has a target could be measured"
    missed = len(outcome.missed)
    return f"{did}: " + (f"{missed} of {counted(len(judged), 'target')} missed" if missed else "every target met")


# --- for programs -----------------------------------------------------------------------------------------------------


def _record(outcome: Outcome, code: int) -> dict[str, Any]:
    return {
        "ok": code == 0,
        "exit_code": code,
        "area": outcome.area.value,
        "took_s": round(outcome.took_s, 3),
        "did": outcome.did,
        "figures": [_figure(figure) for figure in outcome.figures],
        "advice": {"text": outcome.advice.text, "command": outcome.advice.command or None},
        "left": _left(outcome.left),
        "error": None,
    }


def _left(left: Sequence[Left]) -> list[dict[str, str]]:
    return [{"what": each.what, "name": each.name, "why": diagnostics.scrubbed(each.why)} for each in left]


def _figure(figure: Figure) -> dict[str, Any]:
    target = figure.target
    return {
        "name": figure.name,
        "text": figure.text,
        "value": None if figure.value is None else round(figure.value, 6),
        "unit": figure.unit.value,
        "target": target and {"sense": target.sense.value, "limit": target.limit, "source": target.source},
        "met": figure.met,
        "note": diagnostics.scrubbed(figure.note) or None,
    }
