"""The database of `lomi migrate`, opened by all of its commands in one way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lomi_ops.cli import diagnostics, options, session

if TYPE_CHECKING:
    from lomi_ops.db.pool import Database


@contextmanager
def opened(common: options.Common, *, changes: bool = True) -> Iterator[tuple[Database, Database | None]]:
    """The database, under a name of its own so that others see who holds a lock; and once more to look at it from
    beside, where somebody watches."""
    from lomi_ops.db.pool import Database

    with session.opened(common, "database", changes=changes) as runtime:
        section = runtime.settings.database
        main = Database.from_section(section, application="lomi migrate", size=1, tell=diagnostics.warn)
        beside = Database.from_section(section, application="lomi migrate watch", size=1)
        with main, beside:
            yield main, beside
