"""A prepared cluster, an audit with entries in it, and somebody who may do everything to the database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from lomi_ops.db import audit
from lomi_ops.db.pool import Database
from lomi_ops.domain.audit import AuditEntry
from tests.integration.ops.conftest import Lomi, Said, client, cluster, lomi, point, quiet_machine
from tests.integration.ops.old_cluster import OldCluster

__all__ = ["Lomi", "Said", "client", "cluster", "lomi", "point", "quiet_machine"]

AT = datetime(2026, 11, 20, 12, 0, 0, 250001, UTC)


def entry(number: int, **changes: Any) -> AuditEntry:
    values: dict[str, Any] = {
        "actor": "almaz", "action": "queue.pause", "subject": f"queue {number}", "at": AT,
        "reason": f"why {number} “ሰላም”",
        "before": {"b": [None, 1.5], "a": "x\ny"}, "after": {"n": number},
    }  # fmt: skip
    return AuditEntry(**values | changes)


def erase(number: int, *seqs: tuple[int, int]) -> AuditEntry:
    return entry(number, action="privacy.erase", subject="user", after={"seqs": [list(each) for each in seqs]})


class Admin:
    """A superuser who switches the triggers off."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        self._connection = connection

    def sql(self, *statements: str) -> None:
        with self._connection.transaction():
            self._connection.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                self._connection.execute(statement.encode())

    def erased(self, *seqs: int) -> None:
        listed = ", ".join(map(str, seqs))
        self.sql(
            "UPDATE lomi.audit SET subject = '', reason = '', before = '{}', after = '{}', salt = NULL,"
            f" erased_at = now() WHERE id IN (SELECT audit_id FROM lomi.audit_chain WHERE seq IN ({listed}))"
        )


@pytest.fixture
def db(cluster: OldCluster) -> Iterator[Database]:
    with Database(cluster.database_url, application="test") as handle:
        yield handle


@pytest.fixture
def ten(db: Database) -> Database:
    """An audit with ten entries; bootstrap adds none."""
    for number in range(1, 11):
        audit.record(db, entry(number))
    return db


@pytest.fixture
def admin(cluster: OldCluster) -> Iterator[Admin]:
    with cluster.sql() as connection:
        yield Admin(connection)


def faults(said: Said) -> list[tuple[int | None, str]]:
    return [(each["seq"], each["fault"]) for each in json.loads(said.out)["faults"]]
