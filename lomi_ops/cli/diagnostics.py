"""The one writer to stderr: notes, warnings, errors. Never a traceback unless `--debug`, and never a secret."""

from __future__ import annotations

import contextlib
import io
import sys
import traceback
from typing import TYPE_CHECKING

from lomi_ops.errors import ConfigError, LomiError

if TYPE_CHECKING:
    from lomi_ops.config.redact import Redactor

_known: Redactor | None = None
"""Knows the secrets of this run's settings, once they are loaded."""


def start() -> None:
    """A new command, which knows no secrets yet."""
    global _known
    _known = None
    _never_fail_on_a_character()


def _never_fail_on_a_character() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def keep_secret(redactor: Redactor) -> None:
    """From now on nothing that this redactor knows leaves through here."""
    global _known
    _known = redactor


def scrubbed(text: str) -> str:
    """The text without the secrets of this run's settings, and without what looks like one.

    For words that are not ours: a library's, a server's. A secret may be an ordinary word, so our own hints must not
    come through here.
    """
    if _known is not None:
        return _known.scrub(text)
    if "://" not in text and "=" not in text:
        return text
    from lomi_ops.config.redact import Redactor

    return Redactor().scrub(text)


def note(text: str) -> None:
    """Progress or prose beside the answer. What looks like a secret (a URL's password, a signature) becomes stars."""
    if "://" in text or "=" in text:
        from lomi_ops.config.redact import Redactor

        text = Redactor().scrub(text)
    _write(text)


def warn(text: str) -> None:
    note(f"warning: {scrubbed(text)}")


def error(failure: LomiError) -> None:
    """What failed, every problem there is, and the next command: the hint comes last, where the eye rests."""
    note(f"error: {scrubbed(failure.message)}")
    if isinstance(failure, ConfigError):
        for problem in failure.problems:
            note(f"  - {scrubbed(problem)}")
    if failure.hint:
        hint(failure.hint)


def hint(text: str) -> None:
    note(f"  try: {text}")


def trace(failure: BaseException) -> None:
    """The traceback, for `--debug` only."""
    _write(scrubbed("".join(traceback.format_exception(failure))))


def on_terminal() -> bool:
    """Whether somebody watches: progress is drawn only then."""
    return sys.stderr is not None and sys.stderr.isatty()


def _write(text: str) -> None:
    # Whoever closed our stderr does not want to know.
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text.rstrip("\n") + "\n")
            sys.stderr.flush()
