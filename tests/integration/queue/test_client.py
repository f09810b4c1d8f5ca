"""The factory, and what becomes of redis-py's errors."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.errors import ConfigError, RedisUnavailable
from lomi_ops.queue.client import (
    doorbell_client,
    inspect,
    queue_client,
    read_client,
    require_fit,
    unavailable,
    where,
)
from lomi_ops.queue.jobs import JobQueue
from tests.services import free_port

SECRET = "s3cret"


def section(**values: Any) -> RedisSection:
    return RedisSection.model_validate({"host": "redis.example", "password": SECRET} | values)


def options(client: redis.Redis) -> dict[str, Any]:
    return dict(client.connection_pool.connection_kwargs)


def retries(client: redis.Redis) -> int:
    retry = client.get_retry()
    assert retry is not None
    return int(retry.get_retries())


@pytest.mark.parametrize("make", [queue_client, doorbell_client])
def test_a_client_of_the_queue_never_repeats_a_command(make: Any) -> None:
    client = make(section())
    assert retries(client) == 0
    assert options(client)["retry_on_error"] == []


def test_every_wait_of_every_client_is_bounded_and_said_explicitly() -> None:
    expected = {
        "socket_connect_timeout": 3.0,
        "socket_timeout": 7.0,
        "socket_keepalive": True,
        "health_check_interval": 15,
        "decode_responses": False,
        "protocol": 2,
        "host": "redis.example",
        "port": 6379,
        "db": 0,
        "password": SECRET,
    }
    for make in (queue_client, doorbell_client, read_client):
        found = options(make(section()))
        assert {key: found.get(key) for key in expected} == expected


@pytest.mark.parametrize(("doorbell_s", "timeout_s", "expected"), [(2, 7.0, 7.0), (2, 1.0, 5.0), (30, 7.0, 33.0)])
def test_the_doorbell_socket_waits_three_seconds_longer_than_the_server(
    doorbell_s: int, timeout_s: float, expected: float
) -> None:
    client = doorbell_client(section(doorbell_s=doorbell_s, timeout_s=timeout_s))
    assert options(client)["socket_timeout"] == expected


def test_a_reading_client_may_ask_again_a_little() -> None:
    assert retries(read_client(section())) == 2


def test_a_url_wins_and_says_only_where_and_as_whom() -> None:
    found = options(queue_client(section(url="redis://ada:p%40ss@elsewhere:6380/3")))
    assert (found["host"], found["port"], found["db"]) == ("elsewhere", 6380, 3)
    assert (found["username"], found["password"]) == ("ada", "p@ss")
    assert found["socket_timeout"] == 7.0


@pytest.mark.parametrize("option", ["socket_timeout=1", "retry_on_timeout=true", "protocol=3", "nonsense=1"])
def test_a_url_that_would_change_how_we_wait_is_refused(option: str) -> None:
    with pytest.raises(ConfigError, match=option.partition("=")[0]):
        queue_client(section(url=f"redis://elsewhere/0?{option}"))


@pytest.mark.parametrize("url", [f"redis://:{SECRET}/x@host:6379/0", f"http://:{SECRET}@host", f"redis://h:{SECRET}/0"])
def test_a_url_that_cannot_be_read_is_not_quoted(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        queue_client(section(url=url))
    assert SECRET not in f"{caught.value}{caught.value.__cause__}{caught.value.hint}"


def test_a_missing_host_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"redis\.host, redis\.url or redis\.sentinels"):
        queue_client(RedisSection())


def test_tls_is_asked_for_by_setting_or_by_url(tmp_path: Any) -> None:
    for client in (
        queue_client(section(tls=True, tls_ca=tmp_path)),
        queue_client(section(url="rediss://h", tls_ca=tmp_path)),
    ):
        assert client.connection_pool.connection_class is redis.SSLConnection
        assert options(client)["ssl_ca_certs"] == str(tmp_path)
        assert options(client)["ssl_cert_reqs"] == "required"
    assert queue_client(section()).connection_pool.connection_class is redis.Connection


def test_a_socket_file_is_an_address_too() -> None:
    client = queue_client(section(url=f"unix://:{SECRET}@/run/redis.sock?db=2"))
    assert where(client) == "/run/redis.sock"
    assert options(client)["db"] == 2


def test_sentinels_lead_to_a_client_that_waits_and_repeats_like_the_others() -> None:
    words = {"host": None, "sentinels": ["one:1", "two"], "sentinel_password": "other", "username": "ada"}
    client = queue_client(section(**words))
    found = options(client)
    assert retries(client) == 0
    assert (found["socket_timeout"], found["socket_connect_timeout"], found["protocol"]) == (7.0, 3.0, 2)
    assert (found["username"], found["password"], found["db"]) == ("ada", SECRET, 0)
    assert where(client) == "the primary of mymaster"
    assert retries(read_client(section(**words))) == 2


def test_an_address_in_a_message_holds_no_credentials() -> None:
    assert where(queue_client(section(username="ada"))) == "redis.example:6379"


def test_a_server_that_is_not_there_is_unavailable() -> None:
    port = free_port()
    client = queue_client(section(host="127.0.0.1", port=port))
    with pytest.raises(RedisUnavailable, match=f"127.0.0.1:{port} did not serve statistics"):
        JobQueue(client).stats()
    client.close()


def test_a_server_that_never_answers_is_unavailable_after_the_timeout() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        client = queue_client(section(host="127.0.0.1", port=silent.getsockname()[1], timeout_s=0.05))
        with pytest.raises(RedisUnavailable, match=r"[Tt]imeout"):
            JobQueue(client).claim("boot/0", 1, "token")
        client.close()


def test_a_wrong_password_is_unavailable_and_stays_unsaid(redis_url: str) -> None:
    wrong = redis_url.replace(redis_url.split("@")[0].split(":")[-1], SECRET)
    client = queue_client(RedisSection.model_validate({"url": wrong}))
    with pytest.raises(RedisUnavailable) as caught:
        JobQueue(client).stats()
    assert SECRET not in f"{caught.value}{caught.value.hint}"
    assert caught.value.hint == "check redis.username and redis.password"
    client.close()


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (redis.ReadOnlyError("You can't write against a read only replica."), "replica"),
        (redis.exceptions.BusyLoadingError("Redis is loading the dataset in memory"), "wait"),
        (redis.exceptions.MasterDownError("Link with MASTER is down"), "INFO replication"),
        (redis.ResponseError("NOREPLICAS Not enough good replicas to write."), "min-replicas-to-write"),
        (redis.ResponseError("BUSY Redis is busy running a script."), "redis-cli SCRIPT KILL"),
        (redis.ResponseError("WRONGTYPE Operation against a key"), "another program"),
        (redis.exceptions.OutOfMemoryError("command not allowed"), "maxmemory"),
        (redis.exceptions.NoPermissionError("this user has no permissions"), "ACL"),
        (redis.TimeoutError(f"Timeout {SECRET}\nsecond line"), "lomi check"),
        (redis.ConnectionError(), "lomi check"),
    ],
)
def test_whatever_redis_says_is_unavailability_with_a_hint(error: redis.RedisError, hint: str) -> None:
    ours = unavailable(queue_client(section()), "claim", error)
    assert hint in ours.hint
    assert SECRET not in str(ours)
    assert "second line" not in str(ours)


def test_a_key_of_another_type_is_reported_with_its_reason(redis_url: str) -> None:
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    queue = JobQueue(client)
    client.set(queue.keys.ready, "a string")
    with pytest.raises(RedisUnavailable) as caught:
        queue.claim("boot/0", 1, "token")
    assert caught.value.hint == "another program uses one of the queue's keys for something else"
    client.close()


def test_a_fit_server_is_described(redis_url: str) -> None:
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    server = require_fit(client)
    assert server == inspect(client)
    assert server.name in ("redis", "valkey")
    assert (server.policy, server.appendonly, server.maxmemory) == ("noeviction", True, 0)
    client.close()


def test_a_server_that_would_throw_jobs_away_is_refused_with_the_fix(redis_url: str) -> None:
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(ConfigError, match="allkeys-lru") as caught:
            require_fit(client)
        assert "redis-cli CONFIG SET maxmemory-policy noeviction" in caught.value.hint
    finally:
        client.config_set("maxmemory-policy", "noeviction")
        client.close()


def test_a_server_without_blmove_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    client = queue_client(section())
    monkeypatch.setattr(client, "info", lambda: {"redis_version": "6.0.16", "maxmemory_policy": "noeviction"})
    with pytest.raises(ConfigError, match=r"6\.0\.16"):
        require_fit(client)
