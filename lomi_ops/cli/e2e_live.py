"""What somebody sees who waits for `lomi e2e`: a table on a terminal, a plain line for each step elsewhere; with jsonl
each photo as soon as it is through."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lomi_ops.cli import diagnostics, e2e_text, output
from lomi_ops.cli.output import Format, counted

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from lomi_ops.domain.way import BatchWay, PhotoWay
    from lomi_ops.ops.e2e.run import News

FRAMES = 8
"""A second at most."""
EACH = 18
"""More photos than that are shown by batch."""


@contextmanager
def watched(format_: Format) -> Iterator[Callable[[News], None]]:
    lines = _Lines(streams=format_ is Format.JSONL)
    # On one terminal a table that is drawn anew would catch what goes to stdout.
    if not diagnostics.on_terminal() or (format_ is Format.JSONL and output.on_terminal()):
        yield lines.tell
        return
    from rich.console import Console
    from rich.live import Live

    lines.quiet = True
    console = Console(file=sys.stderr, highlight=False)
    with Live(console=console, refresh_per_second=FRAMES, transient=True) as live:

        def tell(news: News) -> None:
            lines.tell(news)
            live.update(picture(news))

        yield tell


def picture(news: News) -> RenderableType:
    """The run as it is now."""
    from rich.console import Group
    from rich.text import Text

    photos = [photo for batch in news.batches for photo in batch.photos]
    body = _each(news) if len(photos) <= EACH else _by_batch(news)
    return Group(Text(_headline(news)), body)


def _headline(news: News) -> str:
    photos = [(batch, photo) for batch in news.batches for photo in batch.photos]
    if news.cleaning:
        return "cleaning up"
    if news.uploading:
        return f"uploading {news.uploading}"
    done = sum(photo.done(news.sees) for _, photo in photos)
    return f"{done} of {counted(len(photos), 'photo')} through, {news.elapsed_s:.1f} s"


def _table(*headers: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=None if output.ascii_only() else box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for header in headers:
        table.add_column(header, no_wrap=True)
    return table


def _each(news: News) -> Table:
    table = _table("photo", "where it is", "decision", "after")
    for batch in news.batches:
        for photo in batch.photos:
            decision = photo.said if photo.decision else ""
            style = e2e_text.STYLES.get(photo.decision or "", "")
            after = "" if photo.last_s is None else e2e_text.seconds(photo.last_s)
            table.add_row(photo.name, batch.stage(photo), f"[{style}]{decision}[/]" if style else decision, after)
    return table


def _by_batch(news: News) -> Table:
    table = _table("batch", "where it is", "decided", "after")
    for number, batch in enumerate(news.batches, start=1):
        decided = sum(photo.decision is not None for photo in batch.photos)
        after = "" if batch.whole_s is None else e2e_text.seconds(batch.whole_s)
        table.add_row(str(number), batch.stage(batch.photos[-1]), f"{decided} of {len(batch.photos)}", after)
    return table


@dataclass(slots=True)
class _Lines:
    """Says each thing once."""

    streams: bool = False
    """Photos go to stdout, a line each."""
    quiet: bool = False
    """Somebody sees the picture."""
    _said: set[str] = field(default_factory=set)
    _through: set[str] = field(default_factory=set)

    def tell(self, news: News) -> None:
        if news.cleaning:
            self._note("cleaning up")
            return
        for number, batch in enumerate(news.batches, start=1):
            self._batch(f"batch {number}" if len(news.batches) > 1 else "the batch", batch)
            for photo in batch.photos:
                if photo.done(news.sees):
                    self._photo(photo)

    def _batch(self, name: str, batch: BatchWay) -> None:
        from lomi_ops.domain.way import Leg

        if Leg.ACCEPTED in batch.legs:
            photos = counted(len(batch.photos), "photo")
            self._note(f"{name}: {photos} accepted in {e2e_text.seconds(batch.legs[Leg.ACCEPTED])}")
        if Leg.STARTED in batch.legs:
            self._note(f"{name}: a worker took it after {e2e_text.seconds(batch.legs[Leg.STARTED])}")

    def _photo(self, photo: PhotoWay) -> None:
        if photo.name in self._through:
            return
        self._through.add(photo.name)
        if self.streams:
            output.line({"event": "photo", **e2e_text.record(photo)})
        else:
            self._note(f"{photo.name}: {photo.said} after {e2e_text.seconds(photo.last_s)}")

    def _note(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            if not self.quiet:
                diagnostics.note(text)
