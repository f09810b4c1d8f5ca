"""The order in which a command finds its services, and what it says when it finds none or only some."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lomi_ops.config.stack_file import stack_values
from lomi_ops.errors import ConfigError
from lomi_ops.ops.local import state
from lomi_ops.ops.local.layout import Layout
from tests.unit.config.conftest import ALL, Machine

PRODUCTION = {
    "REDIS_HOST": "redis", "DB_HOST": "postgres", "DB_USER": "lomi", "DB_PASSWORD": "pw", "DB_NAME": "app",
    "S3_ENDPOINT": "r2.example.com", "S3_ACCESS_KEY": "key", "S3_SECRET_KEY": "secret",
}  # fmt: skip
CONFIGURED = "redis: {host: from-file}\ndatabase: {url: postgresql://u:p@h/d}\nobjects: {directory: /srv/o}\n"


def make_stack(folder: Path) -> state.Connection:
    """As `lomi up` leaves it."""
    layout = Layout(folder)
    folder.mkdir(parents=True)
    made = state.StackState(
        redis_port=7001, postgres_port=7002, redis_password="rp@/:%", postgres_password="p#p?", workers=1,
        service_user=None, redis_program="valkey-server", postgres_program="postgres",
    )  # fmt: skip
    state.save(layout, made)
    return state.connection(layout, made)


def test_what_lomi_up_writes_is_what_is_read(machine: Machine) -> None:
    layout = Layout(machine.data)
    machine.data.mkdir(parents=True)
    made = state.StackState(
        redis_port=7001, postgres_port=7002, redis_password="a1", postgres_password="b2", workers=1,
        service_user=None, redis_program="valkey-server", postgres_program="postgres",
    )  # fmt: skip
    state.save(layout, made)
    own = state.connection(layout, made)

    assert stack_values(machine.data) == {
        ("redis", "url"): own.redis_url,
        ("database", "url"): own.database_url,
        ("objects", "directory"): Path(own.objects.removeprefix("file://")),
    }


def test_the_default_stack_serves_when_nothing_is_configured(machine: Machine) -> None:
    make_stack(machine.data)
    loaded = machine.load(needs=ALL)

    assert loaded.stack == machine.data
    assert loaded.settings.objects.directory == machine.data / "objects"
    assert loaded.origins["redis.url"] == f"local stack {machine.data}"


def test_the_environment_comes_before_the_file_before_the_named_stack_before_the_default_one(machine: Machine) -> None:
    named = machine.cwd / "stack"
    make_stack(machine.data)
    make_stack(named)

    everything = machine.load(CONFIGURED, needs=ALL, environ={**PRODUCTION, "LOMI_DATA": str(named)})
    assert (everything.settings.redis.host, everything.stack) == ("redis", None)
    from_file = machine.load(CONFIGURED, needs=ALL, LOMI_DATA=str(named))
    assert (from_file.settings.redis.host, from_file.stack) == ("from-file", None)
    assert machine.load("", needs=ALL, LOMI_DATA=str(named)).stack == named
    assert machine.load("stack: {data: stack}", needs=ALL).stack == named
    assert machine.load("", needs=ALL).stack == machine.data


def test_a_stack_named_on_the_command_line_beats_variables_and_says_which(machine: Machine) -> None:
    folder = machine.cwd / "stack"
    make_stack(folder)
    loaded = machine.load(CONFIGURED, data=Path("stack"), needs=ALL, environ=PRODUCTION)

    assert loaded.stack == folder
    assert loaded.settings.redis.host is None
    assert loaded.settings.objects.directory == folder / "objects"
    assert loaded.warnings == tuple(
        f"environment {name} is ignored: --data {folder} was given" for name in ("REDIS_HOST", "DB_HOST", "S3_ENDPOINT")
    )


def test_variables_that_name_the_same_stack_are_no_contradiction(machine: Machine) -> None:
    make_stack(machine.data)
    values = stack_values(machine.data)
    assert values is not None
    loaded = machine.load(
        data=machine.data,
        needs=ALL,
        LOMI_REDIS_URL=str(values["redis", "url"]),
        LOMI_DATABASE_URL=str(values["database", "url"]),
        LOMI_OBJECTS=f"file://{machine.data}/objects",
    )
    assert (loaded.stack, loaded.warnings) == (machine.data, ())


def test_with_nothing_it_says_what_to_type(machine: Machine) -> None:
    with pytest.raises(ConfigError) as caught:
        machine.load(needs=ALL)

    assert str(caught.value) == (
        f"nothing says where redis, database and objects are, and there is no local stack in {machine.data}"
    )
    assert caught.value.hint.startswith("lomi up")
    assert "--env-file FILE or --config FILE" in caught.value.hint


@pytest.mark.parametrize(("data", "variable", "origin"), [(True, False, "command line"), (False, True, "environment")])
def test_a_named_stack_that_does_not_exist_is_told_with_the_command_that_makes_it(
    machine: Machine, data: bool, variable: bool, origin: str
) -> None:
    make_stack(machine.data)
    folder = machine.cwd / "nowhere"
    with pytest.raises(ConfigError) as caught:
        machine.load(needs=ALL, data=folder if data else None, environ={"LOMI_DATA": str(folder)} if variable else {})

    assert f"there is no local stack in {folder} ({origin}" in str(caught.value)
    assert caught.value.hint == f"lomi up --data {folder}"


def test_a_command_without_needs_runs_with_nothing(machine: Machine) -> None:
    assert machine.load(data=machine.cwd / "new").settings.stack.data == machine.cwd / "new"
    assert machine.load(S3_ENDPOINT="r2.example.com").settings.objects.access_key is None


def test_a_command_asks_only_for_what_it_needs(machine: Machine) -> None:
    make_stack(machine.data)
    assert machine.load(needs=frozenset({"redis"}), REDIS_HOST="cache").stack is None
    assert machine.mistakes(needs=frozenset({"database"}), REDIS_HOST="cache")[0].startswith(
        "database: is not configured, while redis is: missing DB_HOST (database.host), DB_USER"
    )


@pytest.mark.parametrize("lost", ["REDIS_HOST", "DB_HOST", "DB_USER", "DB_PASSWORD", "DB_NAME", "S3_ENDPOINT",
                                  "S3_ACCESS_KEY", "S3_SECRET_KEY"])  # fmt: skip
def test_a_partly_configured_environment_names_what_is_missing_beside_a_running_stack(
    machine: Machine, lost: str
) -> None:
    make_stack(machine.data)
    variables = {"REDIS_PASSWORD": "pw", **{name: value for name, value in PRODUCTION.items() if name != lost}}
    (problem,) = machine.mistakes(needs=ALL, environ=variables)

    assert f"missing {lost} (" in problem
    assert "is configured only in part" in problem


def test_an_empty_password_is_an_answer(machine: Machine) -> None:
    loaded = machine.load(
        env="DB_PASSWORD=\n", needs=ALL, environ={k: v for k, v in PRODUCTION.items() if k != "DB_PASSWORD"}
    )
    assert loaded.settings.database.password is None


def test_a_port_alone_is_no_configuration_in_a_file_but_it_is_one_in_the_environment(machine: Machine) -> None:
    make_stack(machine.data)
    assert machine.load("redis: {port: 6379}\n", needs=ALL).stack == machine.data
    assert "REDIS_HOST" in machine.mistakes(needs=ALL, REDIS_PORT="6379")[0]


def test_a_variable_with_a_similar_name_is_pointed_out(machine: Machine) -> None:
    variables = {"DB_PASS" if name == "DB_PASSWORD" else name: value for name, value in PRODUCTION.items()}
    (problem,) = machine.mistakes(needs=ALL, environ=variables)
    assert "DB_PASSWORD (database.password) [DB_PASS is set, but it is not read]" in problem


def test_links_that_kubernetes_sets_for_services_are_no_configuration(machine: Machine) -> None:
    make_stack(machine.data)
    links = {
        "REDIS_PORT": "tcp://10.0.0.1:6379", "REDIS_SERVICE_HOST": "10.0.0.1", "REDIS_PORT_6379_TCP": "tcp://10.0.0.1:1",
        "LOMI_REDIS_SERVICE_HOST": "10.0.0.1", "LOMI_REDIS_SERVICE_PORT_TCP_REDIS": "6379",
        "LOMI_REDIS_PORT": "tcp://10.0.0.1:6379", "LOMI_REDIS_PORT_6379_TCP_ADDR": "10.0.0.1",
    }  # fmt: skip
    loaded = machine.load(needs=ALL, environ=links)
    assert (loaded.stack, loaded.settings.redis.port) == (machine.data, 6379)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("{", "is damaged (JSONDecodeError)"),
        ("[]", "is damaged (TypeError)"),
        ('{"schema": "other/v1"}', "is damaged (ValueError)"),
        ('{"schema": "lomi.stack/v1"}', "is damaged (KeyError)"),
        (b"\xff", "cannot be read: UnicodeDecodeError"),
    ],
)
def test_a_damaged_stack_stops_only_a_command_that_needs_it(machine: Machine, content: str | bytes, what: str) -> None:
    machine.data.mkdir(parents=True)
    (machine.data / "stack.json").write_bytes(content if isinstance(content, bytes) else content.encode())

    assert machine.mistakes(needs=ALL) == (f"{machine.data}/stack.json: {what}",)
    assert machine.load().warnings == (f"{machine.data}/stack.json: {what}",)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_somebody_elses_stack_says_so(machine: Machine) -> None:
    make_stack(machine.data)
    (machine.data / "stack.json").chmod(0)
    assert "belongs to another user" in machine.mistakes(needs=ALL)[0]


def test_a_machine_without_a_home_has_no_default_stack(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", nobody)
    monkeypatch.setattr("lomi_ops.config.paths.os.geteuid", lambda: 1000)
    with pytest.raises(ConfigError, match=r"nothing says where redis is$"):
        machine.load(needs=frozenset({"redis"}), HOME="", XDG_DATA_HOME="")
