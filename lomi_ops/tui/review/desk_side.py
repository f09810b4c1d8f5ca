"""What the desk's process opens and serves (`forked.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lomi_ops.domain.macro import SHIPPED, Macro
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.saved_filter import SavedFilter
from lomi_ops.errors import LomiError
from lomi_ops.ops.reviews.desk import Desk
from lomi_ops.tui import garbage
from lomi_ops.tui.review.desk_work import DeskWork
from lomi_ops.tui.review.far_work import Greeting
from lomi_ops.tui.review.fetching import Fetching

if TYPE_CHECKING:
    from lomi_ops.ops.reviews.front import Front
    from lomi_ops.queue.jobs import JobQueue
    from lomi_ops.runtime import Runtime


@contextmanager
def served(
    runtime: Runtime, front: Front, actor: str, pile: Pile, wanted: str, saved: tuple[SavedFilter, ...]
) -> Iterator[tuple[Greeting, DeskWork]]:
    """A reviewer's desk; `front` may look at the pile already. Whatever becomes of the app, its claims are given back.
    Raises LomiError."""
    settings = runtime.settings
    macros = _macros(settings.review.macros)
    photos = Fetching(runtime.objects, settings.objects.bucket_photos, settings.images.max_bytes)
    desk = Desk(runtime.database, None, actor, settings.review, front=front)
    work = DeskWork(desk, _queue_of(runtime), photos)
    work.narrow(wanted)
    limits = settings.images.model_dump(mode="python")
    work.expect(pile, front.looked)
    try:
        front.begun()
        greeting = Greeting(
            desk.actor, desk.beat_s, desk.now(), pile, wanted, saved, macros, settings.review.images, limits
        )
        garbage.settle()
        yield greeting, work
    finally:
        with suppress(LomiError):  # they end by themselves
            work.leave(())


def _macros(path: Path | None) -> tuple[Macro, ...]:
    if path is None:
        return SHIPPED
    from lomi_ops.config.macros import read_macros  # a start without such a file need not wait for its parser

    return read_macros(path)


def _queue_of(runtime: Runtime) -> Callable[[], JobQueue]:
    """Where due decisions are told from here; a worker does it where Redis is not configured."""

    def opened() -> JobQueue:
        try:
            return runtime.queue
        except LomiError as failure:
            raise LomiError(f"{failure.message}: workers tell the app what is decided here") from failure

    return opened
