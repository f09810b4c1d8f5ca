"""A person's own filters: kept under a name, and forgotten. They lie in one file below the state folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lomi_ops.config.saved_filters import FILE, written
from lomi_ops.domain.saved_filter import SavedFilter, check, named
from lomi_ops.errors import NotFound, Refused, Unwritable
from lomi_ops.ops.local.files import write_private


def keep(folder: Path | None, known: Sequence[SavedFilter], name: str, text: str) -> tuple[SavedFilter, ...]:
    """All filters that there are then; one of that name is replaced. Raises UsageError for what cannot be kept, Refused
    for a name of the configuration, ConfigError for a file that cannot be read, Unwritable."""
    check(name, text)
    found = named(known, name)
    if found and not found.own:
        raise Refused(f"the configuration has a filter {name} already", hint="another name")
    with _changing(folder) as own:
        own[name] = text
    others = (each for each in known if each.name != name)
    return (*others, SavedFilter(name, text, own=True))


def forget(folder: Path | None, known: Sequence[SavedFilter], name: str) -> None:
    """Also one that cannot be used. Raises NotFound, Refused for a filter of the configuration, Unwritable."""
    found = named(known, name)
    if found and not found.own:
        raise Refused(f"the filter {name} stands in the configuration", hint=f"take out review.filters.{name} there")
    with _changing(folder) as own:
        if own.pop(name, None) is None:
            raise NotFound(f"there is no filter {name!r}", hint="lomi review filters list")


@contextmanager
def _changing(folder: Path | None) -> Iterator[dict[str, str]]:
    """A person's filters by name, written as they are then: as a whole or not at all, and by one program after the
    other."""
    if folder is None:
        raise Unwritable("there is no home folder to keep a filter in", hint="set HOME, or XDG_STATE_HOME")
    import yaml

    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.with_name(f".{path.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            own = written(path)
            yield own
            write_private(path, yaml.safe_dump(own, allow_unicode=True, sort_keys=True, width=1000))
    except OSError as failure:
        raise Unwritable(
            f"{path} cannot be written: {failure.strerror}", hint="look at the folder's rights"
        ) from failure
