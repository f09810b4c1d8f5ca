"""Filters with names: those of the configuration, and those that a person kept, in a file of their own:

borderline: reason:nsfw porn>0.4 porn<0.7
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lomi_ops.config.problems import Problem, raise_all
from lomi_ops.config.text_file import read_text
from lomi_ops.domain.saved_filter import SavedFilter, check
from lomi_ops.errors import LomiError

if TYPE_CHECKING:
    from lomi_ops.config.sections.operating import ReviewSection

FILE = "review-filters.yaml"
_FORM = "each line has a name, a colon and a filter: lomi help photo-filters"
_FORGET = "lomi review filters forget NAME, or mend it: lomi help photo-filters"


def saved_filters(section: ReviewSection, folder: Path | None) -> tuple[SavedFilter, ...]:
    """Those of the configuration first; of two with one name, its own. Raises ConfigError with every mistake in the
    person's file, which lies in `folder`."""
    own = kept(folder / FILE) if folder else ()
    return (*configured(section), *(each for each in own if each.name not in section.filters))


def configured(section: ReviewSection) -> tuple[SavedFilter, ...]:
    return tuple(SavedFilter(name, each.terms) for name, each in section.filters.items())


def kept(path: Path) -> tuple[SavedFilter, ...]:
    """What one file has; nothing where there is none. Raises ConfigError."""
    filters = written(path)
    if faults := list(_faults(path, filters)):
        _unusable(path, faults, _FORGET)
    return tuple(SavedFilter(name, text, own=True) for name, text in filters.items())


def written(path: Path) -> dict[str, str]:
    """The same by name, whether or not the filters mean anything: so that one of them can be taken out. Raises
    ConfigError where that cannot be told."""
    if not os.path.exists(path):  # noqa: PTH110 - Path's own raises where a folder may not be looked into
        return {}
    import yaml

    try:
        # Every value as it was typed: others are numbers, dates and truths, and some of them are refused.
        found: Any = yaml.load(read_text(path), yaml.BaseLoader) or {}  # noqa: S506 - it makes text, lists and maps
    except (yaml.YAMLError, RecursionError):
        _unusable(path, [Problem(str(path), "is no YAML")], _FORM)
    except ValueError as problem:
        _unusable(path, [Problem(str(path), str(problem))], _FORM)
    if not isinstance(found, dict):
        _unusable(path, [Problem(str(path), "has no names")], _FORM)
    if odd := [name for name, text in found.items() if not (isinstance(name, str) and isinstance(text, str))]:
        _unusable(path, [Problem(str(path), "must be text", str(name)) for name in odd], _FORM)
    return found


def _faults(path: Path, filters: Mapping[str, str]) -> Iterator[Problem]:
    for name, text in filters.items():
        try:
            check(name, text)
        except LomiError as failure:
            yield Problem(str(path), failure.message, name)


def _unusable(path: Path, problems: Sequence[Problem], hint: str) -> NoReturn:
    raise_all(problems, message=f"the filters in {path} cannot be used", hint=hint)
    raise AssertionError("there are problems")
