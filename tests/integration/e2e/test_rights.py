"""The rights that docs/e2e.md gives to a direct run are enough."""

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


def rights() -> str:
    return (ROOT / "docs/e2e.md").read_text().partition("## Rights")[2]


@pytest.fixture
def few_rights(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A Redis user and a Postgres role who may do what the page says and nothing else."""
    extra = [word for span in re.findall(r"`(\+[^`]+)`", rights()) for word in span.split()]
    assert len(extra) >= 3
    user = documented(WORKER)[3:]
    cluster.redis.execute_command("ACL", "SETUSER", "tester", *user, *extra)  # type: ignore[no-untyped-call]
    pg = cluster.pg
    pg.execute("CREATE ROLE e2e_tester LOGIN PASSWORD 'PASSWORD'")
    for statement in (
        "GRANT SELECT, INSERT, DELETE ON users, media TO e2e_tester",
        "GRANT USAGE ON SCHEMA lomi TO e2e_tester",
        "GRANT SELECT, DELETE ON lomi.jobs, lomi.checkpoints, lomi.job_ends TO e2e_tester",
        "GRANT INSERT ON lomi.audit TO e2e_tester",
    ):
        pg.execute(statement.encode())
    monkeypatch.setenv("LOMI_REDIS_URL", _as("tester", cluster.redis_url))
    monkeypatch.setenv("LOMI_DATABASE_URL", _as("e2e_tester", cluster.database_url))
    yield cluster
    pg.execute("DROP OWNED BY e2e_tester")
    pg.execute("DROP ROLE e2e_tester")
    cluster.redis.execute_command("ACL", "DELUSER", "tester")  # type: ignore[no-untyped-call]


def _as(user: str, url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}:{PASSWORD}@{parts.hostname}:{parts.port}"))


def test_the_documented_rights_are_enough(few_rights: Cluster, worker: Worker, lomi: Lomi) -> None:
    before = few_rights.remains()

    said = lomi("e2e", 2, few_rights.photo("a"), "-o", "json")
    cleaned = lomi("e2e", "--clean")

    assert said.code == 0, said.err
    assert document(said.out)["listeners"] == 0
    assert (cleaned.code, cleaned.err) == (0, "")
    assert few_rights.remains() == before


def test_a_user_of_redis_who_may_not_ask_for_listeners_is_no_trouble(
    few_rights: Cluster, worker: Worker, lomi: Lomi
) -> None:
    few_rights.redis.execute_command("ACL", "SETUSER", "tester", "-pubsub|numsub")  # type: ignore[no-untyped-call]

    said = lomi("e2e", 1, few_rights.photo("a"), "-o", "json")

    assert (said.code, document(said.out)["listeners"]) == (0, None)


def test_the_page_names_every_table(few_rights: Cluster) -> None:
    for word in ("users", "media", "jobs", "checkpoints", "job_ends", "audit"):
        assert f"`{word}`" in rights()


def test_the_rights_do_not_let_a_test_stop_the_server(few_rights: Cluster) -> None:
    with redis.Redis.from_url(_as("tester", few_rights.redis_url)) as client, pytest.raises(redis.ResponseError):
        client.flushall()
