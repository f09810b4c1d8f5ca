from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from lomi_ops import resources
from lomi_ops.cli.main import run
from lomi_ops.config import paths
from lomi_ops.config.example import example
from lomi_ops.config.keys import leaves
from tests.unit.config.test_finding_services import make_stack


@pytest.fixture(autouse=True)
def quiet_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(paths, "SYSTEM_CONFIG", tmp_path / "no.yaml")
    monkeypatch.setattr(paths, "SYSTEM_DATA", tmp_path / "no")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def test_show_names_each_value_and_where_it_is_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("lomi.yaml").write_text("models: {nsfw: [a, b]}\nredis: {tls: yes}\n")
    Path("prod.env").write_text("REDIS_PASSWORD=geheim77\n")

    assert run(["config", "show", "--origin", "--changed", "--env-file", "prod.env"]) == 0
    out = capsys.readouterr().out
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines() if line.strip()}
    assert rows["models.nsfw"] == f"a, b {tmp_path}/lomi.yaml:1"
    assert rows["redis.tls"] == f"true {tmp_path}/lomi.yaml:2"
    assert rows["redis.password"] == f"set {tmp_path}/prod.env:1 REDIS_PASSWORD"
    assert "geheim77" not in out
    assert "worker.slots" not in rows


def test_show_as_json_has_every_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("lomi.yaml").write_text("redis: {url: 'redis://:geheim77@h', password: x}\nstack: {data: d}\n")

    assert run(["config", "show", "-o", "json"]) == 0
    captured = capsys.readouterr()
    body = json.loads(captured.out)
    assert body["schema"] == "lomi.config/v1"
    assert body["files"] == {"config": f"{tmp_path}/lomi.yaml", "env_file": None, "stack": None}
    assert body["settings"]["profile"] == {"value": None, "origin": "default"}
    assert list(body["settings"]) == [".".join(key) for key, _ in leaves()]
    assert body["settings"]["worker.slots"] == {"value": 1, "origin": "default"}
    assert body["settings"]["stack.data"]["value"] == f"{tmp_path}/d"
    assert body["settings"]["redis.url"]["value"] == "set"
    assert body["settings"]["database.url"] == {"value": None, "origin": "default", "secret": True}
    assert "redis.password has no effect" in body["warnings"][0]
    assert "redis.password has no effect" in captured.err
    assert "geheim77" not in captured.out + captured.err


def test_show_tells_every_mistake_and_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    Path("lomi.yaml").write_text("redis: {hots: x}\nworker: {slot: 1}\n")

    assert run(["config", "show"]) == 2
    err = capsys.readouterr().err
    assert "2 mistakes in the settings" in err
    assert "did you mean redis.host?" in err
    assert "did you mean worker.slots?" in err


def test_the_schema_accepts_what_the_example_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)

    assert schema["$schema"].startswith("https://json-schema.org/")
    assert set(yaml.safe_load(example())) == set(schema["properties"])
    assert schema["$defs"]["RedisSection"]["properties"]["password"]["anyOf"][0]["writeOnly"] is True


def test_the_example_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "example"]) == 0
    assert capsys.readouterr().out == example()
    assert run(["config", "example", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["yaml"] == example()


@pytest.mark.parametrize("command", ["show", "schema", "example"])
def test_one_document_is_no_stream(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", command, "-o", "jsonl"]) == 2
    assert "jsonl" in capsys.readouterr().err


def test_shared_files_are_found_and_missing_ones_are_told() -> None:
    assert (resources.shared("templates")).is_dir()
    with pytest.raises(FileNotFoundError, match="no-such"):
        resources.shared("templates", "no-such.j2")


def test_without_origin_only_values_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "show"]) == 0
    out = capsys.readouterr().out
    assert "default" not in out.splitlines()[0] + out.splitlines()[2]
    assert any(line.split() == ["worker.slots", "1"] for line in out.splitlines())


def test_the_schema_of_a_profile_is_that_of_the_file_but_for_the_choice(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "schema"]) == 0
    properties = json.loads(capsys.readouterr().out)["properties"]
    profile = properties["profiles"]["additionalProperties"]

    assert profile["properties"].keys() == properties.keys() - {"profile", "profiles"}
    assert profile["additionalProperties"] is False


LINES = """\
profile: staging
worker: {slots: 2}
redis: {db: 1}
profiles:
  staging:
    env_file: staging.env
    log: {level: debug}
    redis: {host: from-profile}
"""


def test_every_source_is_named_as_the_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_stack(tmp_path / "stack")
    Path("lomi.yaml").write_text(LINES)
    Path("staging.env").write_text("# secrets\nREDIS_PASSWORD=geheim77\nDB_HOST=db\n")
    Path("key").write_text("geheim88")
    monkeypatch.setenv("S3_ENDPOINT", "s3")
    monkeypatch.setenv("S3_SECRET_KEY_FILE", "key")
    monkeypatch.setenv("LOMI_MODELS", "models")

    def origins(*more: str) -> dict[str, str]:
        assert run(["config", "show", "-o", "json", *more]) == 0
        captured = capsys.readouterr()
        assert "geheim" not in captured.out + captured.err
        return {key: value["origin"] for key, value in json.loads(captured.out)["settings"].items()}

    found = origins()
    assert found["worker.beat_s"] == "default"
    assert found["profile"] == f"{tmp_path}/lomi.yaml:1"
    assert found["worker.slots"] == f"{tmp_path}/lomi.yaml:2"
    assert found["log.level"] == f"{tmp_path}/lomi.yaml:7 profile staging"
    assert found["env_file"] == f"{tmp_path}/lomi.yaml:6 profile staging"
    assert found["redis.host"] == f"{tmp_path}/lomi.yaml:8 profile staging"
    assert found["redis.password"] == f"{tmp_path}/staging.env:2 REDIS_PASSWORD"
    assert found["database.host"] == f"{tmp_path}/staging.env:3 DB_HOST"
    assert found["objects.endpoint"] == "environment S3_ENDPOINT"
    assert found["objects.secret_key"] == "environment S3_SECRET_KEY_FILE"
    assert found["models.dir"] == "environment LOMI_MODELS"
    assert origins("--env", "staging")["profile"] == "command line"
    assert origins("--env-file", "staging.env")["env_file"] == "command line"
    on_a_stack = origins("--data", "stack")
    assert on_a_stack["redis.url"] == f"local stack {tmp_path}/stack"
    assert on_a_stack["stack.data"] == "command line"
    assert on_a_stack["profile"] == "default"


def test_a_secret_is_only_said_to_be_set(capsys: pytest.CaptureFixture[str]) -> None:
    Path("prod.env").write_text("REDIS_PASSWORD=geheim77\nLOMI_DATABASE_URL=postgresql://u:geheim88@h/d\n")

    assert run(["config", "show", "--origin", "--env-file", "prod.env"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[1] for row in rows if row and row[0] in ("redis.password", "database.url")] == ["set", "set"]
    assert [len(row) for row in rows if row and row[0] == "redis.sentinel_password"] == [2], "no value, and its origin"
