"""`${NAME}` in a Compose file, as Compose replaces it. Pure; a shell is never asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?P<rest>[^{}]*)\})")
_RULE = re.compile(r"(:?[-?+])(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Interpolated:
    """A text with its variables replaced."""

    text: str
    names: tuple[str, ...] = ()
    """The variables that it refers to."""
    missing: tuple[str, ...] = ()
    """Those of them that nobody has set and that have no default: Compose takes them for empty."""


def interpolated(text: str, known: Mapping[str, str]) -> Interpolated:
    """Knows `$NAME`, `${NAME}`, `$$` and the rules `:-`, `-`, `:?`, `?`, `:+`, `+`, one level deep."""
    names: list[str] = []
    missing: list[str] = []

    def replace(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        name = match["plain"] or match["name"]
        names.append(name)
        rule = _RULE.fullmatch(match["rest"] or "")
        sign, word = (rule[1], rule[2]) if rule else ("", "")
        given = known.get(name)
        there = bool(given) if sign.startswith(":") else given is not None
        if sign.endswith("+"):
            return word if there else ""
        if there:
            return given or ""
        if sign.endswith("-"):
            return word
        missing.append(name)
        return ""

    return Interpolated(_REFERENCE.sub(replace, text), tuple(names), tuple(missing))
