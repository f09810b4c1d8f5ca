"""One step of a run: its statements, how they are sent, and what right it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lomi_ops.db.pool import Session
from lomi_ops.db.queries import script
from lomi_ops.domain.drift import MEDIA

LOCK_TIMEOUT = "200ms"
"""Whoever queues for a table makes everybody queue who comes later, so a step asks for a lock no longer than this, and
again after a pause."""
NO_LIMIT = "0"
OPTIONAL_WAIT = "300s"
"""How long the build of an index that nothing needs waits for open transactions: somebody waits for the run."""
FIRST_ROWS = 1_000
"""Rows that the first statement of a backfill looks at."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One named block with its values, or one whole file."""

    block: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    file: str = ""

    def shown(self, session: Session) -> str:
        """As it would be sent. Runs nothing."""
        text = script(self.file) if self.file else session.shown(self.block, **self.values) + ";"
        return text.strip()

    def run(self, session: Session) -> None:
        if self.file:
            session.script(script(self.file))
        else:
            session.run(self.block, **self.values)


class Way(StrEnum):
    """How the statements of a step are sent."""

    ATOMIC = "atomic"
    """In one transaction."""
    ALONE = "alone"
    """Each by itself: what cannot run in a transaction."""
    ROWS = "rows"
    """The last one again and again, until it says that it is finished; each time a transaction of its own."""


class Right(StrEnum):
    """What a role needs for a step."""

    CREATE_SCHEMA = "create_schema"
    CREATE_TABLES = "create_tables"
    OWN_RECORD = "own_record"
    OWN_MEDIA = "own_media"
    FILL_MEDIA = "fill_media"


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    why: str
    """One sentence."""
    way: Way
    statements: tuple[Statement, ...]
    rights: frozenset[Right]
    index: str = ""
    """The index that this step builds, dropping first what is left of an earlier build."""
    table: str = MEDIA
    """Whose index that is."""
    drop: str = ""
    """The file that does so."""
    optional: bool = False
    """Whether the rest is as good without it: it is left out where it cannot be done."""

    def shown(self, session: Session) -> str:
        """Its statements as they would be sent."""
        lines = [statement.shown(session) for statement in self.statements]
        if self.way is Way.ATOMIC:
            lines = ["BEGIN;", *lines, "COMMIT;"]
        return "\n".join(lines)


def index_step(
    name: str, folder: str, *, invalid: bool, serves: str = "", optional: bool = False, table: str = MEDIA
) -> Step:
    """Builds an index by a file of its name; `invalid` says that something is left of an earlier build, `serves` what
    it is for, where the contract does not have it."""
    drop = f"{folder}/drop_{name}.sql"
    told = [
        f"For {serves}." if serves else "",
        "Built while the app goes on; it waits for transactions that are open.",
        "What an interrupted run has left of it goes first." if invalid else "",
        "Nothing needs it: where it cannot be built, the rest is done all the same." if optional else "",
    ]
    wait = OPTIONAL_WAIT if optional else NO_LIMIT
    return Step(
        name,
        " ".join(filter(None, told)),
        Way.ALONE,
        (
            Statement("session_limits", {"statement_timeout": NO_LIMIT, "lock_timeout": wait}),
            *((Statement(file=drop),) if invalid else ()),
            Statement(file=f"{folder}/{name}.sql"),
        ),
        frozenset({Right.OWN_MEDIA if table == MEDIA else Right.OWN_RECORD}),
        index=name,
        table=table,
        drop=drop,
        optional=optional,
    )


def atomic(name: str, why: str, first: Statement, *rights: Right, after: tuple[Statement, ...] = ()) -> Step:
    limits = Statement("migration_limits", {"statement_timeout": NO_LIMIT, "lock_timeout": LOCK_TIMEOUT})
    return Step(name, why, Way.ATOMIC, (limits, first, *after), frozenset(rights))
