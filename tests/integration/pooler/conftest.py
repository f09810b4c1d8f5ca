"""A prepared database through a PgBouncer in transaction mode, and directly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from lomi_ops.db.pool import Database
from tests.commands import lomi, quiet_machine  # noqa: F401 - fixtures
from tests.integration.db.conftest import backend, db, plain, prepared_url, template, url_of  # noqa: F401 - fixtures


@pytest.fixture
def pooled_url(pooler: str, prepared_url: str) -> str:  # noqa: F811
    """Behind it are four processes of the server."""
    url = url_of(pooler, prepared_url.rsplit("/", 1)[1])
    with ExitStack() as stack:
        for _ in range(4):
            connection = stack.enter_context(psycopg.connect(url))
            connection.execute("SELECT 1")
    return url


@pytest.fixture
def pooled(pooled_url: str) -> Iterator[Database]:
    with Database(pooled_url, application="test", size=4) as handle:
        yield handle
