"""Filters with names: those of the configuration, and those that a person kept, in a file of their own:

borderline: reason:nsfw porn>0.4 porn<0.7
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lomi_ops.config.problems import Problem, raise_all
from lomi_ops.config.text_file import read_text
from lomi_ops.domain.saved_filter import SavedFilter, check
from lomi_ops.errors import LomiError

if TYPE_CHECKING:
    from lomi_ops.config.sections.operating import ReviewSection

FILE = "review-filters.yaml"
_HINT = "each line has a name, a colon and a filter: lomi help photo-filters"


def saved_filters(section: ReviewSection, folder: Path | None) -> tuple[SavedFilter, ...]:
    """Those of the configuration first; of two with one name, its own. Raises ConfigError with every mistake in the
    person's file, which lies in `folder`."""
    configured = tuple(SavedFilter(name, each.terms) for name, each in section.filters.items())
    own = kept(folder / FILE) if folder else ()
    return (*configured, *(each for each in own if each.name not in section.filters))


def kept(path: Path) -> tuple[SavedFilter, ...]:
    """What one file has; nothing where there is none. Raises ConfigError."""
    if not path.exists():
        return ()
    import yaml

    try:
        written = yaml.safe_load(read_text(path)) or {}
    except yaml.YAMLError:
        raise_all([Problem(str(path), "is no YAML")], message=f"the filters in {path} cannot be used", hint=_HINT)
        raise
    if faults := list(_faults(path, written)):
        raise_all(faults, message=f"the filters in {path} cannot be used", hint=_HINT)
    return tuple(SavedFilter(name, text, own=True) for name, text in written.items())


def _faults(path: Path, written: Any) -> Iterator[Problem]:
    if not isinstance(written, dict):
        yield Problem(str(path), "has no names")
        return
    for name, text in written.items():
        if not (isinstance(name, str) and isinstance(text, str)):
            yield Problem(str(path), "must be text", str(name))
            continue
        try:
            check(name, text)
        except LomiError as failure:
            yield Problem(str(path), failure.message, name)
