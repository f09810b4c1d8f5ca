"""Lines of logs, of ours and of others: how bad each is, and which are wanted. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from lomi_ops.domain.worker_log import COMPLAINT


class Level(StrEnum):
    """How bad a line is."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def weight(self) -> int:
        return list(Level).index(self)


_OTHERS = {"critical": Level.ERROR, "fatal": Level.ERROR, "warn": Level.WARNING, "trace": Level.DEBUG}
_WORD = re.compile(r"(?<![\w])(?:level=)?\[?(DEBUG|TRACE|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)\b(?!=)")
_NAMED = re.compile(r"\blevel=\"?(debug|trace|info|warn|warning|error|critical|fatal)\b", re.IGNORECASE)
_EARLY = 100
"""Characters in which a line says its level, if it does at all."""
_TRACE = "Traceback (most recent call last):"


@dataclass(frozen=True, slots=True)
class Said:
    """One line of one source."""

    source: str
    at: datetime | None
    level: Level
    text: str
    fields: Mapping[str, Any] | None = None
    """What it has to say, where it is one of ours: a JSON object."""


@dataclass(slots=True)
class Listener:
    """Understands the lines of one source, one after the other: a traceback is one thing, however many lines it has."""

    source: str
    _tracing: bool = False

    def heard(self, at: datetime | None, text: str) -> Said:
        fields = _ours(text)
        if fields is not None:
            self._tracing = False
            return Said(self.source, at, _level(str(fields.get("level", ""))), text, fields)
        return Said(self.source, at, self._plain(text), text)

    def _plain(self, text: str) -> Level:
        if self._tracing:
            # The line behind the last indented one names the exception.
            self._tracing = not text or text[0].isspace()
            return Level.ERROR
        if _TRACE in text:
            self._tracing = True
            return Level.ERROR
        if said := _WORD.search(text, 0, _EARLY) or _NAMED.search(text, 0, _EARLY):
            return _level(said[1])
        return Level.ERROR if COMPLAINT.search(text) else Level.INFO


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines somebody wants to see."""

    level: Level | None = None
    """At least as bad as this."""
    pattern: re.Pattern[str] | None = None

    @property
    def everything(self) -> bool:
        return self.level is None and self.pattern is None

    def takes(self, said: Said) -> bool:
        if self.level is not None and said.level.weight < self.level.weight:
            return False
        return self.pattern is None or self.pattern.search(said.text) is not None


def _ours(text: str) -> Mapping[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "msg" in found else None


def _level(word: str) -> Level:
    folded = word.casefold()
    try:
        return Level(folded)
    except ValueError:
        return _OTHERS.get(folded, Level.INFO)
