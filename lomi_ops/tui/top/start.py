"""From a terminal to the live view, and back."""

from __future__ import annotations

from lomi_ops.ops.live.recording import Recording
from lomi_ops.tui.top.app import TopApp
from lomi_ops.tui.top.options import Options
from lomi_ops.tui.top.source import Source
from lomi_ops.tui.top.stage import Stage


def start(source: Source | None, recording: Recording | None, options: Options) -> int:
    """Runs until it is left; its exit code. `source` None shows only the past."""
    app = TopApp(source, Stage(recording), options)
    app.run()
    return app.return_code or 0
