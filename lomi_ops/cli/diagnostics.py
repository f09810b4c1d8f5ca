"""The one writer to stderr: notes, warnings, errors. Never a traceback unless `--debug`, and never a secret."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import traceback
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lomi_ops.errors import ConfigError, LomiError

if TYPE_CHECKING:
    from lomi_ops.config.redact import Redactor

_known: Redactor | None = None
"""Knows the secrets of this run's settings, once they are loaded."""
_commands: re.Pattern[str] = re.compile(r"(?!)")
"""What a command line looks like; a sentence may have the word lomi, too."""
_profile = ""
"""The profile that a flag chose: without it a command that is proposed would act elsewhere."""
_cluster: str | None = None
"""The profile that holds, whoever chose it."""
_COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36}


def start(commands: Iterable[str] = ()) -> None:
    """A new command, which knows no secrets and no profile yet. `commands` are the names of all."""
    global _known, _commands, _profile, _cluster
    _known, _profile, _cluster = None, "", None
    _commands = re.compile(rf"\blomi (?=(?:{'|'.join(commands) or '(?!)'})\b)")
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
    text = here(text)
    if "://" in text or "=" in text:
        from lomi_ops.config.redact import Redactor

        text = Redactor().scrub(text)
    _write(text)


def warn(text: str) -> None:
    note(f"warning: {_shown(scrubbed(text))}")


def error(failure: LomiError) -> None:
    """What failed, every problem there is, and the next command: the hint comes last, where the eye rests."""
    note(f"error: {_shown(scrubbed(failure.message))}")
    if isinstance(failure, ConfigError):
        for problem in failure.problems:
            note(f"  - {_shown(scrubbed(problem))}")
    if failure.hint:
        hint(failure.hint)


def hint(text: str) -> None:
    note(f"  try: {_shown(text)}")


def _shown(text: str) -> str:
    """What others wrote in it is shown, never obeyed."""
    from lomi_ops.domain.shown import shown_lines

    return shown_lines(text)


def repeat_profile(name: str | None) -> None:
    """From now on commands that are proposed name this profile: without it they would act elsewhere."""
    global _profile
    # Only a name as it should be: it goes into every text, also into one that is JSON.
    _profile = name if name and name.replace("-", "").replace("_", "").isalnum() else ""


def speak_of(profile: str | None) -> None:
    """From now on answers for programs name the profile that they are about."""
    global _cluster
    _cluster = profile


def cluster() -> str | None:
    """The profile that answers are about; None where none holds, or the settings that chose it could not be read."""
    return _cluster or _profile or None


def here(text: str) -> str:
    """The text, whose commands act where this one does."""
    return _commands.sub(lambda _: f"lomi --env {_profile} ", text) if _profile else text


def profile(name: str, colour: str | None) -> str:
    """A profile's name as it stands before changes: in its colour where that can be seen, and as a word anyhow."""
    if not colours():
        return name
    return f"\x1b[7;{_COLOURS[colour]}m {name} \x1b[0m" if colour else f"\x1b[7m {name} \x1b[0m"


def colours() -> bool:
    """Whether stderr takes and wants colours."""
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("LOMI_NO_COLOR") or os.environ.get("TERM") == "dumb"
    return on_terminal() and not unwanted


def trace(failure: BaseException) -> None:
    """The traceback, for `--debug` only."""
    _write(scrubbed("".join(traceback.format_exception(failure))))


def prompt(text: str) -> None:
    """A question, whose answer goes on the same line."""
    if sys.stderr is not None:
        sys.stderr.write(text)
        sys.stderr.flush()


def on_terminal() -> bool:
    """Whether somebody watches: progress is drawn only then."""
    return sys.stderr is not None and sys.stderr.isatty()


def _write(text: str) -> None:
    # Whoever closed our stderr does not want to know.
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text.rstrip("\n") + "\n")
            sys.stderr.flush()
