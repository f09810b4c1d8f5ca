"""The database: whether it serves, whether the migrations are applied, and whether a photo is forgotten in it."""

from __future__ import annotations

from collections.abc import Sequence

from lomi_ops.db import audit, media, migrate, server
from lomi_ops.domain import span
from lomi_ops.domain.check import CLUSTER, CheckSpec, Found, Metric, Severity, Status
from lomi_ops.domain.drift import MEDIA as MEDIA_TABLE
from lomi_ops.domain.drift import Difference, Mender, Problem
from lomi_ops.ops.checks.handles import Check, Handles
from lomi_ops.ops.checks.words import below, counted

OLDEST_SERVER = 12
"""The migrations rest on columns with a default that rewrite no table (11) and on generated columns (12)."""
CROWDED, FULL = 0.8, 0.95
LONG_S = 300.0
"""A transaction that is open for so long keeps VACUUM and concurrent indexes waiting."""
SOME_ROWS = 10_000
SOME = 3
"""Differences that are told; `lomi migrate verify` has all of them."""


def ping(at: Handles) -> Found:
    return Found(Status.PASS, at.database.ping())


def writable(at: Handles) -> Found:
    found = server.role(at.database)
    if found.standby:
        text, hint = "this is a standby: nothing can be written", "point database.host at the primary"
    elif found.read_only:
        text, hint = "transactions are read-only here", "see default_transaction_read_only of the role and the database"
    else:
        return Found(Status.PASS, "it takes writes")
    return Found(Status.FAIL, text, hint)


def version(at: Handles) -> Found:
    major = server.role(at.database).version // 10_000
    said = (str(major), f">= {OLDEST_SERVER}")
    if major >= OLDEST_SERVER:
        return Found(Status.PASS, f"{major}, {OLDEST_SERVER} is enough").seen(*said)
    return Found(Status.FAIL, f"{major} is older than {OLDEST_SERVER}", "upgrade the server: image postgres:15").seen(
        *said
    )


def connections(at: Handles) -> Found:
    found = server.load(at.database)
    text = f"{found.open} of {found.allowed} connections, {found.own} of them lomi's"
    hint = "raise max_connections, or make the pools smaller: database.pool_size"
    return below(Metric("connections_share", round(found.open / found.allowed, 4), CROWDED, FULL), text, hint)


def transactions(at: Handles) -> Found:
    longest = server.longest_transaction_s(at.database) or 0.0
    text = f"the oldest is open for {span.said(longest)}" if longest else "none is open"
    hint = "see who it is: SELECT pid, application_name, query FROM pg_stat_activity ORDER BY xact_start"
    return below(Metric("longest_transaction_s", round(longest, 1), LONG_S), text, hint)


def media_table(at: Handles) -> Found:
    """Columns and indexes of the moderation migration, to the last default."""
    if not media.has_media(at.database):
        return Found(Status.FAIL, "there is no table media: not the backend's database", "lomi config show --origin")
    found = migrate.differences(at.database, rows=False)
    wrong = [each for each in found.found if _of_media(each.what)]
    if wrong:
        return _differs(wrong, "lomi migrate apply" if wrong[0].mender is Mender.APPLY else "lomi migrate verify")
    unread = [each for each in found.unread if _of_media(each.what)]
    if unread:
        return Found(Status.UNKNOWN, "; ".join(each.line for each in unread), unread[0].command)
    absent = [f"; {each.line}" for each in found.state.media.absent]
    return Found(Status.PASS, "columns and indexes of the moderation migration are there" + "".join(absent))


def _of_media(what: str) -> bool:
    return what == MEDIA_TABLE or what.startswith(f"{MEDIA_TABLE}.")


def _differs(wrong: Sequence[Difference], hint: str) -> Found:
    missing = [each.what.removeprefix(f"{MEDIA_TABLE}.") for each in wrong if each.problem is Problem.MISSING]
    others = [each.line for each in wrong if each.problem is not Problem.MISSING]
    told = [f"missing: {', '.join(missing)}"] if missing else []
    more = [f"and {len(others) - SOME} more"] if len(others) > SOME else []
    return Found(Status.FAIL, "; ".join([*told, *others[:SOME], *more]), hint)


def backfill(at: Handles) -> Found:
    behind = server.unmigrated(at.database, SOME_ROWS)
    if not behind:
        return Found(Status.PASS, "every row has its status", metric=Metric("rows_unmigrated", 0, fail=1))
    number = f"{SOME_ROWS} or more" if behind >= SOME_ROWS else str(behind)
    text = f"{number} rows of media are as they were before the migration"
    return Found(Status.FAIL, text, "lomi migrate apply", metric=Metric("rows_unmigrated", behind, fail=1))


def schema(at: Handles) -> Found:
    """Our own tables are those that this program's migrations make."""
    state = migrate.state(at.database)
    if state.newer and state.may_write:
        return Found(Status.WARN, "the schema is newer than this lomi, which may go on with it", state.upgrade)
    if state.newer:
        return Found(Status.FAIL, "the schema is newer than this lomi", state.upgrade)
    if state.altered:
        text = f"{', '.join(state.altered)} ran with another text than this lomi has"
        return Found(Status.FAIL, text, "lomi migrate verify; install the lomi that made this schema")
    if not state.applied:
        text = "no schema lomi: decisions are not recorded, overrides not possible"
        return Found(Status.WARN, text, "lomi migrate apply; or start a lomi worker, which makes it too")
    if state.pending:
        text = counted(len(state.pending), "migration pending", "migrations pending")
        return Found(Status.WARN, text, "lomi migrate apply")
    wrong = [each for each in migrate.differences(at.database, rows=False).found if not _of_media(each.what)]
    if wrong:
        return _differs(wrong, "lomi migrate verify")
    return Found(Status.PASS, counted(len(state.applied), "migration applied", "migrations applied"))


def chain(at: Handles) -> Found:
    """Whether the latest entries of the audit are there. What is before them, `lomi audit verify` tells."""
    if not audit.has_chain(at.database):
        return Found(Status.SKIP, "there is no audit yet")
    end = audit.end(at.database)
    if end is not None and end.sound:
        return Found(Status.PASS, f"it ends with entry {end.seq}")
    told = f"ends with {end.last or 0}, and its head says {end.seq}" if end else "has no head"
    return Found(Status.FAIL, f"the audit {told}: somebody has changed it", "lomi audit verify")


def photos(at: Handles) -> Found:
    waiting = media.pending(at.database)
    text = f"{waiting.waiting} wait for a worker, {waiting.in_review} for a person"
    if waiting.never_queued:
        hint = "lomi reconcile --dry-run, then lomi reconcile"
        return Found(Status.WARN, f"{text}; {waiting.never_queued} were never queued", hint)
    return Found(Status.PASS, text)


PING, MEDIA = "postgres.ping", "postgres.media"

CHECKS = (
    Check(CheckSpec("LOMI-DB-001", PING, "Postgres answers", "lomi config show --origin", eventual=True), ping),
    Check(CheckSpec("LOMI-DB-005", "postgres.writable", "Postgres takes writes",
                    "psql -c 'SELECT pg_is_in_recovery()'", (PING,)), writable),
    Check(CheckSpec("LOMI-DB-006", "postgres.version", "Postgres is young enough",
                    "psql -c 'SHOW server_version'", (PING,)), version),
    Check(CheckSpec("LOMI-DB-007", "postgres.connections", "Postgres has connections left",
                    "psql -c 'SELECT * FROM pg_stat_activity'", (PING,)), connections),
    Check(CheckSpec("LOMI-DB-008", "postgres.transactions", "no transaction stays open",
                    "psql -c 'SELECT * FROM pg_stat_activity ORDER BY xact_start'", (PING,), Severity.WARNING),
          transactions),
    Check(CheckSpec("LOMI-DB-002", MEDIA, "the moderation migration is applied", "lomi migrate verify", (PING,)),
          media_table),
    Check(CheckSpec("LOMI-DB-009", "postgres.backfill", "the rows from before it are migrated", "lomi migrate apply",
                    (MEDIA,)), backfill),
    Check(CheckSpec("LOMI-DB-003", "postgres.schema", "lomi's own schema is current", "lomi migrate verify", (PING,)),
          schema),
    Check(CheckSpec("LOMI-DB-010", "postgres.audit", "the latest entries of the audit are there", "lomi audit verify",
                    (PING,)), chain),
    Check(CheckSpec("LOMI-DB-004", "postgres.pending", "no photo is forgotten", "lomi reconcile --dry-run", (MEDIA,),
                    Severity.WARNING, scopes=CLUSTER), photos),
)  # fmt: skip
