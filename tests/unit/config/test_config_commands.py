from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from lomi_ops import resources
from lomi_ops.cli.main import run
from lomi_ops.config import paths
from lomi_ops.config.example import example
from lomi_ops.config.keys import leaves


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
    digest = hashlib.sha256(b"geheim77").hexdigest()[:4]

    assert run(["config", "show", "--origin", "--changed", "--env-file", "prod.env"]) == 0
    out = capsys.readouterr().out
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines() if line.strip()}
    assert rows["models.nsfw"] == f"a, b {tmp_path}/lomi.yaml:1"
    assert rows["redis.tls"] == f"true {tmp_path}/lomi.yaml:2"
    origin = f"{tmp_path}/prod.env:1 REDIS_PASSWORD"
    assert rows["redis.password"] == f"set (sha256:{digest}…, from {origin}) {origin}"
    assert "geheim77" not in out
    assert "worker.slots" not in rows


def test_show_as_json_has_every_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("lomi.yaml").write_text("redis: {url: 'redis://:geheim77@h', password: x}\nstack: {data: d}\n")

    assert run(["config", "show", "-o", "json"]) == 0
    captured = capsys.readouterr()
    body = json.loads(captured.out)
    assert body["schema"] == "lomi.config/v1"
    assert body["files"] == {"config": f"{tmp_path}/lomi.yaml", "env_file": None, "stack": None}
    assert list(body["settings"]) == [".".join(key) for key, _ in leaves()]
    assert body["settings"]["worker.slots"] == {"value": 1, "origin": "default"}
    assert body["settings"]["stack.data"]["value"] == f"{tmp_path}/d"
    assert body["settings"]["redis.url"]["value"].startswith("sha256:")
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
