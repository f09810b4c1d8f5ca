"""Asking a person, on stderr: a question stands beside the answer and is no part of it."""

from __future__ import annotations

import sys

from lomi_ops.cli import diagnostics


def somebody() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin is not None and sys.stdin.isatty() and diagnostics.on_terminal()


def confirmed(question: str) -> bool:
    """True for `y` and `yes`; everything else is a no, the end of the input, too."""
    diagnostics.prompt(f"{question} [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def typed(question: str, word: str) -> bool:
    """True where exactly that word is typed: for what nobody should do by a slip."""
    diagnostics.prompt(f"{question}: ")
    return sys.stdin.readline().strip() == word
