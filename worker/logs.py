"""What a worker writes: one JSON object per line where a machine reads, one sentence where a person does."""

from __future__ import annotations

import json
import logging
import math
import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO

from lomi_ops.config.sections.working import LogSection

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
"""What every record has; the rest came through `extra` and is ours."""


_compact = json.JSONEncoder(separators=(",", ":")).encode


class JsonLines(logging.Formatter):
    """`ts`, `level`, `action`, `msg`, then the fields of the event. ASCII only, so that no locale can break a line.

    Secrets go before the line is made: taken out of a finished one, they could take a quotation mark along.
    """

    def __init__(self, scrub: Callable[[str], str]) -> None:
        super().__init__()
        self._scrub = scrub

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        body: dict[str, Any] = {
            "action": fields.pop("action", "log"),
            "msg": record.getMessage(),
            **fields,
        }
        if record.exc_info:
            body["trace"] = self.formatException(record.exc_info)
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return _compact({"ts": at, "level": record.levelname.lower()} | self._clean(body))

    def _clean(self, value: Any) -> Any:
        if type(value) is str:  # almost all are
            return self._scrub(value)
        match value:
            case None | bool() | int():
                return value
            case float() if math.isfinite(value):
                return value
            case dict():
                return {str(name): self._clean(part) for name, part in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._clean(part) for part in value]
        return self._scrub(str(value))


class Sentence(logging.Formatter):
    """For a terminal: time, level, message, fields."""

    def __init__(self, scrub: Callable[[str], str]) -> None:
        super().__init__()
        self._scrub = scrub

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        fields = " ".join(f"{key}={value}" for key, value in _fields(record).items() if key != "action")
        line = f"{at} {record.levelname.lower():7} {record.getMessage()}" + (f"  {fields}" if fields else "")
        return self._scrub(f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line)


class Sampled(logging.Filter):
    """Lets a share of the records marked `sampled` pass, and every other record."""

    def __init__(self, share: float, draw: Callable[[], float] = random.random) -> None:
        super().__init__()
        self._share = share
        self._draw = draw

    def filter(self, record: logging.LogRecord) -> bool:
        sampled = record.__dict__.pop("sampled", False)
        return not sampled or self._draw() < self._share


def set_up(section: LogSection, scrub: Callable[[str], str], stream: TextIO | None = None) -> None:
    """Configures the root logger of a worker process. `scrub` removes secrets from a text."""
    stream = stream or sys.stdout
    as_json = section.format == "json" or (section.format == "auto" and not stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines(scrub) if as_json else Sentence(scrub))
    handler.addFilter(Sampled(section.sample_success))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(section.level.upper())
    # Their debug lines carry request headers; warnings are what an operator needs of them.
    for chatty in ("botocore", "boto3", "urllib3", "httpx", "httpcore", "s3transfer"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in record.__dict__.items() if key not in _STANDARD and key != "taskName"}
