"""A person's own filters: kept under a name, and forgotten. They lie in one file below the state folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from lomi_ops.config.saved_filters import FILE, kept
from lomi_ops.domain.saved_filter import SavedFilter, check, named
from lomi_ops.errors import NotFound, Refused, Unwritable
from lomi_ops.ops.private_file import MODE


def keep(folder: Path | None, known: Sequence[SavedFilter], name: str, text: str) -> tuple[SavedFilter, ...]:
    """All filters that there are then; one of that name is replaced. Raises UsageError for what cannot be kept, Refused
    for a name of the configuration, ConfigError for a file that cannot be read, Unwritable."""
    check(name, text)
    found = named(known, name)
    if found and not found.own:
        raise Refused(f"the configuration has a filter {name} already", hint="another name")
    _write(_path(folder), {**_own(folder), name: text})
    others = (each for each in known if each.name != name)
    return (*others, SavedFilter(name, text, own=True))


def forget(folder: Path | None, known: Sequence[SavedFilter], name: str) -> None:
    """Raises NotFound, Refused for a filter of the configuration, Unwritable."""
    found = named(known, name)
    if found is None:
        raise NotFound(f"there is no filter {name!r}", hint="lomi review filters list")
    if not found.own:
        raise Refused(f"the filter {name} stands in the configuration", hint=f"take out review.filters.{name} there")
    _write(_path(folder), {other: text for other, text in _own(folder).items() if other != name})


def _own(folder: Path | None) -> dict[str, str]:
    return {each.name: each.text for each in kept(_path(folder))}


def _path(folder: Path | None) -> Path:
    if folder is None:
        raise Unwritable("there is no home folder to keep a filter in", hint="set HOME, or XDG_STATE_HOME")
    return folder / FILE


def _write(path: Path, filters: Mapping[str, str]) -> None:
    """As a whole, or not at all."""
    import yaml

    fresh = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yaml.safe_dump(dict(filters), file, allow_unicode=True, sort_keys=True, width=1000)
        fresh.replace(path)
    except OSError as failure:
        raise Unwritable(
            f"{path} cannot be written: {failure.strerror}", hint="look at the folder's rights"
        ) from failure
