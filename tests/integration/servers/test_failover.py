"""The primary dies or is demoted while workers are at it: jobs go on at the next one, each ends in one place."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.errors import RedisUnavailable
from lomi_ops.ops.local import owner
from lomi_ops.queue.client import doorbell_client, queue_client, require_fit, where
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.keys import QUEUE
from lomi_ops.queue.line import Line
from lomi_ops.queue.replies import Beat, Claimed, Done, Empty, Fenced
from tests.integration.queue.producer import element, job_id
from tests.integration.servers import farm
from tests.integration.servers.certificates import Authority
from tests.integration.servers.farm import PASSWORD, Kind
from tests.integration.servers.life import Slot, admin, section, whole_life
from tests.integration.servers.rights import until
from tests.proxy import FaultProxy
from tests.services import RedisServer, free_port, open_folder

SERVICE = "photos"
SENTINEL_PASSWORD = "sentinel-" + PASSWORD
DOWN_AFTER_MS = 500
JOBS = 400


@dataclass
class Pair:
    """A primary, a replica that follows it, and Sentinels that watch both."""

    primary: RedisServer
    replica: RedisServer
    sentinels: list[int]
    watchers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def settings(self, **values: Any) -> RedisSection:
        sentinels = [f"127.0.0.1:{port}" for port in self.sentinels]
        given = {"sentinels": sentinels, "sentinel_service": SERVICE, "sentinel_password": SENTINEL_PASSWORD}
        return RedisSection.model_validate({"password": PASSWORD, "timeout_s": 5.0} | given | values)


def follow(replica: RedisServer, primary: RedisServer) -> None:
    """Replication that has caught up."""
    with admin(primary) as client:
        client.config_set("repl-diskless-sync-delay", 0)
    with admin(replica) as client:
        client.config_set("masterauth", PASSWORD)
        client.execute_command("REPLICAOF", "127.0.0.1", primary.port)
        until(lambda: client.info("replication")["master_link_status"] == "up")


@contextmanager
def watched(kind: Kind, count: int = 1) -> Iterator[Pair]:
    with ExitStack() as stack:
        # Either may be demoted, so either must know how to log in at the other.
        primary, replica = (stack.enter_context(farm.running(kind, "--masterauth", PASSWORD)) for _ in range(2))
        follow(replica, primary)
        folder = stack.enter_context(open_folder("lomi-sentinel-"))
        pair = Pair(primary, replica, [free_port() for _ in range(count)])
        for port in pair.sentinels:
            pair.watchers.append(_sentinel(kind, folder / str(port), port, primary.port, count // 2 + 1))
            stack.callback(_end, pair.watchers[-1])
        for port in pair.sentinels:
            until(lambda port=port: _sees(port, count - 1))  # type: ignore[misc]
        yield pair


def _sentinel(
    kind: Kind, folder: Path, port: int, primary: int, quorum: int, more: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    folder.mkdir()
    folder.chmod(0o777)
    config = folder / "sentinel.conf"
    lines = (
        f"port {port}", "bind 127.0.0.1", f"dir {folder}", f"requirepass {SENTINEL_PASSWORD}",
        f"sentinel sentinel-pass {SENTINEL_PASSWORD}",
        f"sentinel monitor {SERVICE} 127.0.0.1 {primary} {quorum}", f"sentinel auth-pass {SERVICE} {PASSWORD}",
        f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}", f"sentinel failover-timeout {SERVICE} 5000",
    )  # fmt: skip
    config.write_text("\n".join((*lines, *more)) + "\n")
    config.chmod(0o666)
    user = owner.choose()
    binary = owner.runnable((farm.program(kind),), user, folder)
    output = subprocess.DEVNULL
    return subprocess.Popen(
        [binary, config, "--sentinel"], stdout=output, stderr=output, cwd=folder, **owner.spawn_options(user)
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(10)


def _sees(port: int, others: int) -> bool:
    """A Sentinel that knows the replica and the other Sentinels is ready for a failover."""
    with redis.Redis(port=port, password=SENTINEL_PASSWORD, protocol=2) as client:
        try:
            master = client.sentinel_masters()[SERVICE]
        except (redis.RedisError, KeyError):
            return False
        return bool(master["num-slaves"] == 1 and master["num-other-sentinels"] == others)


@pytest.mark.parametrize("kind", farm.ALL)
def test_the_whole_life_of_a_job_works_at_the_primary_that_sentinel_names(kind: Kind) -> None:
    with watched(kind) as pair, admin(pair.primary) as backend:
        whole_life(pair.settings(), backend)
        client = queue_client(pair.settings())
        require_fit(client)
        assert where(client) == f"127.0.0.1:{pair.primary.port} ({SERVICE})"
        client.close()


@dataclass
class Crew:
    """Two workers, each with a slot that claims, beats and finishes as fast as it can and outlasts every outage."""

    settings: RedisSection
    stop: threading.Event = field(default_factory=threading.Event)
    finished: Counter[str] = field(default_factory=Counter)
    attempts: Counter[int] = field(default_factory=Counter)
    crashes: int = 0
    outages: Counter[str] = field(default_factory=Counter)
    bugs: list[BaseException] = field(default_factory=list)

    def start(self, *names: str) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._run, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        return threads

    def _run(self, name: str) -> None:
        slot, bell = Slot(self.settings, name), Line(doorbell_client(self.settings))
        try:
            while not self.stop.is_set():
                reply = self._insist(slot.claim, lambda: slot.claim(again=True))
                if isinstance(reply, Claimed):
                    self._work(slot, reply)
                elif isinstance(reply, Empty) and not self.stop.is_set():
                    self._insist(lambda: slot.queue.wait(bell, 0.2), lambda: None)
        except BaseException as bug:
            self.bugs.append(bug)
        finally:
            slot.close()
            bell.client.close()

    def _work(self, slot: Slot, held: Claimed) -> None:
        self.attempts[held.attempt] += 1
        self.crashes += held.crashes
        boot = slot.name.partition("/")[0]
        self._insist(*[lambda: slot.queue.beat(boot, {held.job_id: held.token})] * 2)
        reply = self._insist(*[lambda: slot.queue.finish(held.job_id, held.token, held.job_id.encode())] * 2)
        if isinstance(reply, Done):
            self.finished[held.job_id] += 1
        else:
            assert isinstance(reply, Fenced)

    def _insist(self, first: Any, again: Any) -> Any:
        """Until Redis answers, as the slots of a worker do."""
        call = first
        while True:
            try:
                return call()
            except RedisUnavailable as outage:
                self.outages[outage.hint] += 1
                if self.stop.is_set():
                    return None
                self.stop.wait(0.05)
                call = again


def push(settings: RedisSection, raws: list[bytes]) -> list[str]:
    """As a producer that insists on an answer for each. Those that got one."""
    taken = []
    with queue_client(settings) as client:
        for raw in raws:
            try:
                client.lpush(QUEUE, raw)
            except redis.RedisError:
                continue
            taken.append(job_id(raw))
    return taken


def places(queue: JobQueue, client: Any, ids: list[str]) -> Counter[str]:
    """Where each job is; a job in two places counts twice."""
    keys = queue.keys
    found: Counter[str] = Counter()
    for raw in client.lrange(keys.ready, 0, -1):
        found[job_id(raw)] += 1
    for name in (keys.lease, keys.delayed, keys.dead, keys.done):
        found.update(member.decode() for member in client.zrange(name, 0, -1))
    return Counter({name: found[name] for name in ids})


@pytest.mark.parametrize("kind", farm.ALL)
def test_a_primary_that_is_killed_under_load_costs_time_and_no_attempt(kind: Kind) -> None:
    with watched(kind) as pair:
        settings = pair.settings()
        raws = [element() for _ in range(JOBS)]
        ids = push(settings, raws[: JOBS // 2])
        with admin(pair.replica) as replica:
            until(lambda: replica.llen(QUEUE) == JOBS // 2)
        crew = Crew(settings)
        threads = crew.start("one/0", "two/0")
        until(lambda: sum(crew.finished.values()) > JOBS // 10)
        pair.primary.stop(signal.SIGKILL)
        with admin(pair.replica) as promoted:
            until(lambda: promoted.info("replication")["role"] == "master", 60)
            more = push(settings, raws[JOBS // 2 :])
            # What Sentinel has not named yet refuses; what it took must be finished.
            queue = JobQueue(promoted)
            everything = [*ids, *more]
            until(lambda: promoted.zcard(queue.keys.done) >= len(everything), 60)
            crew.stop.set()
            for thread in threads:
                thread.join(20)
            assert crew.bugs == []
            assert crew.outages, "nobody noticed: the test showed nothing"
            # A claim or a finish whose replication was lost runs again, as a first attempt at the new primary.
            assert set(crew.attempts) == {1}
            assert crew.crashes == 0
            assert set(crew.finished) == set(everything)
            assert set(places(queue, promoted, everything).values()) == {1}
            assert promoted.zcard(queue.keys.lease) == promoted.llen(QUEUE) == promoted.zcard(queue.keys.dead) == 0


def test_three_sentinels_lead_on_when_one_of_them_dies_with_the_primary() -> None:
    with watched(Kind.REDIS_7, 3) as pair:
        slot = Slot(pair.settings())
        assert isinstance(slot.claim(), Empty)
        _end(pair.watchers[0])
        pair.primary.stop(signal.SIGKILL)
        with pytest.raises(RedisUnavailable):
            slot.claim()
        seen = []

        def answered() -> bool:
            try:
                return isinstance(slot.claim(again=True), Empty)
            except RedisUnavailable as outage:
                seen.append(outage)
                return False

        until(answered, 60)
        assert where(slot.client) == f"127.0.0.1:{pair.replica.port} ({SERVICE})"
        assert all(PASSWORD not in str(outage) for outage in seen)
        slot.close()


def test_a_primary_that_is_demoted_by_hand_is_left_at_once() -> None:
    """It is alive and answers READONLY for ever; the connection that it was asked over is not used again."""
    with watched(Kind.REDIS_7) as pair:
        slot = Slot(pair.settings())
        assert isinstance(slot.claim(), Empty)
        with redis.Redis(port=pair.sentinels[0], password=SENTINEL_PASSWORD, protocol=2) as sentinel:
            until(lambda: _accepted(sentinel))
        with admin(pair.primary) as old, admin(pair.replica) as new:
            until(lambda: new.info("replication")["role"] == "master")
            until(lambda: old.info("replication")["role"] == "slave", 60)
            until(lambda: old.info("replication")["master_link_status"] == "up", 60)
        raw = element()
        with admin(pair.replica) as new:
            new.lpush(QUEUE, raw)
        said: list[str] = []

        def taken() -> bool:
            try:
                return bool(slot.claim(again=bool(said)).raw == raw)
            except RedisUnavailable as outage:
                said.append(outage.hint)
                return False

        until(taken)
        assert len(said) <= 1
        slot.close()


def _accepted(sentinel: Any) -> bool:
    try:
        sentinel.execute_command("SENTINEL", "FAILOVER", SERVICE)
    except redis.ResponseError:
        return False  # NOGOODSLAVE: it has not asked the replica yet, which it does every ten seconds
    return True


@pytest.mark.parametrize("kind", farm.ALL)
def test_without_sentinel_a_name_that_moves_leads_to_the_new_primary(kind: Kind) -> None:
    """The old primary lives on as a replica, and connections to it are open: each would say READONLY for ever."""
    with farm.running(kind) as old, farm.running(kind) as new, FaultProxy("127.0.0.1", old.port) as name:
        follow(new, old)
        raws = [element(), element()]
        slot, other = Slot(section(old, port=name.port)), Slot(section(old, port=name.port), "boot/1")
        assert isinstance(slot.claim(), Empty)
        with admin(old) as client:
            client.lpush(QUEUE, *raws)
            with slot.client.pipeline() as busy, slot.client.pipeline() as busier:
                # Two connections at once, so that the pool has an idle one beside the one that hears it first.
                for pipe in (busy, busier):
                    pipe.watch(QUEUE)  # type: ignore[no-untyped-call]
            until(
                lambda: (
                    client.info("replication")["slave0"]["offset"] == client.info("replication")["master_repl_offset"]
                )
            )
            client.config_set("masterauth", PASSWORD)
            with admin(new) as promoted:
                promoted.execute_command("REPLICAOF", "NO", "ONE")
            client.execute_command("REPLICAOF", "127.0.0.1", new.port)
            until(lambda: client.info("replication")["master_link_status"] == "up")
        name.lead_to("127.0.0.1", new.port)
        with pytest.raises(RedisUnavailable, match="READONLY"):
            slot.claim()
        held = slot.claim(again=True)
        assert (held.raw, held.attempt) == (raws[0], 1)
        assert other.take().raw == raws[1]
        assert slot.queue.finish(held.job_id, held.token) == Done(0)
        slot.close()
        other.close()


@contextmanager
def parted(kind: Kind) -> Iterator[tuple[RedisServer, RedisServer, FaultProxy]]:
    """A primary and a replica that has caught up, and the name that leads to the primary."""
    with farm.running(kind) as old, farm.running(kind) as new, FaultProxy("127.0.0.1", old.port) as name:
        follow(new, old)
        yield old, new, name


def promote(server: RedisServer) -> None:
    with admin(server) as client:
        client.execute_command("REPLICAOF", "NO", "ONE")


@pytest.mark.parametrize("kind", farm.ALL)
def test_what_a_cut_off_primary_still_took_is_lost_with_it_and_is_done_again_without_an_attempt(kind: Kind) -> None:
    """The other side has a new primary already, and these two workers have not heard of it."""
    with parted(kind) as (old, new, name):
        slots = [Slot(section(old, port=name.port), f"boot/{number}") for number in range(2)]
        raws = [element(), element()]
        with admin(old) as client, admin(new) as behind:
            client.lpush(QUEUE, *raws)
            finished = slots[0].take()
            until(lambda: behind.zcard(slots[0].queue.keys.lease) == 1)
            promote(new)
            assert slots[0].queue.finish(finished.job_id, finished.token, b"message") == Done(0)
            claimed = slots[1].take()
            client.lpush(QUEUE, element())  # the producer has not heard of it either
        name.lead_to("127.0.0.1", new.port)
        old.stop(signal.SIGKILL)
        until(lambda: _answers(slots))

        # The finish is lost: its slot still holds the job there, and does it again.
        adopted = slots[0].take()
        assert (adopted.job_id, adopted.attempt, adopted.adopted) == (finished.job_id, 1, True)
        assert slots[0].queue.finish(adopted.job_id, adopted.token, b"message") == Done(0)
        # The claim is lost: the holder hears it before it writes, and whoever comes next has a first attempt.
        assert slots[1].queue.beat("boot", {claimed.job_id: claimed.token}).leases == {claimed.job_id: Beat.LOST}
        assert slots[1].queue.finish(claimed.job_id, claimed.token, b"message") == Fenced()
        again = slots[1].take()
        assert (again.job_id, again.attempt, again.adopted) == (claimed.job_id, 1, False)
        assert slots[1].queue.finish(again.job_id, again.token, b"message") == Done(0)
        # The push is lost, and only Postgres knows of it: `lomi reconcile`.
        assert isinstance(slots[0].claim(), Empty)
        assert slots[0].queue.stats().unsent == 2
        for slot in slots:
            slot.close()


@pytest.mark.parametrize("kind", farm.ALL)
def test_a_cut_off_primary_that_asks_for_replicas_takes_nothing_that_would_be_lost(kind: Kind) -> None:
    with parted(kind) as (old, new, name):
        slot = Slot(section(old, port=name.port))
        raw = element()
        with admin(old) as client, admin(new) as behind:
            client.config_set("min-replicas-to-write", 1)
            until(lambda: client.info("replication")["min_slaves_good_slaves"] == 1)
            client.lpush(QUEUE, raw)
            held = slot.take()
            until(lambda: behind.zcard(slot.queue.keys.lease) == 1)
            promote(new)
            until(lambda: client.info("replication")["min_slaves_good_slaves"] == 0)
            with pytest.raises(redis.ResponseError, match="NOREPLICAS"):
                client.lpush(QUEUE, element())
        with pytest.raises(RedisUnavailable, match="NOREPLICAS"):
            slot.queue.finish(held.job_id, held.token, b"message")
        name.lead_to("127.0.0.1", new.port)
        assert slot.queue.finish(held.job_id, held.token, b"message") == Done(0)
        assert slot.queue.stats().counters["finished"] == 1
        slot.close()


def _answers(slots: list[Slot]) -> bool:
    try:
        for slot in slots:
            slot.queue.beat("boot", {})
            slot.queue.stats()
        return True
    except RedisUnavailable:
        return False


UNHELPFUL: tuple[tuple[dict[str, Any], str], ...] = (
    ({"sentinel_service": "mymaster"}, f"no Sentinel names a primary for mymaster .*: it knows {SERVICE}"),
    ({"sentinel_password": "wrong"}, "WRONGPASS"),
    ({"sentinel_password": None}, "NOAUTH"),
    ({"sentinels": ["127.0.0.1:1"]}, "127.0.0.1:1: Error 111"),
)


def test_sentinels_that_do_not_help_say_why_and_a_user_with_one_right_is_enough_for_them() -> None:
    with watched(Kind.VALKEY) as pair:
        for wrong, said in UNHELPFUL:
            slot = Slot(pair.settings(**wrong))
            with pytest.raises(RedisUnavailable, match=said) as refused:
                slot.claim()
            assert refused.value.hint.startswith("check redis.sentinels and redis.sentinel_service")
            assert SENTINEL_PASSWORD not in str(refused.value)
            slot.close()
        with redis.Redis(port=pair.sentinels[0], password=SENTINEL_PASSWORD, protocol=2) as sentinel:
            sentinel.execute_command("ACL", "SETUSER", "ada", "on", ">secret", "-@all", "+sentinel|masters")
        slot = Slot(pair.settings(sentinel_username="ada", sentinel_password="secret"))
        assert isinstance(slot.claim(), Empty)
        slot.close()


def test_sentinel_and_the_primary_are_spoken_to_over_tls() -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder("lomi-tls-"))
        authority = Authority(folder)
        own = authority.issue("server")
        tls = (
            "--tls-cert-file", str(own.cert), "--tls-key-file", str(own.key), "--tls-ca-cert-file", str(authority.file),
            "--tls-replication", "yes",
        )  # fmt: skip
        primary, port, watcher = stack.enter_context(farm.made(Kind.REDIS_7)), free_port(), free_port()
        primary.extra = ("--tls-port", str(port), *tls)
        primary.start()
        words = [f"{name.removeprefix('--')} {value}" for name, value in zip(*[iter(tls)] * 2, strict=True)]
        process = _sentinel(
            Kind.REDIS_7, folder / "sentinel", watcher, port, 1, (*words, "port 0", f"tls-port {watcher}")
        )
        stack.callback(_end, process)
        ours = authority.issue("worker")
        login = {"sentinel_service": SERVICE, "sentinel_password": SENTINEL_PASSWORD, "password": PASSWORD}
        files = {"tls": True, "tls_ca": authority.file, "tls_cert": ours.cert, "tls_key": ours.key}
        settings = RedisSection.model_validate({"sentinels": [f"127.0.0.1:{watcher}"]} | login | files)
        client = queue_client(settings)
        until(lambda: _serves(client))
        assert where(client) == f"127.0.0.1:{port} ({SERVICE})"
        client.close()
        with admin(primary) as backend:
            whole_life(settings, backend)


def _serves(client: redis.Redis) -> bool:
    try:
        require_fit(client)
    except RedisUnavailable:
        return False
    return True
