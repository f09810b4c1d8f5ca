"""Text of people as it may be put on a screen."""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")
"""Parts of words and of emoji; alone they move nothing."""


def shown(text: str) -> str:
    """The text with escapes for whatever a terminal would obey instead of showing: control characters, marks that turn
    the direction of writing round, line separators."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(sign) if _unseen(sign) else sign for sign in text)


def shown_lines(text: str) -> str:
    """The same of several lines, which stay lines."""
    return "\n".join(map(shown, text.split("\n")))


def _unseen(sign: str) -> bool:
    return sign not in _JOINERS and unicodedata.category(sign) in _UNSEEN


def _escape(sign: str) -> str:
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(sign) or sign.encode("unicode_escape").decode("ascii")
