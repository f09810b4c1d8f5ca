"""The rights that docs/e2e.md gives to a direct run in Redis are enough. Those in Postgres are tried where all of them
are: tests/integration/ops/test_rights.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis

from tests.integration.e2e.conftest import Cluster, Lomi, Worker, document
from tests.integration.servers.rights import PASSWORD, WORKER, documented

ROOT = Path(__file__).parents[3]


@pytest.fixture
def few_rights(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A user who may do what the pages say and nothing else."""
    page = (ROOT / "docs/e2e.md").read_text().partition("## Rights")[2]
    extra = [word for span in re.findall(r"`(\+[^`]+)`", page) for word in span.split()]
    assert len(extra) == 3
    cluster.redis.execute_command("ACL", "SETUSER", "tester", *documented(WORKER)[3:], *extra)  # type: ignore[no-untyped-call]
    monkeypatch.setenv("LOMI_REDIS_URL", as_tester(cluster))
    yield cluster
    cluster.redis.execute_command("ACL", "DELUSER", "tester")  # type: ignore[no-untyped-call]


def as_tester(cluster: Cluster) -> str:
    parts = urlsplit(cluster.redis_url)
    return urlunsplit(parts._replace(netloc=f"tester:{PASSWORD}@{parts.hostname}:{parts.port}"))


def test_the_documented_rights_are_enough(few_rights: Cluster, worker: Worker, lomi: Lomi) -> None:
    before = few_rights.remains()

    said = lomi("e2e", 2, few_rights.photo("a"), "-o", "json")
    cleaned = lomi("e2e", "--clean")

    assert said.code == 0, said.err
    assert document(said.out)["listeners"] == 0
    assert (cleaned.code, cleaned.err) == (0, "")
    assert few_rights.remains() == before
    with redis.Redis.from_url(as_tester(few_rights)) as client, pytest.raises(redis.ResponseError):
        client.flushall()


def test_a_user_who_may_not_ask_for_listeners_is_no_trouble(few_rights: Cluster, worker: Worker, lomi: Lomi) -> None:
    few_rights.redis.execute_command("ACL", "SETUSER", "tester", "-pubsub|numsub")  # type: ignore[no-untyped-call]

    said = lomi("e2e", 1, few_rights.photo("a"), "-o", "json")

    assert (said.code, document(said.out)["listeners"]) == (0, None)


def test_a_user_who_may_not_listen_is_told_which_right_is_missing(few_rights: Cluster, lomi: Lomi) -> None:
    few_rights.redis.execute_command("ACL", "SETUSER", "tester", "-subscribe")  # type: ignore[no-untyped-call]

    said = lomi("e2e", 1, few_rights.photo("a"), "-o", "json")

    assert said.code == 3
    assert "subscribe" in document(said.out)["error"]["message"]
    assert few_rights.remains()["users"] == 0
