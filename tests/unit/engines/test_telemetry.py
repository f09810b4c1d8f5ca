"""What looks at photos of people tells nobody about it."""

from __future__ import annotations

import os
import subprocess
import sys


def test_the_runtime_of_models_reports_to_nobody() -> None:
    """It complains of a home that it cannot write its identifier to; a runtime that reports nothing needs none."""
    unset = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    script = "import worker.engines.session, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    done = subprocess.run(
        [sys.executable, "-c", script], env=kept | {"HOME": "/nonexistent"}, capture_output=True, text=True, check=True
    )

    assert done.stdout == "1\n"
    assert "telemetry" not in done.stderr
