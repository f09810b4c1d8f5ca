"""A command's settings and handles, opened in one way by all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lomi_ops.cli import diagnostics
from lomi_ops.cli.common import Common

if TYPE_CHECKING:
    from lomi_ops.config.load import Loaded
    from lomi_ops.db.pool import Database
    from lomi_ops.runtime import Runtime

ALL = ("redis", "database", "objects")


@contextmanager
def opened(
    common: Common,
    *needs: str,
    overrides: Mapping[str, object] | None = None,
    tell: Callable[[str], None] = diagnostics.warn,
    changes: bool = False,
) -> Iterator[Runtime]:
    """A Runtime for a command that `needs` these services; `tell` hears what its settings and handles warn about.

    One that `changes` something says on which profile it acts, before it does. Raises ConfigError for what is missing
    or wrong.
    """
    from lomi_ops import runtime

    with runtime.opened(
        needs=frozenset(needs),
        config=common.config,
        env_file=common.env_file,
        data=common.data,
        profile=common.env,
        overrides=overrides,
        tell=tell,
    ) as found:
        diagnostics.keep_secret(found.redactor)
        diagnostics.speak_of(found.settings.profile)
        for warning in found.loaded.warnings:
            tell(warning)
        if changes and found.settings.profile:
            name = diagnostics.profile(found.settings.profile, found.settings.colour)
            diagnostics.note(f"profile: {name}")
        yield found


def database_if_any(runtime: Runtime) -> Database | None:
    """The database where one is configured: for commands that work without it, and know more with it."""
    section = runtime.settings.database
    return runtime.database if section.url is not None or section.host else None


def settings(common: Common) -> Loaded:
    """Only what the settings are, and where they come from."""
    with opened(common) as runtime:
        return runtime.loaded
