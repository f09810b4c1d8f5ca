"""Mistakes in settings, gathered so that all are told at once. None repeats a value: it may be a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lomi_ops.errors import ConfigError

_LINE = re.compile(r"(.+?):(\d+)(?= |$)")


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake."""

    source: str
    """Where it was made: `FILE:LINE`, `environment NAME`, `command line`; empty where something is missing."""
    what: str
    key: str = ""
    """The dotted key or the variable that it is about."""
    nearest: str = ""
    """The valid name that may have been meant."""

    def __str__(self) -> str:
        meant = f"; did you mean {self.nearest}?" if self.nearest else ""
        where = ": ".join(part for part in (self.source, self.key) if part)
        return f"{where}: {self.what}{meant}"


def raise_all(problems: Iterable[Problem], *, message: str = "", hint: str = "") -> None:
    """Raises one ConfigError with every problem, each once; does nothing where there is none."""
    texts = tuple(dict.fromkeys(str(problem) for problem in _in_order(list(problems))))
    if not texts:
        return
    count = "1 mistake" if len(texts) == 1 else f"{len(texts)} mistakes"
    raise ConfigError(message or f"{count} in the settings", problems=texts, hint=hint)


def _in_order(problems: list[Problem]) -> list[Problem]:
    """Source by source in the order in which they came up, and by line within a file."""
    places = [_LINE.match(problem.source) for problem in problems]
    files = [place[1] if place else problem.source for place, problem in zip(places, problems, strict=True)]
    keys = [(files.index(file), int(place[2]) if place else 0) for place, file in zip(places, files, strict=True)]
    order = sorted(range(len(problems)), key=keys.__getitem__)
    return [problems[index] for index in order]
