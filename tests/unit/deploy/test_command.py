"""`lomi deploy render|secrets` as they are typed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from tests.commands import Lomi

ENV_FILE = """\
REDIS_HOST=redis
REDIS_PASSWORD=pa$$word"with'signs
DB_HOST=postgres
DB_USER=lomi
DB_NAME=lomi_db
DB_PASSWORD=geheim88
S3_ENDPOINT=https://r2.test
S3_ACCESS_KEY=key-id-1
S3_SECRET_KEY=key-of-it
"""


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    path = tmp_path / ".env.production"
    path.write_text(ENV_FILE)
    return path


def test_without_a_folder_the_file_goes_to_stdout_and_nothing_else_does(lomi: Lomi) -> None:
    said = lomi("deploy", "render", "compose")

    assert said.code == 0
    assert "moderator-worker" in yaml.safe_load(said.out)["services"]
    assert said.err == ""


def test_a_profile_changes_no_command_inside_a_file(lomi: Lomi, tmp_path: Path) -> None:
    (tmp_path / "lomi.yaml").write_text("profiles:\n  staging: {docker: {project: stage}}\n")

    said = lomi("deploy", "render", "cron", "--env", "staging", "--env-file", "/dev/null")

    assert "lomi --env" not in said.out


def test_kubernetes_on_stdout_is_what_kubectl_takes(lomi: Lomi) -> None:
    said = lomi("deploy", "render", "kubernetes", "--workers", 3)

    kinds = [each["kind"] for each in yaml.safe_load_all(said.out)]
    assert kinds[:2] == ["Namespace", "ConfigMap"]
    assert "Kustomization" not in kinds


def test_files_are_written_listed_and_left_alone_the_second_time(lomi: Lomi, tmp_path: Path) -> None:
    first = lomi("deploy", "render", "systemd", "--out", tmp_path / "units")
    again = lomi("deploy", "render", "systemd", "--out", tmp_path / "units", "-o", "json")

    assert (first.code, again.code) == (0, 0)
    names = sorted(path.name for path in (tmp_path / "units").iterdir())
    assert "lomi-worker@.service" in names
    assert [Path(line.split()[1]).name for line in sorted(first.out.splitlines())] == names
    assert {each["change"] for each in again.document["files"]} == {"same"}
    assert again.document["schema"] == "lomi.deploy.render/v1"
    assert stat.S_IMODE((tmp_path / "units" / names[0]).stat().st_mode) == 0o644


def test_what_is_there_and_differs_stays_unless_it_is_forced(lomi: Lomi, tmp_path: Path) -> None:
    lomi("deploy", "render", "compose", "--out", tmp_path)
    path = tmp_path / "docker-compose.prod.yml"
    path.write_text(path.read_text() + "# my own words\n")

    refused = lomi("deploy", "render", "compose", "--out", tmp_path, "--workers", 6)
    shown = lomi("deploy", "render", "compose", "--out", tmp_path, "--workers", 6, "--dry-run")

    assert refused.code == 5
    assert "docker-compose.prod.yml in" in refused.err
    assert "--force" in refused.err
    assert "-# my own words" in shown.out
    assert "LOMI_WORKERS:-6" in shown.out
    assert "would write 1 file of 1" in shown.err
    assert "my own words" in path.read_text()

    assert lomi("deploy", "render", "compose", "--out", tmp_path, "--workers", 6, "--force").code == 0
    assert "my own words" not in path.read_text()


def test_one_file_that_differs_keeps_all_from_being_written(lomi: Lomi, tmp_path: Path) -> None:
    (tmp_path / "lomi-worker@.service").write_text("mine\n")

    assert lomi("deploy", "render", "systemd", "--out", tmp_path).code == 5
    assert [path.name for path in tmp_path.iterdir()] == ["lomi-worker@.service"]


@pytest.mark.parametrize("words", [("--dry-run",), ("--force",)])
def test_options_about_a_folder_need_one(lomi: Lomi, words: tuple[str, ...]) -> None:
    said = lomi("deploy", "render", "compose", *words)

    assert said.code == 2
    assert "--out DIR" in said.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("compose", "--image", "Lomi Worker"), "--image"),
        (("systemd", "--user", "lomi\nExecStart=/bin/sh"), "--user"),
        (("kubernetes", "--workers", "20", "--max-workers", "10"), "--max-workers 20"),
        (("kubernetes", "--workers", "5000", "--max-workers", "5000"), "--workers 4"),
    ],
)
def test_bad_input_is_one_sentence_and_the_option(lomi: Lomi, words: tuple[str, ...], hint: str) -> None:
    said = lomi("deploy", "render", *words)

    assert said.code == 2
    assert said.out == ""
    assert f"try: {hint}" in said.err


def test_a_folder_that_cannot_be_made_is_said(lomi: Lomi, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    said = lomi("deploy", "render", "compose", "--out", tmp_path / "file" / "below")

    assert said.code == 3
    assert "--out DIR" in said.err


def test_each_password_becomes_a_file_that_only_its_owner_reaches(lomi: Lomi, env_file: Path, tmp_path: Path) -> None:
    said = lomi("deploy", "secrets", "--env-file", env_file, "--out", tmp_path / "secrets")

    assert said.code == 0
    assert "geheim88" not in said.out + said.err
    found = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert found == {
        "redis_password": "pa$$word\"with'signs",
        "db_password": "geheim88",
        "s3_access_key": "key-id-1",
        "s3_secret_key": "key-of-it",
    }
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_what_is_read_back_from_the_files_is_what_was_in_the_env_file(
    lomi: Lomi, env_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lomi("deploy", "secrets", "--env-file", env_file, "--out", tmp_path / "secrets")
    before = lomi("config", "show", "--env-file", env_file, "-o", "json").document
    names = ("REDIS_PASSWORD", "DB_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY")
    lines = [line for line in ENV_FILE.splitlines() if not line.startswith(names)]
    lines += [f"{name}_FILE={tmp_path}/secrets/{name.lower()}" for name in names]
    env_file.write_text("\n".join(lines))

    after = lomi("config", "show", "--env-file", env_file, "-o", "json").document

    def passwords(document: dict[str, object]) -> list[object]:
        return [value for key, value in sorted(_flat(document)) if "password" in key or "_key" in key]

    assert passwords(after) == passwords(before)


def _flat(value: object, key: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [pair for name, inner in value.items() if name != "origin" for pair in _flat(inner, f"{key}.{name}")]
    if isinstance(value, list):
        return [pair for inner in value for pair in _flat(inner, key)]
    return [(key, str(value))]


def test_passwords_that_are_missing_are_all_named(lomi: Lomi, tmp_path: Path) -> None:
    (tmp_path / "empty.env").write_text("REDIS_HOST=redis\nREDIS_PASSWORD=geheim77\n")

    said = lomi("deploy", "secrets", "--env-file", tmp_path / "empty.env")

    assert said.code == 2
    for name in ("DB_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY"):
        assert f"{name} is not set" in said.err
    assert not (tmp_path / "secrets").exists()
