"""From a terminal to a running app, and back.

Textual takes its time to be imported. Meanwhile the database looks up the first photos, and another process gets ready
to decode them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lomi_ops.domain.macro import SHIPPED, Macro
from lomi_ops.domain.pile import Pile
from lomi_ops.ops.reviews.desk import Desk
from lomi_ops.tui.review.background import Background
from lomi_ops.tui.review.darkroom import Darkroom
from lomi_ops.tui.review.desk_work import DeskWork
from lomi_ops.tui.review.exhibit import Exhibit
from lomi_ops.tui.review.photos import Photos
from lomi_ops.tui.review.reviewing import Reviewing
from lomi_ops.tui.review.terminal import Images, look

if TYPE_CHECKING:
    import subprocess

    from lomi_ops.clients.objects import ObjectStore
    from lomi_ops.config.schema import Settings
    from lomi_ops.domain.saved_filter import SavedFilter
    from lomi_ops.queue.jobs import JobQueue
    from lomi_ops.tui.review.work import Keep


def start(
    desk: Desk,
    open_queue: Callable[[], JobQueue],
    open_objects: Callable[[], ObjectStore],
    drawing: subprocess.Popen[bytes],
    settings: Settings,
    *,
    pile: Pile,
    wanted: str,
    saved: tuple[SavedFilter, ...],
    keep: Keep,
    images: str,
    ascii_only: bool,
    environ: Mapping[str, str],
) -> int:
    """Runs the app until it is left; its exit code. `drawing` is a darkroom's process.

    Raises LomiError where there is nothing to run it on.
    """
    macros = _macros(settings.review.macros)
    wish = Images.NONE if ascii_only and images == Images.AUTO else Images(images)
    background = Background()
    darkroom = Darkroom(settings.images, drawing)
    photos = Photos(open_objects(), settings.objects.bucket_photos, settings.images.max_bytes, darkroom)

    def fetch(exhibit: Exhibit) -> None:
        background.paint(lambda: photos.fetch(exhibit.row.url), lambda _: None)

    work = DeskWork(desk, open_queue, None if wish is Images.NONE else fetch)
    work.narrow(wanted)
    session = Reviewing(work, background.ask, pile, wanted, saved)
    try:
        session.start()
        # Before the app reads from the terminal: what is asked there is answered there.
        screen = look(wish, environ)

        from lomi_ops.tui.review.app import Options, ReviewApp

        clock = counting_on(desk.now(), time.monotonic)
        chosen = Options(desk.actor, desk.beat_s, ascii_only, macros, keep)
        app = ReviewApp(session, background, photos, screen, chosen, clock)
    except BaseException:
        session.leave()
        background.close()
        darkroom.close()
        raise
    app.run()
    return app.return_code or 0


def _macros(path: Path | None) -> tuple[Macro, ...]:
    if path is None:
        return SHIPPED
    from lomi_ops.config.macros import read_macros  # a start without such a file need not wait for its parser

    return read_macros(path)


def counting_on(now: datetime, elapsed: Callable[[], float]) -> Callable[[], datetime]:
    """The server's time without asking it again: what shows a countdown must not wait."""
    began = elapsed()
    return lambda: now + timedelta(seconds=elapsed() - began)
