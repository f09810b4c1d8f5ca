"""The words and records of `lomi migrate`, and its progress."""

from __future__ import annotations

import re
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.output import Format, counted
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from lomi_ops.db.migrate import Differences, DryRun, MigrationState, Moment, Ran
    from lomi_ops.db.migration.unasked import Absent
    from lomi_ops.domain.drift import Difference

_STATEMENTS = re.compile(r"(?<=;) (?=[A-Z])")
AGAIN_S = 30.0
"""Between two lines about the same wait."""


def lines(found: Differences) -> list[str]:
    """One line for each difference, the SQL for those that a person must mend, and indexes that are no difference; the
    next command is the last."""
    from lomi_ops.domain.drift import Mender

    told = [difference.line for difference in found.found] + [unread.line for unread in found.unread]
    persons = [difference for difference in found.of(Mender.PERSON) if difference.fix]
    if persons:
        told += ["by hand, with psql; ALTER COLUMN TYPE stops the app for as long as it runs:"]
        told += [f"  {statement}" for difference in persons for statement in _STATEMENTS.split(difference.fix)]
    return [*told, *(each.line for each in found.state.media.absent), _last(found)]


def _last(found: Differences) -> str:
    from lomi_ops.domain.drift import Mender

    if found.complete:
        return "complete"
    if not found.found:
        return f"could not tell: {found.command}"
    if len(found.of(Mender.PERSON)) == len(found.found) and found.state.media.exists:
        return f"not complete; when that is done: {found.command}"
    return f"not complete: {found.command}"


def record(found: Differences) -> dict[str, Any]:
    state = found.state
    return {
        "complete": found.complete,
        "version": state.version,
        "media_exists": state.media.exists,
        "media_columns_missing": list(state.media.missing_columns),
        "media_indexes_missing": list(state.media.missing_indexes),
        "media_indexes_invalid": list(state.media.invalid_indexes),
        "media_indexes_absent": [_absent(each) for each in state.media.absent],
        "pending": [migration.label for migration in state.pending],
        "altered": list(state.altered),
        "newer": list(state.newer),
        "differences": [_difference(difference) for difference in found.found],
        "unread": [{"what": each.what, "why": each.why, "command": each.command} for each in found.unread],
        "command": found.command,
    }


def _absent(each: Absent) -> dict[str, Any]:
    return {"names": list(each.names), "state": each.built.value, "why": each.why, "command": each.command}


def _difference(difference: Difference) -> dict[str, str]:
    return {
        "problem": difference.problem.value,
        "what": difference.what,
        "there": difference.there,
        "should_be": difference.should_be,
        "mender": difference.mender.value,
        "fix": difference.fix,
    }


def deeds(ran: Ran) -> list[str]:
    if not ran.steps and not ran.failed:
        return ["nothing to apply"]
    changed = [f"changed: {counted(ran.rows, 'row')} of media"] if ran.rows else []
    failed = [f"left out: {each.step}, {each.why}" for each in ran.failed]
    return [*(f"done: {step}" for step in ran.steps), *changed, *failed]


def deeds_record(ran: Ran) -> dict[str, Any]:
    failed = [{"step": each.step, "why": each.why} for each in ran.failed]
    return {"dry_run": False, "steps": list(ran.steps), "rows_changed": ran.rows, "failed": failed}


def script(would: DryRun) -> str:
    """What a run would send, with a comment above each step. psql takes it as it is."""
    if not would.steps:
        return "-- nothing to apply"
    parts = []
    for number, step in enumerate(would.steps, start=1):
        why = textwrap.fill(step.why, 116, initial_indent="-- ", subsequent_indent="-- ", break_on_hyphens=False)
        parts.append(f"-- {number}. {step.name}\n{why}\n{step.sql}")
    return "\n\n".join(parts)


def show_dry_run(would: DryRun, format_: Format, *, schema: str) -> int:
    """What a run would send, and what this role lacks for it."""
    if format_ is Format.TEXT:
        output.text(script(would))
    else:
        steps = [{"name": step.name, "why": step.why, "sql": step.sql} for step in would.steps]
        lacking = [{"what": lack.what, "grant": lack.grant} for lack in would.lacking]
        left_out = [_absent(each) for each in would.left_out]
        body = {"dry_run": True, "steps": steps, "lacking": lacking, "left_out": left_out}
        output.document(body, schema=schema, format_=format_)
    for lack in would.lacking:
        diagnostics.warn(f"this role may not {lack.what}: {lack.grant}")
    for each in would.left_out:
        diagnostics.note(each.line)
    return int(ExitCode.OK)


def status(state: MigrationState) -> dict[str, Any]:
    from lomi_ops.db.migrate import level

    return {
        "version": state.version,
        "known": level(),
        "applied": [
            {
                "version": entry.version,
                "name": entry.name,
                "applied_at": entry.applied_at,
                "program": entry.program,
                "oldest_writer": entry.oldest_writer,
            }
            for entry in state.applied
        ],
        "pending": [migration.label for migration in state.pending],
        "altered": list(state.altered),
        "newer": list(state.newer),
        "may_write": state.may_write,
        "media_indexes_absent": [_absent(each) for each in state.media.absent],
    }


def show_status(state: MigrationState) -> None:
    from lomi_ops.db.migrate import level

    rows = [
        (
            entry.label,
            "newer than this lomi" if entry.label in state.newer else "applied",
            f"{entry.applied_at:%Y-%m-%d %H:%M}",
            entry.program or "-",
        )
        for entry in state.applied
    ]
    rows += [(migration.label, "pending", "-", "-") for migration in state.pending]
    output.table(("migration", "state", "at (UTC)", "lomi"), rows, prose=(1,))
    for each in state.media.absent:
        output.text(each.line)
    at = f"the schema is at {state.version:04}" if state.applied else "there is no schema lomi"
    output.text(f"{at}, this lomi knows {level():04}: {_standing(state)}")


def _standing(state: MigrationState) -> str:
    if not state.may_write:
        return f"it must not write there; {state.upgrade}"
    if state.newer:
        return f"it may still write there; {state.upgrade}"
    if state.pending:
        return "lomi migrate apply"
    return "nothing to apply"


# --- progress ---------------------------------------------------------------------------------------------------------

Tell = Callable[["Moment"], None]


@contextmanager
def progress() -> Iterator[Tell]:
    """A bar on stderr where somebody watches, and everywhere a line about whom it waits for."""
    if not diagnostics.on_terminal():
        yield _Waits(diagnostics.note).tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.text import Text

    columns = (TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[words]}"), TimeElapsedColumn())
    console = Console(file=sys.stderr, highlight=False)
    with Progress(*columns, console=console, transient=True) as drawn:
        number = drawn.add_task("", total=None, words="")
        waits = _Waits(lambda line: console.print(Text(line)))

        def tell(moment: Moment) -> None:
            waits.tell(moment)
            place = f"{moment.number}/{moment.steps} " if moment.steps else ""
            drawn.update(
                number, description=f"{place}{moment.step}", total=moment.total or None, completed=moment.done,
                words="waits" if moment.waits else _share(moment),
            )  # fmt: skip

        yield tell


def _share(moment: Moment) -> str:
    if moment.total:
        return f"{moment.done:,} of about {moment.total:,}"
    return f"{moment.done:,} so far" if moment.done else ""


class _Waits:
    """One line for each wait, and again now and then while it lasts."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._step = ""
        self._at = 0.0

    def tell(self, moment: Moment) -> None:
        now = time.monotonic()
        if moment.waits and (moment.step != self._step or now - self._at >= AGAIN_S):
            self._step, self._at = moment.step, now
            self._write(f"{moment.step}: waits for {moment.waits}")
