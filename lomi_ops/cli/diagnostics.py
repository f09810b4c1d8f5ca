"""The one writer to stderr: notes, warnings, errors. Never a traceback unless `--debug`."""

from __future__ import annotations

import sys
import traceback

from lomi_ops.errors import ConfigError, LomiError


def note(text: str) -> None:
    """Progress or prose beside the answer. What looks like a secret (a URL's password, a signature) becomes stars."""
    if "://" in text or "=" in text:
        from lomi_ops.config.redact import Redactor

        text = Redactor().scrub(text)
    sys.stderr.write(text.rstrip("\n") + "\n")
    sys.stderr.flush()


def warn(text: str) -> None:
    note(f"warning: {text}")


def error(failure: LomiError) -> None:
    """What failed, every problem there is, and the next command: the hint comes last, where the eye rests."""
    note(f"error: {failure.message}")
    if isinstance(failure, ConfigError):
        for problem in failure.problems:
            note(f"  - {problem}")
    if failure.hint:
        note(f"  try: {failure.hint}")


def trace(failure: BaseException) -> None:
    """The traceback, for `--debug` only."""
    note("".join(traceback.format_exception(failure)))
