"""Redis 6.2, 7 and Valkey: alone, as a node of a cluster, over TLS, and as a user with few rights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from lomi_ops.errors import RedisUnavailable
from lomi_ops.queue.client import inspect, queue_client, require_fit
from lomi_ops.queue.keys import QUEUE
from lomi_ops.queue.replies import Done
from tests.integration.queue.producer import element
from tests.integration.queue.test_keys import own_all_slots
from tests.integration.servers import farm, rights
from tests.integration.servers.certificates import Authority
from tests.integration.servers.farm import Kind
from tests.integration.servers.life import Slot, admin, section, whole_life
from tests.operating import dead_letters, waiting
from tests.services import RedisServer, free_port, open_folder


@pytest.fixture(scope="module", params=farm.ALL)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with farm.running(request.param) as running:
        yield running


@pytest.fixture
def backend(server: RedisServer) -> Iterator[Any]:
    with admin(server) as client:
        client.flushall()
        yield client
        client.acl_deluser(rights.WORKER, rights.READER)


def test_the_whole_life_of_a_job_works_on_every_kind_of_server(server: RedisServer, backend: Any) -> None:
    whole_life(section(server), backend)


def test_every_kind_of_server_is_what_it_says(server: RedisServer) -> None:
    with queue_client(section(server)) as client:
        found = inspect(client)
    kind = {("redis", "6.2"): Kind.REDIS_6_2, ("redis", "7.0"): Kind.REDIS_7}.get((found.name, found.version[:3]))
    assert (kind or Kind(found.name)).value.split("-")[0] in server.binary.name


@pytest.mark.parametrize("kind", farm.ALL)
def test_the_whole_life_of_a_job_works_on_a_node_in_cluster_mode(kind: Kind) -> None:
    with farm.running_node(kind) as server, admin(server) as backend:
        own_all_slots(backend)
        whole_life(section(server), backend)


def test_the_documented_rights_of_a_worker_are_enough_for_everything_it_does(server: RedisServer, backend: Any) -> None:
    backend.execute_command(*rights.documented(rights.WORKER))
    whole_life(section(server, username=rights.WORKER, password=rights.PASSWORD), backend)


def test_the_documented_rights_of_a_worker_are_all_needed_and_none_is_missing(backend: Any) -> None:
    flags = rights.command_flags(backend)
    assert rights.commands_of(rights.documented(rights.WORKER)) == rights.needed_to_work(flags)


def test_the_documented_rights_of_a_reader_are_the_reading_part_of_a_workers(backend: Any) -> None:
    flags = rights.command_flags(backend)
    assert rights.commands_of(rights.documented(rights.READER)) == rights.needed_to_read(flags)


def test_a_worker_may_touch_nothing_but_the_queue(server: RedisServer, backend: Any) -> None:
    backend.execute_command(*rights.documented(rights.WORKER))
    with queue_client(section(server, username=rights.WORKER, password=rights.PASSWORD)) as client:
        for command in (("GET", "sessions"), ("FLUSHALL",), ("PUBLISH", "other", "x"), ("KEYS", "*"), ("ACL", "LIST")):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command)


def test_a_reader_sees_everything_and_changes_nothing(server: RedisServer, backend: Any) -> None:
    backend.lpush(QUEUE, element())
    backend.execute_command(*rights.documented(rights.READER))
    reader = Slot(section(server, username=rights.READER, password=rights.PASSWORD))
    assert reader.queue.stats().ready == 1
    assert len(waiting(reader.queue)) == 1
    assert dead_letters(reader.queue) == ()
    assert reader.queue.job("unknown") is None
    require_fit(reader.client)
    with pytest.raises(RedisUnavailable, match="claim") as refused:
        reader.claim()
    assert "docs/operations.md" in refused.value.hint
    assert backend.llen(QUEUE) == 1
    reader.close()


@contextmanager
def without(server: RedisServer, backend: Any, *taken: str) -> Iterator[Slot]:
    backend.execute_command(*rights.documented(rights.WORKER), *taken)
    slot = Slot(section(server, username=rights.WORKER, password=rights.PASSWORD))
    yield slot
    slot.close()


@pytest.mark.parametrize("command", ["evalsha", "time", "hset", "zadd", "rpop", "xadd"])
def test_a_missing_right_is_named_and_the_job_stays(server: RedisServer, backend: Any, command: str) -> None:
    """A right that only a later step needs is missed in the middle of a script: the job is not lost by that either."""
    raw = element()
    backend.lpush(QUEUE, raw)
    with without(server, backend, f"-{command}") as slot, pytest.raises(RedisUnavailable) as refused:
        slot.claim()
    assert command in str(refused.value).lower()
    assert refused.value.hint == (
        "give this user the rights that docs/operations.md lists; redis-cli ACL LOG has what was refused"
    )
    backend.execute_command(*rights.documented(rights.WORKER))
    with without(server, backend) as slot:
        assert slot.take().raw == raw


def test_a_forbidden_key_is_said_to_be_forbidden(server: RedisServer, backend: Any) -> None:
    with without(server, backend, "resetkeys", f"~{QUEUE}") as slot, pytest.raises(RedisUnavailable) as refused:
        slot.claim()
    assert "key" in str(refused.value)
    assert "docs/operations.md" in refused.value.hint


def test_a_forbidden_channel_keeps_the_message_and_is_told_by_the_relay(server: RedisServer, backend: Any) -> None:
    backend.lpush(QUEUE, element())
    with without(server, backend, "resetchannels") as slot:
        held = slot.take()
        assert slot.queue.finish(held.job_id, held.token, b"message") == Done(receivers=0)
        with pytest.raises(RedisUnavailable, match="PUBLISH"):
            slot.queue.relay()
        assert slot.queue.stats().unsent == 1


def test_a_forbidden_channel_does_not_hide_what_was_reaped(server: RedisServer, backend: Any) -> None:
    backend.lpush(QUEUE, element(), element())
    with without(server, backend, "resetchannels") as slot:
        first = slot.take()
        slot.queue.finish(first.job_id, first.token, b"message")
        second = slot.take()
        backend.zadd(slot.queue.keys.lease, {second.job_id: 1})
        tended = slot.queue.upkeep(lease_s=0, tick_s=0)
        assert (tended.reaped.requeued, tended.heard, tended.muted) == ((second.job_id,), 0, True)
        backend.execute_command(*rights.documented(rights.WORKER))
        assert not slot.queue.upkeep(lease_s=0, tick_s=0).muted


@contextmanager
def over_tls() -> Iterator[tuple[RedisServer, Authority, int]]:
    """A server that wants a certificate of its clients, as Redis does by default."""
    with open_folder("lomi-tls-") as folder, farm.made(Kind.REDIS_7) as server:
        authority, port = Authority(folder), free_port()
        own = authority.issue("server")
        server.extra = (
            "--tls-port", str(port), "--tls-cert-file", str(own.cert), "--tls-key-file", str(own.key),
            "--tls-ca-cert-file", str(authority.file),
        )  # fmt: skip
        server.start()
        yield server, authority, port


def test_the_whole_life_of_a_job_works_over_tls_by_settings_and_by_url() -> None:
    with over_tls() as (server, authority, port), admin(server) as backend:
        ours = authority.issue("worker")
        files = {"tls_ca": authority.file, "tls_cert": ours.cert, "tls_key": ours.key}
        whole_life(section(server, port=port, tls=True, **files), backend)
        backend.flushall()
        url = f"rediss://:{farm.PASSWORD}@127.0.0.1:{port}/0"
        whole_life(section(server, url=url, **files), backend)
        backend.flushall()
        query = f"ssl_ca_certs={authority.file}&ssl_certfile={ours.cert}&ssl_keyfile={ours.key}"
        whole_life(section(server, url=f"{url}?{query}"), backend)


def test_a_server_that_our_authority_did_not_sign_or_of_another_name_is_not_spoken_to(tmp_path: Path) -> None:
    with over_tls() as (server, authority, port), admin(server):
        ours = authority.issue("worker")
        files = {"tls_cert": ours.cert, "tls_key": ours.key}
        stranger = Authority(tmp_path, "stranger").file
        for wrong in ({"tls_ca": stranger}, {"tls_ca": authority.file, "host": "localhost"}, {}):
            client = queue_client(section(server, port=port, tls=True, **files, **wrong))
            with client, pytest.raises(RedisUnavailable, match="certificate verify failed"):
                inspect(client)


def test_plain_words_at_a_tls_port_and_a_missing_certificate_are_unavailability() -> None:
    with over_tls() as (server, authority, port):
        for wrong in ({}, {"tls": True, "tls_ca": authority.file}):
            with queue_client(section(server, port=port, **wrong)) as client, pytest.raises(RedisUnavailable):
                inspect(client)


@pytest.mark.parametrize("kind", farm.ALL)
def test_a_node_that_has_not_the_queues_slot_names_the_one_that_has_it(kind: Kind) -> None:
    slot_of_queue = key_slot(QUEUE.encode())
    with farm.running_node(kind) as here, farm.running_node(kind) as there:
        with admin(here) as one, admin(there) as two:
            bus = int(dict(zip(*[iter(there.extra)] * 2, strict=True)).get("--cluster-port", there.port + 10_000))
            one.execute_command("CLUSTER", "ADDSLOTS", *range(slot_of_queue))
            two.execute_command("CLUSTER", "ADDSLOTS", *range(slot_of_queue, 16384))
            one.execute_command("CLUSTER", "MEET", "127.0.0.1", there.port, bus)
            rights.until(lambda: b"cluster_state:ok" in one.execute_command("CLUSTER", "INFO"))
        slot = Slot(section(here))
        with pytest.raises(RedisUnavailable, match=f"MOVED {slot_of_queue} 127.0.0.1:{there.port}") as moved:
            slot.claim()
        assert "set redis.host and redis.port to the one that is named" in moved.value.hint
        slot.close()
