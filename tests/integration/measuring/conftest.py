"""Services that are measured, and a queue with the clock in our hands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lomi_ops.db.pool import Database
from tests.integration.ops.conftest import client, cluster, lomi, old, point, quiet_machine, registry  # noqa: F401
from tests.integration.ops.old_cluster import OldCluster
from tests.integration.queue.conftest import Bench


@pytest.fixture
def bench(cluster: OldCluster) -> Iterator[Bench]:  # noqa: F811
    made = Bench(cluster.redis_url)
    yield made
    made.close()


@pytest.fixture
def database(cluster: OldCluster) -> Iterator[Database]:  # noqa: F811
    with Database(cluster.database_url) as found:
        yield found
