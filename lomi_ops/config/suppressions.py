"""The file of accepted trouble, as people write it:

- check: redis.persistence
  reason: the new disk comes on Friday
  until: 2026-12-05
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lomi_ops.config.problems import Problem, raise_all
from lomi_ops.config.text_file import read_text
from lomi_ops.domain.suppression import Suppression


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    check: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    until: date


_FILE = TypeAdapter(tuple[_Entry, ...])


def read_suppressions(path: Path) -> tuple[Suppression, ...]:
    """Every entry, whether still in force or not. Raises ConfigError with every mistake."""
    try:
        written = yaml.safe_load(read_text(path)) or []
        if not isinstance(written, list):
            raise TypeError
        entries = _FILE.validate_python(tuple(written))
    except ValueError as problem:
        raise_all(_problems(path, problem), message=f"the suppressions in {path} cannot be used", hint=_HINT)
        raise
    except yaml.YAMLError as problem:
        raise_all([Problem(str(path), f"is no YAML: {_line(problem)}")], hint=_HINT)
        raise
    except TypeError:
        raise_all([Problem(str(path), "is not a list of entries")], hint=_HINT)
        raise
    return tuple(Suppression(entry.check, entry.reason, entry.until) for entry in entries)


_HINT = "each entry has check, reason and until, the last day on which it holds (2026-12-31)"


def _problems(path: Path, problem: ValueError) -> list[Problem]:
    if not isinstance(problem, ValidationError):
        return [Problem(str(path), str(problem))]
    return [
        Problem(f"{path}: entry {int(error['loc'][0]) + 1 if error['loc'] else 1}", error["msg"],
                ".".join(map(str, error["loc"][1:])))
        for error in problem.errors(include_url=False, include_input=False)
    ]  # fmt: skip


def _line(problem: yaml.YAMLError) -> str:
    mark = getattr(problem, "problem_mark", None)
    return f"line {mark.line + 1}" if mark is not None else "it cannot be read"
