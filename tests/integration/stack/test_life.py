"""A stack is started, found, hurt, mended and ended."""

from __future__ import annotations

import json
import os
import signal
import socket
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import redis

from lomi_ops.errors import LockHeld, StackError
from lomi_ops.ops.local import arrival, files, ports, process, record, stack
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.record import PartState
from lomi_ops.ops.local.redis import ping
from lomi_ops.ops.local.supervisor import supervise
from lomi_ops.queue.workers import WorkerInfo, WorkerRegistry
from tests.integration.stack.conftest import Stack, until

pytestmark = pytest.mark.timeout(180)


def query(one: Stack, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(one.state().database_url(), autocommit=True) as session:
        cursor = session.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


def client(one: Stack, *, text: bool = True) -> redis.Redis:
    return redis.Redis.from_url(one.state().redis_url(), decode_responses=text)


def test_up_gives_services_that_answer_and_a_prepared_database(running: Stack) -> None:
    status = running.status()
    assert status.healthy
    assert [part.state for part in status.parts] == [PartState.RUNNING] * 4
    assert query(running, "SELECT count(*) FROM media") == [(0,)]
    with client(running) as server:
        settings = server.config_get("*")
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["save"] == ""
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["bind"] == "127.0.0.1"
    assert Path(settings["dir"]) == running.layout.redis
    assert query(running, "SHOW unix_socket_directories") == [("",)]
    assert query(running, "SHOW listen_addresses") == [("127.0.0.1",)]
    assert query(running, "SHOW server_encoding") == [("UTF8",)]


def test_both_services_want_their_password(running: Stack) -> None:
    current = running.state()
    assert ping(current.redis_port, current.redis_password)
    assert not ping(current.redis_port, "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(replace(current, postgres_password="wrong").database_url())


def test_a_second_up_finds_the_first(running: Stack) -> None:
    before = running.status()
    after = running.up()
    assert [part.pid for part in after.parts] == [part.pid for part in before.parts]


def test_up_with_another_number_starts_and_drains_workers(running: Stack) -> None:
    (first,) = running.status().workers
    more = running.up(3)
    assert [worker.name for worker in more.workers] == ["worker-1", "worker-2", "worker-3"]
    assert len({worker.pid for worker in more.workers}) == 3
    running.up(1)
    until(lambda: len(running.status().workers) == 1, "surplus workers are gone")
    assert running.status().workers[0].pid == first.pid
    assert "SIGKILL" not in running.layout.log("supervisor").read_text()


@pytest.mark.parametrize("name", ["redis", "postgres", "worker-1"])
def test_a_killed_part_comes_back_and_the_others_stay(running: Stack, name: str) -> None:
    before = {part.name: part for part in running.status().parts}
    running.kill(before[name])
    running.recovered(name, before[name])
    after = {part.name: part for part in running.status().parts}
    assert after[name].restarts >= 1
    assert after[name].error == "killed by SIGKILL"
    assert all(after[other].pid == before[other].pid for other in before if other != name)


def test_the_queue_is_told_how_a_worker_ended(running: Stack) -> None:
    (worker,) = running.status().workers
    with client(running, text=False) as server:
        registry = WorkerRegistry(server)
        registry.register(WorkerInfo("boot", socket.gethostname(), worker.pid or 0, "0", 1))

        running.kill(worker)

        until(lambda: server.hget(registry.keys.worker("boot"), "exit") == b"killed by SIGKILL", "it is told")
    running.recovered(worker.name, worker)


def test_a_new_supervisor_takes_over_what_a_killed_one_left(running: Stack) -> None:
    before = running.status()
    running.kill(before.supervisor)
    left = running.status()
    assert left.supervisor.state is PartState.STOPPED
    assert not left.healthy
    assert left.redis.pid == before.redis.pid
    after = running.up()
    assert after.healthy
    assert after.supervisor.pid != before.supervisor.pid
    assert [part.pid for part in after.parts[1:]] == [part.pid for part in before.parts[1:]]


def test_parts_that_died_without_a_supervisor_are_started_by_the_next_up(running: Stack) -> None:
    query(running, "CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept VALUES (1)")
    with client(running) as server:
        server.set("kept", "yes")
        server.waitaof(1, 0, 5000) if "valkey" in running.state().redis_program else None
    before = running.status()
    for part in before.parts:
        running.kill(part)
    dead = running.status()
    assert {part.state for part in dead.parts} == {PartState.STOPPED}
    after = running.up()
    assert after.healthy
    assert not {part.pid for part in after.parts} & {part.pid for part in before.parts}
    assert query(running, "SELECT n FROM kept LIMIT 1") == [(1,)]
    with client(running) as server:
        assert server.get("kept") == "yes"


def test_a_stray_of_a_supervisor_that_could_not_note_it_is_adopted(running: Stack) -> None:
    before = running.status()
    running.kill(before.supervisor)
    noted = record.read(running.layout)
    record.write(running.layout, replace(noted, parts=()))
    after = running.up()
    assert [part.pid for part in after.parts[1:]] == [part.pid for part in before.parts[1:]]


def test_down_ends_everything_also_without_a_supervisor_and_up_finds_the_data(running: Stack) -> None:
    query(running, "CREATE TABLE IF NOT EXISTS across (n int); INSERT INTO across VALUES (7)")
    with client(running) as server:
        server.lpush("across", "7")
    running.kill(running.status().supervisor)
    assert running.down() == ("redis", "postgres", "worker-1")
    assert running.alive() == []
    stopped = running.status()
    assert not stopped.healthy
    assert stopped.redis.state is stopped.postgres.state is stopped.supervisor.state is PartState.STOPPED
    assert running.down() == ()
    assert running.up().healthy
    assert query(running, "SELECT n FROM across LIMIT 1") == [(7,)]
    with client(running) as server:
        assert server.lrange("across", 0, -1) == ["7"]
    assert running.down() == ("redis", "postgres", "worker-1")
    assert "database system is shut down" in running.layout.log("postgres").read_text()


def test_stale_pid_files_are_no_obstacle(running: Stack) -> None:
    """The recorded pids belong to a living program that is not ours: this one."""
    running.down()
    me = os.getpid()
    pid_file = running.layout.postgres_data / "postmaster.pid"
    pid_file.write_text(f"{me}\n{running.layout.postgres_data}\n1\n5432\n\n127.0.0.1\n")
    (running.layout.redis / "redis.pid").write_text(f"{me}\n")
    identity = process.identify(me)
    assert identity is not None
    recycled = replace(identity, started=identity.started - 1)
    parts = tuple(
        record.PartRecord(name, PartState.RUNNING, recycled, 1.0) for name in ("redis", "postgres", "worker-1")
    )
    record.write(running.layout, record.StackRecord(recycled, 1.0, "0", 1, parts=parts))
    assert running.alive() == []
    after = running.up()
    assert after.healthy
    assert me not in {part.pid for part in after.parts}


def test_a_port_taken_by_somebody_else_is_left_to_them(running: Stack) -> None:
    running.down()
    before = running.state()
    with socket.socket() as redis_thief, socket.socket() as postgres_thief:
        for thief, port in ((redis_thief, before.redis_port), (postgres_thief, before.postgres_port)):
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            thief.bind(("127.0.0.1", port))
            thief.listen()
        status = running.up()
        assert status.healthy
        assert status.redis.port != before.redis_port
        assert status.postgres.port != before.postgres_port
        assert query(running, "SELECT 1") == [(1,)]
    assert running.state().redis_password == before.redis_password


def test_workers_follow_a_service_that_had_to_move(running: Stack) -> None:
    before = running.status()
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        supervisor = before.supervisor.pid
        assert supervisor is not None
        os.kill(supervisor, signal.SIGSTOP)  # so that the port can be taken before it looks
        try:
            running.kill(before.redis)
            port = before.redis.port
            assert port is not None
            until(lambda: seized(thief, port), "the killed server lets go of its port")
            thief.listen()
        finally:
            os.kill(supervisor, signal.SIGCONT)
        moved = running.recovered("redis", before.redis)
        assert moved.port != before.redis.port
        until(lambda: running.status().healthy and len(running.status().workers) == 1, "the new worker is alone")
    (worker,) = running.status().workers
    assert worker.pid != before.workers[0].pid
    assert f"LOMI_REDIS_URL={running.state().redis_url()}" in seen_by(running, worker.pid)


def seized(thief: socket.socket, port: int) -> bool:
    """A killed process keeps its sockets for a moment."""
    try:
        thief.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def seen_by(one: Stack, pid: int | None) -> str:
    return (one.layout.objects / f"seen-by-{pid}").read_text()


def test_workers_never_see_the_services_of_another_place(running: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    running.down()
    for name in ("REDIS_HOST", "LOMI_REDIS__HOST", "DB_HOST", "S3_ENDPOINT", "LOMI_OBJECTS__ENDPOINT"):
        monkeypatch.setenv(name, "production.example")
    monkeypatch.setenv("LOMI_REDIS_URL", "redis://production.example/0")
    monkeypatch.setenv("LOMI_COMPREFACE_URL", "http://faces.example:3000")
    (worker,) = running.up().workers
    seen = seen_by(running, worker.pid)
    assert "production.example" not in seen
    assert "LOMI_COMPREFACE_URL=http://faces.example:3000" in seen
    assert f"LOMI_DATABASE_URL={running.state().database_url()}" in seen
    assert f"LOMI_OBJECTS=file://{running.layout.objects}" in seen


def test_a_worker_that_cannot_start_fails_with_its_reason_and_does_not_spin(running: Stack) -> None:
    (sound,) = running.status().workers
    running.mode("broken")
    status = running.up(2)
    (broken,) = (worker for worker in status.workers if worker.name != sound.name)
    assert broken.state is PartState.FAILED
    assert broken.error == "ended with exit code 2: error: no NSFW model is installed"
    assert broken.restarts <= 5
    assert not status.healthy
    (running.layout.folder / "worker.mode").unlink()
    assert running.up().healthy


def test_a_worker_that_ignores_the_request_is_killed_after_its_grace(running: Stack) -> None:
    one = Stack(running.layout, grace_s=0.1)
    one.down()
    one.mode("stubborn")
    one.up(1)
    worker = record.read(one.layout).part("worker-1")
    assert worker is not None
    assert "worker-1" in one.down()
    assert not process.alive(worker.process)


def test_a_database_that_cannot_be_prepared_holds_the_workers_back_and_says_why(
    running: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival, "PATIENCE_S", 1.0)
    query(running, "UPDATE pg_database SET datallowconn = false WHERE datname = 'lomi'")
    running.down()
    with pytest.raises(StackError, match=r"could not be prepared.*not currently accepting connections") as caught:
        running.up()
    assert "supervisor.log" in caught.value.hint
    assert {worker.pid for worker in running.status().workers} == {None}
    assert running.status().error == caught.value.message
    with psycopg.connect(running.state().database_url("postgres"), autocommit=True) as admin:
        admin.execute("UPDATE pg_database SET datallowconn = true WHERE datname = 'lomi'")
    assert running.up().healthy


def test_a_service_that_cannot_start_is_an_error_with_its_reason(
    running: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival, "PATIENCE_S", 1.0)
    running.down()
    settings = running.layout.postgres_data / "postgresql.conf"
    text = settings.read_text()
    settings.write_text(text + "max_connections = lots\n")
    with pytest.raises(StackError, match=r"postgres does not start: .*exit code 1: .*FATAL") as caught:
        running.up()
    assert "postgres.log" in caught.value.hint
    assert running.status().postgres.state is PartState.FAILED
    settings.write_text(text)
    assert running.up().healthy


def test_status_and_record_hold_no_secret(running: Stack) -> None:
    current = running.state()
    shown = repr(running.status()) + repr(current) + repr(stack.connection(running.layout))
    shown += running.layout.record.read_text()
    shown += "".join(path.read_text(errors="replace") for path in running.layout.logs.iterdir())
    for part in running.status().parts:
        shown += Path(f"/proc/{part.pid}/cmdline").read_text()
    assert current.redis_password not in shown
    assert current.postgres_password not in shown


def test_private_files_are_private(running: Stack) -> None:
    for path in (running.layout.state, running.layout.record, running.layout.redis / "redis.conf"):
        assert path.stat().st_mode & 0o777 == 0o600, path
    for path in (running.layout.objects, running.layout.logs, running.layout.redis, running.layout.postgres):
        assert path.stat().st_mode & 0o777 == 0o700, path


def test_a_port_in_use_is_not_free(running: Stack) -> None:
    current = running.state()
    assert not ports.is_free(current.redis_port)
    assert not ports.is_free(current.postgres_port)


def test_a_second_supervisor_steps_back(running: Stack) -> None:
    with pytest.raises(LockHeld):
        supervise(running.layout)
    assert running.status().healthy


def test_up_waits_for_another_up_and_then_says_who_is_at_work(running: Stack) -> None:
    with files.locked(running.layout.command_lock, who="a test"), pytest.raises(LockHeld, match="lomi up"):
        stack.up(running.layout, wait_s=0.1)


def test_a_stack_of_another_version_is_restarted(running: Stack) -> None:
    before = running.status()
    current = record.read(running.layout)
    record.write(running.layout, replace(current, version="0.0.0"))
    said: list[str] = []
    after = running.up(say=said.append)
    assert after.healthy
    assert after.supervisor.pid != before.supervisor.pid
    assert any("another version" in line for line in said)


def test_logs_stay_bounded_while_the_stack_runs(running: Stack) -> None:
    log = running.layout.log("redis")
    with log.open("ab") as file:
        file.truncate(9 * 1024 * 1024)
    until(lambda: log.stat().st_size < 1024 * 1024, "the log is rotated")
    assert log.with_name("redis.log.1").stat().st_size >= 9 * 1024 * 1024


def test_a_removed_folder_ends_the_supervisor_and_its_parts(running: Stack) -> None:
    parts = [part.process for part in record.read(running.layout).parts]
    mark = running.layout.state.read_text()
    running.layout.state.unlink()
    until(lambda: not any(process.alive(part) for part in parts), "everything has ended")
    running.layout.state.write_text(mark)


def test_a_damaged_state_file_is_named_and_its_content_is_not(running: Stack) -> None:
    running.down()
    text = running.layout.state.read_text()
    body = json.loads(text)
    for damage in (text[:-30], json.dumps(body | {"redis_port": "x"}), json.dumps(body | {"schema": "lomi.stack/v9"})):
        running.layout.state.write_text(damage)
        with pytest.raises(StackError, match=r"stack\.json is damaged") as caught:
            running.status()
        assert body["redis_password"] not in str(caught.value) + caught.value.hint
    running.layout.state.write_text(text)
    assert running.up().healthy


def test_purge_removes_the_folder_and_nothing_else(running: Stack) -> None:
    beside = running.layout.folder.parent / "beside"
    beside.write_text("mine")
    (running.layout.objects / "photo.jpg").write_bytes(b"bytes")
    (running.layout.folder / "link").symlink_to(beside)
    running.down(purge=True)
    assert not running.layout.folder.exists()
    assert beside.read_text() == "mine"


def test_without_a_stack_everything_says_so(open_parent: Path) -> None:
    nothing = Layout(open_parent / "nothing")
    for act in (stack.status, stack.down, stack.connection):
        with pytest.raises(StackError, match="there is no stack in") as caught:
            act(nothing)
        assert caught.value.hint == "lomi up"
    assert not nothing.folder.exists()


def test_a_folder_with_other_things_is_neither_used_nor_purged(open_parent: Path) -> None:
    (open_parent / "thesis.txt").write_text("years of work")
    mode = open_parent.stat().st_mode
    with pytest.raises(StackError, match=r"not empty .* thesis\.txt"):
        stack.up(Layout(open_parent))
    (open_parent / "stack.json").write_text('{"name": "another program\'s"}')
    with pytest.raises(StackError, match="there is no stack"):
        stack.down(Layout(open_parent), purge=True)
    assert (open_parent / "thesis.txt").read_text() == "years of work"
    assert open_parent.stat().st_mode == mode


def test_a_stack_of_another_user_is_refused(open_parent: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a file of another user")
    layout = Layout(open_parent / "theirs")
    layout.folder.mkdir()
    layout.state.write_text('{"schema": "lomi.stack/v1"}')
    os.chown(layout.state, 65534, 65534)
    with pytest.raises(StackError, match="belongs to the user with the id 65534"):
        stack.up(layout)


def test_a_place_that_cannot_be_a_folder_is_a_clear_error(open_parent: Path) -> None:
    (open_parent / "file").write_text("")
    with pytest.raises(StackError, match="cannot use"):
        stack.up(Layout(open_parent / "file" / "stack"))
