"""What is asked of a large table every minute, and what only `lomi migrate verify` asks."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from lomi_ops.db import server
from lomi_ops.db.pool import Database
from lomi_ops.db.queries import sql

Plain = psycopg.Connection[dict[str, Any]]
ROWS = {
    "decided": "'approved', true, gen_random_uuid(), now()",
    "no status": "NULL, true, NULL, NULL",
    "no status, not approved": "NULL, false, NULL, NULL",
    "approved before there was moderation": "'pending', true, NULL, NULL",
    "waits": "'pending', false, gen_random_uuid(), NULL",
    "waits, from the old endpoint": "'pending', false, '00000000-0000-0000-0000-000000000000', NULL",
}


@pytest.fixture
def rows(prepared_url: str, plain: Plain) -> Plain:
    """One of each kind, and some that are well."""
    plain.execute("INSERT INTO users (id, name) VALUES (gen_random_uuid(), 'A')")
    for values in [*ROWS.values(), *[ROWS["decided"]] * 20]:
        plain.execute(
            "INSERT INTO media (user_id, media_type, url, moderation_status, is_approved, batch_id, moderated_at)"
            f" SELECT id, 'photo', 'x', {values} FROM users".encode()
        )
    return plain


def test_the_check_counts_what_verify_counts(prepared_url: str, rows: Plain) -> None:
    exact = rows.execute(sql("media_rows_unmigrated")).fetchone()
    assert exact is not None

    with Database(prepared_url) as db:
        assert server.unmigrated(db) == sum(exact.values()) == 3


def test_of_a_large_table_the_statistics_are_believed_and_it_is_not_read(prepared_url: str, rows: Plain) -> None:
    rows.execute("UPDATE media SET moderation_status = 'approved' WHERE moderation_status IS NULL")
    rows.execute("ANALYZE media")
    rows.execute("UPDATE media SET moderation_status = NULL WHERE moderation_status = 'approved'")

    with Database(prepared_url) as db:
        assert (server.unmigrated(db, large=10), server.unmigrated(db, large=1000)) == (1, 24)
    plan = rows.execute(
        f"EXPLAIN (ANALYZE, COSTS off, FORMAT text) {sql('media_behind')}".encode(), {"limit": 100, "large": 10}
    )
    lines = [str(next(iter(row.values()))) for row in plan.fetchall()]
    assert any("One-Time Filter" in line for line in lines)
    assert any("Scan" in line and "media" in line and "never executed" in line for line in lines), lines


def test_a_large_table_whose_statistics_know_of_rows_without_a_status_is_read(prepared_url: str, rows: Plain) -> None:
    rows.execute("ANALYZE media")

    with Database(prepared_url) as db:
        assert server.unmigrated(db, large=10) == 3
