"""A bar on stderr where somebody watches, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lomi_ops.cli import diagnostics

Advance = Callable[[int, str], None]
"""So many are done, and what is being done now."""


@contextmanager
def bar(task: str, total: int | None) -> Iterator[Advance]:
    """`total` is None where nobody has counted."""
    if not diagnostics.on_terminal():
        yield lambda done, what: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as drawn:
        number = drawn.add_task(task, total=total)
        yield lambda done, what: drawn.update(number, description=what, completed=done)
