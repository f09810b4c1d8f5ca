"""The backend's limit leaves traces, or it does not."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
import redis

from tests.integration.ops.conftest import Lomi
from tests.integration.ops.old_cluster import OldCluster


@pytest.fixture
def counter(cluster: OldCluster) -> str:
    return f"photo_upload_rate:{cluster.user}"


def limit(lomi: Lomi) -> dict[str, Any]:
    said = lomi("check", "--only", "uploads.limit", "-o", "json")
    found: dict[str, Any] = next(each for each in said.document["checks"] if each["slug"] == "uploads.limit")
    return found


def test_where_nobody_uploads_nobody_can_tell(cluster: OldCluster, lomi: Lomi) -> None:
    cluster.photo(ago=timedelta(hours=2))

    assert limit(lomi)["status"] == "skip"


def test_a_counter_that_ends_is_a_limit_in_force(
    cluster: OldCluster, client: redis.Redis, counter: str, lomi: Lomi
) -> None:
    cluster.photo(batch=uuid.uuid4())
    client.set(counter, 1, ex=86400)

    assert limit(lomi)["detail"] == "1 user of the last hour counted, nobody beyond 30"


def test_an_upload_without_a_counter_is_an_upload_without_a_limit(cluster: OldCluster, lomi: Lomi) -> None:
    cluster.photo(batch=uuid.uuid4())

    found = limit(lomi)

    assert found["status"] == "fail"
    assert found["detail"] == "1 of 1 users who uploaded in the last hour have no counter: nothing limits them"


def test_a_counter_that_never_ends_locks_somebody_out(
    cluster: OldCluster, client: redis.Redis, counter: str, lomi: Lomi
) -> None:
    cluster.photo(batch=uuid.uuid4())
    client.set(counter, 30)

    found = limit(lomi)

    assert found["status"] == "fail"
    assert found["hint"] == f"redis-cli EXPIRE {counter} 86400"


def test_a_user_beyond_the_limit_shows_that_there_is_none(
    cluster: OldCluster, client: redis.Redis, counter: str, lomi: Lomi
) -> None:
    client.set(counter, 31, ex=86400)
    for _ in range(31):
        cluster.photo(batch=uuid.uuid4(), ago=timedelta(hours=3))

    found = limit(lomi)

    assert (found["status"], found["observed"], found["expected"]) == ("fail", "31", "<= 30")
