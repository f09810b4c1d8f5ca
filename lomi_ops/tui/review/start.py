"""From a terminal to a running app, and back.

Textual takes its time to be imported. Meanwhile one process reads the settings and speaks with the database, and
another one gets ready to decode the first photo.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lomi_ops.tui.review.terminal import Images, look

if TYPE_CHECKING:
    from lomi_ops.tui.review.exhibit import Exhibit
    from lomi_ops.tui.review.forked import Forked
    from lomi_ops.tui.review.work import Keep


def start(
    far: Forked, *, keep: Keep, images: str | None, ascii_only: bool, environ: Mapping[str, str]
) -> int:  # fmt: skip
    """Runs the app until it is left; its exit code. `far` serves a DeskWork, and `images` is what the command
    line says of them.

    Raises LomiError where there is nothing to run it on.
    """
    from lomi_ops.tui.review import drawing
    from lomi_ops.tui.review.app import ReviewApp
    from lomi_ops.tui.review.background import Background
    from lomi_ops.tui.review.darkroom import Darkroom
    from lomi_ops.tui.review.far_work import FarWork, Greeting
    from lomi_ops.tui.review.options import Options
    from lomi_ops.tui.review.photos import Photos
    from lomi_ops.tui.review.reviewing import Reviewing

    with drawing.lent() as process:
        _import_what_runs_it()
        told: Greeting = far.greeting()
        images = images or told.images
        wish = Images.NONE if ascii_only and images == Images.AUTO else Images(images)

        def fetch(exhibit: Exhibit) -> None:
            background.paint(lambda: photos.fetch(exhibit.row.url), lambda _: None)

        work = FarWork(far, None if wish is Images.NONE else fetch)
        background = Background()
        darkroom = Darkroom(told.limits, process)
        photos = Photos(work.photo, darkroom)
        session = Reviewing(work, background.ask, told.pile, told.wanted, told.saved)
        try:
            session.start()
            # Before the app reads from the terminal: what is asked there is answered there.
            screen = look(wish, environ)
            chosen = Options(told.actor, told.beat_s, ascii_only, told.macros, keep)
            app = ReviewApp(session, background, photos, screen, chosen, counting_on(told.now, time.monotonic))
        except BaseException:
            session.leave()
            background.close()
            darkroom.close()
            raise
        app.run()
        return app.return_code or 0


def _import_what_runs_it() -> None:
    """What Textual would import between the greeting and the first frame."""
    import textual.drivers.linux_driver
    import textual.layouts.factory
    import textual.pilot
    import textual.scrollbar  # noqa: F401


def counting_on(now: datetime, elapsed: Callable[[], float]) -> Callable[[], datetime]:
    """The server's time without asking it again: what shows a countdown must not wait."""
    began = elapsed()
    return lambda: now + timedelta(seconds=elapsed() - began)
