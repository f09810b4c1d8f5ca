"""Each check of Redis with a Redis of which just that is wrong."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest
import redis

from lomi_ops.queue.client import call
from tests.integration.ops.black_hole import black_hole
from tests.integration.ops.checks.conftest import (
    Find,
    altered,
    assert_only,
    at_port,
    detail,
    hanging_up,
    hint,
    inhabited,
    value,
)
from tests.integration.ops.conftest import Sound, checks, troubled
from tests.integration.servers import farm, rights
from tests.integration.servers.certificates import Authority
from tests.integration.servers.farm import Kind
from tests.services import RedisServer, free_port, open_folder, running_redis

Point = Callable[[str], None]


@pytest.fixture
def point_redis(monkeypatch: pytest.MonkeyPatch) -> Point:
    return lambda url: monkeypatch.setenv("LOMI_REDIS_URL", url)


@pytest.fixture
def own(sound: Sound, point_redis: Point) -> Iterator[tuple[RedisServer, redis.Redis]]:
    """A Redis that a test may ruin, in the place of the shared one."""
    with running_redis() as server, inhabited(server.url) as client:
        point_redis(server.url)
        yield server, client


@contextmanager
def crowd(port: int, number: int) -> Iterator[None]:
    """So many connections that nobody uses."""
    with ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        yield


# --- whether it answers -----------------------------------------------------------------------------------------------


def test_a_wrong_password_fails_alone_and_is_not_shown(sound: Sound, find: Find, point_redis: Point) -> None:
    place = urlsplit(sound.cluster.redis_url)
    point_redis(f"redis://:not-the-password@127.0.0.1:{place.port}/0")

    said = find()

    assert_only(said, "redis.ping", "fail")
    assert "WRONGPASS" in detail(said, "redis.ping")
    assert hint(said, "redis.ping") == "check redis.username and redis.password"
    assert "not-the-password" not in said.out + said.err


def test_a_replica_is_named_as_one(own: tuple[RedisServer, redis.Redis], find: Find) -> None:
    own[1].replicaof("127.0.0.1", free_port())

    said = find()

    assert_only(said, "redis.ping", "fail")
    assert "is a replica: workers cannot write" in detail(said, "redis.ping")
    assert "redis.sentinels" in hint(said, "redis.ping")


def test_a_name_that_nobody_knows_is_told_with_the_name(sound: Sound, find: Find, point_redis: Point) -> None:
    point_redis("redis://:long-enough@redis.invalid:6379/0")

    said = find()

    assert_only(said, "redis.ping", "fail")
    assert "redis.invalid" in detail(said, "redis.ping")
    assert "lomi config show --origin" in hint(said, "redis.ping")


def test_a_server_that_takes_the_connection_and_hangs_up_fails(sound: Sound, find: Find, point_redis: Point) -> None:
    with hanging_up() as port:
        point_redis(f"redis://:long-enough@127.0.0.1:{port}/0")
        said = find()

    assert_only(said, "redis.ping", "fail")


def test_a_server_that_takes_the_connection_and_says_nothing_is_a_doubt(
    sound: Sound, find: Find, point_redis: Point
) -> None:
    with black_hole() as hole:
        point_redis(f"redis://:long-enough@127.0.0.1:{hole.port}/0")
        said = find()

    assert said.code == 3
    assert_only(said, "redis.ping", "unknown")
    assert detail(said, "redis.ping").startswith(f"timeout: Redis at 127.0.0.1:{hole.port}")


def test_tls_to_a_plain_port_is_told_as_such(sound: Sound, find: Find, point_redis: Point) -> None:
    """Redis waits for the end of the line: nobody answers, so nobody can tell."""
    point_redis(at_port(sound.cluster.redis_url, urlsplit(sound.cluster.redis_url).port or 0, scheme="rediss"))

    said = find()

    assert_only(said, "redis.ping", "unknown")
    assert "TLS: The handshake operation timed out" in detail(said, "redis.ping")
    assert "rediss://" in hint(said, "redis.ping")


def test_a_certificate_that_nobody_knows_is_told_as_such(sound: Sound, find: Find, point_redis: Point) -> None:
    with over_tls() as (server, port):
        point_redis(at_port(server.url, port, scheme="rediss"))
        said = find()

    assert_only(said, "redis.ping", "fail")
    assert "TLS: certificate verify failed" in detail(said, "redis.ping")
    assert "redis.tls_ca" in hint(said, "redis.ping")


def test_plain_words_to_a_tls_port_fail(sound: Sound, find: Find, point_redis: Point) -> None:
    with over_tls() as (server, port):
        point_redis(at_port(server.url, port))
        said = find()

    assert_only(said, "redis.ping", "fail")


@contextmanager
def over_tls() -> Iterator[tuple[RedisServer, int]]:
    with open_folder("lomi-tls-") as folder, farm.made(Kind.REDIS_7) as server:
        pair, port = Authority(folder).issue("server"), free_port()
        server.extra = ("--tls-port", str(port), "--tls-cert-file", str(pair.cert), "--tls-key-file", str(pair.key),
                        "--tls-ca-cert-file", str(folder / "ca.pem"), "--tls-auth-clients", "no")  # fmt: skip
        server.start()
        yield server, port


# --- what it is -------------------------------------------------------------------------------------------------------


def test_a_server_that_is_too_old_says_so(sound: Sound, find: Find, point_redis: Point, lomi: Find) -> None:
    with farm.made(Kind.REDIS_5) as server:
        server.launch()
        deadline = time.monotonic() + 20
        while not farm.pings(server):
            assert time.monotonic() < deadline
        point_redis(server.url)

        said = lomi("check", "-o", "json", "--only", "redis")

    assert_only_in("redis", troubled(said), {"redis.version": "fail"})
    assert detail(said, "redis.version").startswith("5.0.")
    assert "image redis:7-alpine" in hint(said, "redis.version")
    assert checks(said)["redis.version"]["expected"] == ">= 6.2"


def assert_only_in(category: str, found: dict[str, str], expected: dict[str, str]) -> None:
    assert {slug: status for slug, status in found.items() if slug.startswith(f"{category}.")} == expected


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_a_policy_that_evicts_fails(own: tuple[RedisServer, redis.Redis], find: Find, policy: str) -> None:
    own[1].config_set("maxmemory-policy", policy)

    said = find()

    assert_only(said, "redis.maxmemory_policy", "fail")
    found = checks(said)["redis.maxmemory_policy"]
    assert (found["observed"], found["expected"]) == (policy, "noeviction")
    assert found["hint"].startswith("redis-cli CONFIG SET maxmemory-policy noeviction")


def test_a_server_that_does_not_say_its_policy_is_a_doubt(sound: Sound, find: Find, point_redis: Point) -> None:
    with altered(sound.cluster.redis_url, {b"maxmemory_policy:": b"maxmemory_police:"}) as port:
        point_redis(at_port(sound.cluster.redis_url, port))
        said = find()

    assert_only(said, "redis.maxmemory_policy", "unknown")


def test_a_server_that_forgets_is_a_warning(own: tuple[RedisServer, redis.Redis], find: Find) -> None:
    own[1].config_set("appendonly", "no")

    said = find()

    assert said.code == 0
    assert_only(said, "redis.persistence", "warn")


def test_a_server_that_lets_anybody_in_fails(sound: Sound, find: Find, point_redis: Point) -> None:
    with running_redis() as server, inhabited(server.url) as client:
        client.config_set("requirepass", "")
        point_redis(f"redis://127.0.0.1:{server.port}/0")
        said = find()

    assert_only(said, "redis.password", "fail")
    assert detail(said, "redis.password") == "it serves whoever reaches it, without a password"


def test_the_rights_that_the_documents_give_to_a_reader_are_enough(
    own: tuple[RedisServer, redis.Redis], find: Find, point_redis: Point
) -> None:
    call(own[1], *rights.documented(rights.READER))
    point_redis(f"redis://{rights.READER}:{rights.PASSWORD}@127.0.0.1:{own[0].port}/0")

    assert troubled(find()) == {"config.passwords": "fail"}, "the password of the documents is one of the documents"


# --- whether it has room ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "status"), [(0.87, "warn"), (0.98, "fail")])
def test_a_server_that_is_nearly_full_is_told_with_the_share(
    own: tuple[RedisServer, redis.Redis], find: Find, share: float, status: str
) -> None:
    client = own[1]
    client.setrange("ballast", (64 << 20) - 1, b"x")
    client.config_set("maxmemory", int(client.info("memory")["used_memory"] / share))

    said = find()

    assert_only(said, "redis.memory", status)
    assert abs(value(said, "redis.memory") - share) < 0.02
    assert "of maxmemory" in detail(said, "redis.memory")


@pytest.mark.parametrize(("idle", "most", "status"), [(84, 100, "warn"), (388, 400, "fail")])
def test_a_server_whose_connections_run_out_is_told(
    sound: Sound, find: Find, point_redis: Point, idle: int, most: int, status: str
) -> None:
    with farm.running(Kind.REDIS_7, "--maxclients", str(most)) as server, inhabited(server.url):
        point_redis(server.url)
        with crowd(server.port, idle):
            said = find()

    assert_only(said, "redis.clients", status)
    assert f"of {most} connections" in detail(said, "redis.clients")
    assert "redis-cli CLIENT LIST" in hint(said, "redis.clients")


def test_a_server_that_takes_nobody_any_more_says_so(sound: Sound, find: Find, point_redis: Point) -> None:
    with running_redis() as server, redis.Redis.from_url(server.url) as client:
        client.config_set("maxclients", 1)
        point_redis(server.url)
        said = find()

    assert_only(said, "redis.ping", "fail")
    assert hint(said, "redis.ping") == "raise maxclients, or see who holds the connections: redis-cli CLIENT LIST"


def test_a_snapshot_that_cannot_be_written_fails(own: tuple[RedisServer, redis.Redis], find: Find) -> None:
    server, client = own
    data = server.folder / "data"
    keeper = data.stat()
    os.chown(data, os.geteuid(), os.getegid())
    data.chmod(0o555)
    try:
        client.bgsave()
        deadline = time.monotonic() + 20
        while client.info("persistence")["rdb_last_bgsave_status"] == "ok":
            assert time.monotonic() < deadline, "root may write anywhere, and the server runs as root"
            time.sleep(0.02)
        said = find()
    finally:
        data.chmod(0o755)
        os.chown(data, keeper.st_uid, keeper.st_gid)

    assert_only(said, "redis.disk", "fail")
    assert detail(said, "redis.disk") == "its last write did not succeed: rdb_last_bgsave_status"
    assert "Redis cannot write to its disk" in hint(said, "redis.disk")
