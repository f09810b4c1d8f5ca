"""A prepared database through a PgBouncer in transaction mode, and directly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from lomi_ops.db.pool import Database
from tests.commands import lomi, quiet_machine  # noqa: F401 - fixtures
from tests.integration.db.conftest import backend, db, plain  # noqa: F401 - fixtures
from tests.services import database_at


@pytest.fixture
def pooled_url(pooler: str, prepared_url: str) -> str:
    """Behind it are four processes of the server."""
    url = database_at(pooler, prepared_url.rsplit("/", 1)[1])
    with ExitStack() as stack:
        for _ in range(4):
            connection = stack.enter_context(psycopg.connect(url))
            connection.execute("SELECT 1")
    return url


@pytest.fixture
def pooled(pooled_url: str) -> Iterator[Database]:
    with Database(pooled_url, application="test", size=4) as handle:
        yield handle
