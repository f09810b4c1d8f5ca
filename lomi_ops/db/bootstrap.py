"""Makes the local stack's database what the backend would have made of it, plus the schema `lomi`.

Only for a database of our own: elsewhere `users` and `media` are the backend's, and `migrate` is the way.
"""

from __future__ import annotations

from lomi_ops.db import migrate
from lomi_ops.db.pool import Database
from lomi_ops.db.queries import script


def prepare(url: str) -> None:
    """Tables of the contract, then the migrations. Safe to repeat, and to run from several processes at once.

    Raises DatabaseUnavailable, LockHeld after waiting a minute for another run, Refused for a newer database.
    """
    with Database(url, application="lomi bootstrap") as db, migrate.exclusive(db) as session:
        with session.transaction():
            session.script(script("contract/uuid.sql"))
            session.script(script("contract/tables.sql"))
        migrate.apply_all_on(session)
