"""What a program of Postgres' own (pg_dump, pg_restore) needs to connect as we do."""

from __future__ import annotations

from dataclasses import dataclass, field

from psycopg.conninfo import make_conninfo

from lomi_ops.config.sections.services import DatabaseSection
from lomi_ops.db.pool import conninfo_of, parameters
from lomi_ops.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Login:
    """Where to connect, for a command line, and what belongs on none."""

    conninfo: str
    """Without the password."""
    password: str = field(repr=False)
    """Empty where there is none: then libpq looks for one by itself."""


def login(section: DatabaseSection) -> Login:
    """From settings. Raises ConfigError."""
    return login_of(conninfo_of(section), connect_timeout_s=section.connect_timeout_s)


def login_of(conninfo: str, *, connect_timeout_s: float = 5.0) -> Login:
    """From a URL, or libpq's own form. Raises ConfigError where it is neither."""
    given = parameters(conninfo)
    if given.get("sslpassword"):
        raise ConfigError(
            "the database URL has an sslpassword, which pg_dump takes only where everybody could see it",
            hint="use a client key without a passphrase, readable by its owner only",
        )
    password = str(given.pop("password", None) or "")
    given.setdefault("connect_timeout", str(max(2, round(connect_timeout_s))))
    return Login(make_conninfo("", **given), password)
