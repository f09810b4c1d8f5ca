"""`lomi init` before real services: what it finds, what it writes, and what it leaves alone."""

from __future__ import annotations

import json
import os
import pty
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lomi_ops.ops.init import probes
from tests.acceptance.conftest import environment
from tests.integration.init.conftest import Lomi, Project
from tests.integration.ops.black_hole import black_hole

SCHEMA = "lomi.init/v1"


def written(project: Project) -> Path:
    return project.folder.parent / ".config" / "lomi" / "config.yaml"


def answers(document: dict[str, object]) -> dict[str, bool | None]:
    found = document["found"]
    assert isinstance(found, list)
    return {each["what"]: each["answers"] for each in found}


def test_it_finds_what_answers_and_writes_a_configuration_that_works(project: Project, lomi: Lomi) -> None:
    said = lomi("init", "--yes")

    path = written(project)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-2:] == [f"written: {path}", "next: lomi check"]
    assert said.out.count("answers: ") == 5
    assert f" {project.compose.name}:6 " in said.out, "relative to the folder where one is"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"env_file: {project.env}" in path.read_text()
    assert not [secret for secret in project.secrets if secret in path.read_text() + said.out]
    shown = lomi("config", "show", "-o", "json").document["settings"]
    assert shown["redis.host"]["value"] == "127.0.0.1"
    assert shown["redis.port"]["value"] == project.ports["redis"]
    assert shown["redis.password"]["origin"] == f"{project.env}:3 REDIS_PASSWORD"
    assert shown["backend.url"]["value"] == f"http://127.0.0.1:{project.ports['backend']}"
    assert shown["profile"] == {"value": "production", "origin": f"{path}:5"}
    assert lomi("queue", "stats").code == 0
    assert lomi("migrate", "verify").code == 1, "there is no table here yet, and Postgres said so"


def test_each_finding_has_its_source_and_what_was_heard(project: Project, lomi: Lomi) -> None:
    body = lomi("init", "--yes", "-o", "json").document

    assert (body["schema"], body["written"], body["missing"], body["profile"]) == (SCHEMA, True, [], "production")
    found = {each["what"]: each for each in body["found"]}
    assert found["Redis"]["origin"] == f"{project.compose}:6"
    assert found["Redis"]["detail"].startswith(("redis ", "valkey "))
    assert found["objects"]["origin"] == f"{project.env}:8 S3_ENDPOINT"
    assert found["CompreFace"]["detail"] == "core"
    assert found["workers"]["where"] == "moderator-worker x 4"


def test_a_second_run_changes_nothing(project: Project, lomi: Lomi) -> None:
    assert lomi("init", "--yes").code == 0
    before = written(project).stat()

    said = lomi("init", "--yes")
    assert (said.code, said.out.splitlines()[-2]) == (0, f"{written(project)} says all of this already")
    assert written(project).stat().st_mtime_ns == before.st_mtime_ns


def test_without_a_terminal_and_without_yes_it_only_shows(project: Project, lomi: Lomi) -> None:
    said = lomi("init")

    assert said.code == 0
    assert "  production:\n    colour: red" in said.out
    assert said.err == "nothing was written\n  try: lomi init --yes\n"
    assert not written(project).exists()
    assert lomi("init", "-o", "json").document["written"] is False
    assert lomi("init", "--yes", "--dry-run").code == 0
    assert not written(project).exists()


@pytest.mark.parametrize("part", ["redis", "postgres", "backend", "compreface"])
def test_a_service_that_is_down_is_told_and_written_all_the_same(
    project: Project, lomi: Lomi, part: str, nobody: int
) -> None:
    project.publish(**{part: nobody})

    body = lomi("init", "--yes", "-o", "json").document

    name = {"redis": "Redis", "postgres": "Postgres", "backend": "backend", "compreface": "CompreFace"}[part]
    assert [what for what, ok in answers(body).items() if ok is False] == [name]
    assert str(nobody) in body["yaml"]
    assert body["written"] is True


def test_wrong_passwords_are_heard_and_not_shown(project: Project, lomi: Lomi) -> None:
    text = project.env.read_text()
    for secret in project.secrets[:2]:
        text = text.replace(secret, f"wrong-{secret}")
    project.env.write_text(text)

    said = lomi("init")

    lines = {line.split()[0]: line for line in said.out.splitlines() if line.strip()}
    assert "WRONGPASS" in lines["Redis"]
    assert "password authentication failed" in lines["Postgres"]
    assert not [secret for secret in project.secrets if secret in said.out + said.err]


def test_a_missing_bucket_and_wrong_keys_are_heard(project: Project, lomi: Lomi) -> None:
    project.env.write_text(project.env.read_text() + "S3_BUCKET_PHOTOS=not-there\n")
    assert answers(lomi("init", "-o", "json").document)["objects"] is False
    project.env.write_text(project.env.read_text().replace("S3_ACCESS_KEY=", "S3_ACCESS_KEY=foreign"))
    assert answers(lomi("init", "-o", "json").document)["objects"] is False


def test_services_that_accept_and_never_answer_do_not_hold_it_up(
    project: Project, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "LIMIT_S", 2.0)
    with black_hole() as hole:
        project.publish(**dict.fromkeys(("redis", "postgres", "backend", "compreface"), hole.port))
        body = lomi("init", "-o", "json").document

    silent = {each["what"]: each["detail"] for each in body["found"] if each["answers"] is False}
    assert (
        dict.fromkeys(("Redis", "Postgres", "backend", "CompreFace"), "no answer within 2 s").items() <= silent.items()
    )


def test_another_profile_is_added_beside_the_first_and_nothing_of_that_changes(project: Project, lomi: Lomi) -> None:
    assert lomi("init", "--yes").code == 0
    path = written(project)
    by_hand = path.read_text() + "\n# ours\nworker: {slots: 3}\n"
    path.write_text(by_hand)
    staging = project.folder / ".env.staging"
    staging.write_text(project.env.read_text())

    said = lomi("init", "--env", "staging", "--env-file", staging, "--yes")

    assert (said.code, said.out.splitlines()[-1]) == (0, "next: lomi --env staging check")
    assert [line for line in by_hand.splitlines() if line not in path.read_text().splitlines()] == []
    assert lomi("--env", "staging", "queue", "stats").code == 0
    shown = lomi("config", "show", "-o", "json").document["settings"]
    assert (shown["profile"]["value"], shown["worker.slots"]["value"]) == ("production", 3)


def test_a_profile_that_differs_is_not_overwritten_without_force(project: Project, lomi: Lomi, nobody: int) -> None:
    assert lomi("init", "--yes").code == 0
    before = written(project).read_text()
    project.publish(redis=nobody)

    said = lomi("init", "--yes")

    assert (said.code, written(project).read_text()) == (5, before)
    assert said.err.splitlines()[-1].startswith("  try: lomi init --force")
    assert lomi("init", "--yes", "--force").code == 0
    assert f"port: {nobody}" in written(project).read_text()


def test_what_is_still_missing_is_told_with_exit_1(project: Project, lomi: Lomi) -> None:
    lines = project.env.read_text().splitlines(keepends=True)
    project.env.write_text("".join(line for line in lines if not line.startswith(("DB_NAME", "S3_SECRET"))))

    said = lomi("init", "--yes")

    assert said.code == 1
    missing = [line for line in said.out.splitlines() if line.startswith("missing: ")]
    assert len(missing) == 2
    assert "DB_NAME" in missing[0]
    assert "S3_SECRET_KEY" in missing[1]


def test_only_a_compose_file_is_enough_to_begin_with(project: Project, lomi: Lomi) -> None:
    project.env.unlink()
    body = lomi("init", "--yes", "-o", "json").document

    assert (body["env_file"], body["profile"], body["written"]) == (None, "main", True)
    assert "docker-compose.prod.yml refers to what nobody has set: REDIS_PASSWORD" in body["notes"]
    assert any("DB_PASSWORD" in problem for problem in body["missing"])


def test_with_nothing_to_look_at_it_says_what_to_name(lomi: Lomi) -> None:
    said = lomi("init")

    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines()[-1].startswith("  try: lomi init --env-file FILE --compose FILE")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--env-file", "no.env"), "there is no env file"),
        (("--compose", "no.yml"), "there is no Compose file"),
        (("--env", "Not A Name"), "a profile must be a name of small letters"),
    ],
)
def test_what_cannot_be_is_told(project: Project, lomi: Lomi, words: tuple[str, ...], told: str) -> None:
    said = lomi("init", *words)

    assert (said.code, said.out) == (2, "")
    assert told in said.err


def test_a_folder_that_cannot_be_written_is_told(project: Project, lomi: Lomi) -> None:
    said = lomi("init", "--yes", "--config", project.env / "config.yaml")

    assert said.code == 2
    assert f"cannot be written: {project.env} is a file" in said.err
    assert list(project.folder.glob(".config*")) == []


def test_a_symbolic_link_stays_one(project: Project, lomi: Lomi) -> None:
    real = project.folder / "real.yaml"
    link = project.folder / "link.yaml"
    link.symlink_to(real)

    assert lomi("init", "--yes", "--config", link).code == 0
    assert link.is_symlink()
    assert "production:" in real.read_text()


def ask(project: Project, keys: bytes) -> tuple[int, str]:
    """The command on a terminal, with these keys pressed when it asks."""
    ours, theirs = pty.openpty()
    environ = environment(HOME=str(project.folder.parent), TERM="xterm") | {"COLUMNS": "120"}
    running = subprocess.Popen(
        [sys.executable, "-m", "lomi_ops", "init"], env=environ, cwd=project.folder,
        stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    seen, pressed = b"", False
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if b"[y/N]" in seen and not pressed:
            pressed = True
            if keys == b"\x03":
                running.send_signal(signal.SIGINT)
            else:
                os.write(ours, keys)
        try:
            chunk = os.read(ours, 65536)
        except OSError:
            break
        seen += chunk
    os.close(ours)
    return running.wait(60), seen.decode()


def test_on_a_terminal_it_asks_and_shows_the_profile_in_its_colour(project: Project) -> None:
    code, seen = ask(project, b"y\n")

    assert code == 0
    assert f"profile \x1b[7;31m production \x1b[0m: write it to {written(project)}? [y/N]" in seen
    assert written(project).exists()


@pytest.mark.parametrize(("keys", "code"), [(b"n\n", 5), (b"\n", 5), (b"\x04", 5), (b"\x03", 130)])
def test_everything_but_a_yes_is_a_no(project: Project, keys: bytes, code: int) -> None:
    assert ask(project, keys)[0] == code
    assert not written(project).exists()


def test_a_file_that_appears_in_between_is_not_overwritten(project: Project, lomi: Lomi, tmp_path: Path) -> None:
    from lomi_ops.errors import Refused
    from lomi_ops.ops.init import files

    path = tmp_path / "config.yaml"
    path.write_text("theirs")
    for before in (None, "what was there a moment ago"):
        with pytest.raises(Refused, match="changed in between"):
            files.write(path, "ours", before)
    assert path.read_text() == "theirs"
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".config.yaml")] == []


def test_the_written_file_is_whole_json_safe_yaml(project: Project, lomi: Lomi) -> None:
    strange = project.folder / "with: colon # and hash"
    strange.mkdir()
    env = strange / ".env.production"
    env.write_text(project.env.read_text())

    assert lomi("init", "--yes", "--env-file", env).code == 0
    shown = json.loads(lomi("config", "show", "-o", "json").out)
    assert shown["files"]["env_file"] == str(env)
