"""What Compose reads, and what is written there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lomi_ops.domain.container import ComposeFile
from lomi_ops.ops.scale.lasting import How, Lasting, lasting, variable_of, with_variable

COMPOSE = """
x-worker: &worker
  image: worker:1
  scale: ${LOMI_WORKERS:-4}
services:
  redis: {image: "redis:7"}
  moderator-worker:
    <<: *worker
    environment: {A: "${B}"}
"""


def project(folder: Path, text: str = COMPOSE, env: str | None = None, *, version: str = "1.29.2") -> ComposeFile:
    (folder / "docker-compose.prod.yml").write_text(text)
    if env is not None:
        (folder / ".env.production").write_bytes(env.encode())
    files = (str(folder / "docker-compose.prod.yml"),)
    return ComposeFile(str(folder), files, (str(folder / ".env.production"),), version)


def found(compose: ComposeFile, count: int = 6, environ: dict[str, str] | None = None) -> Lasting:
    return lasting("app", compose, "moderator-worker", count, environ or {})


def test_the_variable_is_written_and_everything_else_stays(tmp_path: Path) -> None:
    env = "# the cluster\nREDIS_PASSWORD='a#b=c'\nexport LOMI_WORKERS=4 # four\r\nB=1"
    what = found(project(tmp_path, env=env))
    file = tmp_path / ".env.production"
    file.chmod(0o640)

    assert (what.how, what.file, what.variable, what.count) == (How.WRITES, file, "LOMI_WORKERS", 6)
    assert file.read_bytes().decode() == env, "looking changes nothing"

    what.apply()

    assert file.read_bytes().decode() == env.replace("LOMI_WORKERS=4", "LOMI_WORKERS=6")
    assert file.stat().st_mode & 0o777 == 0o640
    assert found(project(tmp_path)).how is How.AGREES
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".env.production.")] == []


def test_a_variable_that_is_not_there_is_added_at_the_end(tmp_path: Path) -> None:
    found(project(tmp_path, env="B=1")).apply()

    assert (tmp_path / ".env.production").read_text() == "B=1\nLOMI_WORKERS=6\n"


def test_the_default_file_is_made_where_there_is_none(tmp_path: Path) -> None:
    compose = project(tmp_path)

    found(ComposeFile(compose.folder, compose.files)).apply()

    assert (tmp_path / ".env").read_text() == "LOMI_WORKERS=6\n"
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_what_a_link_points_to_is_changed_and_not_the_link(tmp_path: Path) -> None:
    compose = project(tmp_path)
    (tmp_path / "real").write_text("LOMI_WORKERS=4\n")
    (tmp_path / ".env.production").symlink_to(tmp_path / "real")

    found(compose).apply()

    assert (tmp_path / ".env.production").is_symlink()
    assert (tmp_path / "real").read_text() == "LOMI_WORKERS=6\n"


@pytest.mark.parametrize("text", ["${N}", "$N", "${N:-4}", "${N-4}", " ${N:-4} "])
def test_a_number_that_is_a_variable_as_a_whole_is_known(text: str) -> None:
    assert variable_of(text) == "N"


@pytest.mark.parametrize("text", ["4", "", "${N}${M}", "1${N}", "$$N", "${N:?say how many}", "${N:-${M}}"])
def test_any_other_number_is_for_a_person_to_change(text: str) -> None:
    assert variable_of(text) == ""


def test_a_number_in_the_file_itself_is_told_with_the_command_that_keeps_it(tmp_path: Path) -> None:
    compose = project(tmp_path, COMPOSE.replace("scale: ${LOMI_WORKERS:-4}", "deploy: {replicas: 4}"))

    what = found(compose)

    assert what.how is How.COMMAND
    assert "says 4" in what.why
    assert what.command == (
        f"docker-compose -p app -f {tmp_path}/docker-compose.prod.yml --env-file {tmp_path}/.env.production"
        " up -d --no-recreate --scale moderator-worker=6"
    )
    assert found(compose, 4).how is How.AGREES
    assert found(project(tmp_path, version="2.24.0")).command.startswith("docker compose -p app")


def test_the_last_file_that_says_how_many_wins(tmp_path: Path) -> None:
    compose = project(tmp_path, env="")
    over = tmp_path / "over.yml"
    over.write_text("services: {moderator-worker: {scale: 6}}")
    more = tmp_path / "more.yml"
    more.write_text("services: {moderator-worker: {image: other}}")

    assert (
        found(ComposeFile(compose.folder, (*compose.files, str(over), str(more)), compose.env_files)).how is How.AGREES
    )


def test_what_cannot_be_read_here_is_told(tmp_path: Path) -> None:
    missing = ComposeFile("/srv/elsewhere", ("/srv/elsewhere/docker-compose.prod.yml",))
    broken = project(tmp_path, "services: [")

    assert "cannot be read here" in found(missing).why
    assert "is not valid YAML" in found(broken).why
    assert "no Compose file" in found(ComposeFile()).why
    assert {found(each).how for each in (missing, broken)} == {How.COMMAND}


def test_a_variable_of_the_shell_wins_and_that_is_told(tmp_path: Path) -> None:
    what = found(project(tmp_path, env=""), environ={"LOMI_WORKERS": "5"})

    assert (what.how, "set in this shell" in what.why) == (How.COMMAND, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_file_that_this_user_may_not_write_is_left_alone(tmp_path: Path) -> None:
    from tests.services import open_folder

    with open_folder("lomi-env-") as folder:
        compose = project(folder, env="LOMI_WORKERS=4\n")
        (folder / ".env.production").chmod(0o644)
        os.seteuid(65534)
        try:
            what = found(compose)
        finally:
            os.seteuid(0)

    assert (what.how, "cannot be written by this user" in what.why) == (How.COMMAND, True)


def test_a_value_over_several_lines_is_no_place_for_a_line_of_ours() -> None:
    text = "KEY='-----\nLOMI_WORKERS=2\n-----'\n"

    assert with_variable(text, "LOMI_WORKERS", "6") == text + "LOMI_WORKERS=6\n"


@pytest.mark.parametrize(
    "line", ["LOMI_WORKERS=4\n", "LOMI_WORKERS='4'\n", 'LOMI_WORKERS = "4" # old\n', "LOMI_WORKERS=\n"]
)
def test_however_it_is_written_it_is_written_anew(line: str) -> None:
    from lomi_ops.ops.scale.lasting import _values

    assert _values(with_variable(f"A=1\n\n# c\n{line}B=2\n", "LOMI_WORKERS", "6")) == {
        "A": "1", "LOMI_WORKERS": "6", "B": "2",
    }  # fmt: skip
