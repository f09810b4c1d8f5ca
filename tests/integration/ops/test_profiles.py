"""One configuration file for two clusters: where a change acts, what it says before, and what it proposes."""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from lomi_ops.cli import diagnostics
from lomi_ops.queue.jobs import JobQueue
from tests.acceptance.conftest import environment
from tests.acceptance.test_completion import push
from tests.integration.ops.conftest import Lomi


@pytest.fixture
def clients(redis_url: str) -> Iterator[dict[str, redis.Redis]]:
    """Two databases of one server stand for two clusters."""
    base = redis_url.rpartition("/")[0]
    found = {name: redis.Redis.from_url(f"{base}/{db}") for name, db in (("production", 1), ("staging", 2))}
    for client in found.values():
        client.flushdb()
    yield found
    for client in found.values():
        client.flushdb()
        client.close()


@pytest.fixture
def two(clients: dict[str, redis.Redis], redis_url: str, tmp_path: Path) -> dict[str, redis.Redis]:
    base = redis_url.rpartition("/")[0]
    (tmp_path / "lomi.yaml").write_text(
        "profiles:\n"
        f"  production: {{colour: red, redis: {{url: '{base}/1'}}}}\n"
        f"  staging: {{redis: {{url: '{base}/2'}}}}\n"
    )
    return clients


def paused(client: redis.Redis) -> bool:
    return JobQueue(client).stats().pause is not None


@pytest.mark.parametrize("line", ["--env staging queue pause", "queue pause --env staging"])
def test_a_change_acts_on_the_profile_and_says_so_first(two: dict[str, redis.Redis], lomi: Lomi, line: str) -> None:
    said = lomi(*line.split(), "--reason", "deploy")

    assert (said.code, said.err.splitlines()[0]) == (0, "profile: staging")
    assert said.out == "paused; 0 jobs still running. lomi --env staging queue resume\n"
    assert [name for name, client in two.items() if paused(client)] == ["staging"]


def test_a_leftover_variable_does_not_decide_where_a_change_acts(
    two: dict[str, redis.Redis], lomi: Lomi, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_REDIS_URL", f"{redis_url.rpartition('/')[0]}/1")

    said = lomi("queue", "pause", "--reason", "x", "--env", "staging")

    assert [name for name, client in two.items() if paused(client)] == ["staging"]
    assert "environment LOMI_REDIS_URL is ignored: --env staging was given" in said.err


def test_every_proposed_command_acts_where_this_one_did(two: dict[str, redis.Redis], lomi: Lomi) -> None:
    for number in range(12):
        push(JobQueue(two["production"]), f"job-{number}")

    refused = lomi("queue", "cancel", "--all", "--env", "production")
    assert refused.code == 5
    proposal = refused.err.splitlines()[-1].removeprefix("  try: ")
    assert proposal == "lomi --env production queue cancel --all --confirm-count 12"
    done = lomi(*shlex.split(proposal)[1:])
    assert done.code == 0
    back = done.out.strip().partition("to put back: ")[2]
    assert back.startswith("lomi --env production queue undo ")
    assert lomi(*shlex.split(back)[1:]).code == 0
    assert two["production"].llen("photo_moderation_queue") == 12
    assert two["staging"].keys() == []


def test_with_a_variable_the_proposals_are_as_they_are(
    two: dict[str, redis.Redis], lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_ENV", "staging")

    said = lomi("queue", "pause", "--reason", "x")
    assert said.err.splitlines()[0] == "profile: staging"
    assert said.out.endswith("lomi queue resume\n")


@pytest.mark.parametrize("chosen", ["flag", "variable"])
def test_an_answer_for_a_program_names_the_profile_that_it_is_about(
    two: dict[str, redis.Redis], lomi: Lomi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chosen: str
) -> None:
    config = tmp_path / "lomi.yaml"
    elsewhere = "database: {url: 'postgresql://a@127.0.0.1:9/x'}\nobjects: {directory: objects}\n"
    config.write_text(config.read_text() + elsewhere)
    flag = ("--env", "staging") if chosen == "flag" else ()
    if chosen == "variable":
        monkeypatch.setenv("LOMI_ENV", "staging")

    assert lomi("queue", "stats", "-o", "json", *flag).document["profile"] == "staging"
    checked = ("check", "--only", "redis.ping", *flag)
    assert lomi(*checked, "-o", "json").document["profile"] == "staging"
    assert lomi(*checked, "-o", "short").out.rstrip().endswith(", profile staging")
    assert 'lomi_check_exit_code{profile="staging"} ' in lomi(*checked, "-o", "prom").out


@pytest.mark.parametrize("line", ["down --purge", "status", "up", "env"])
def test_a_profile_that_is_no_local_stack_is_not_taken_for_the_default_one(
    two: dict[str, redis.Redis], lomi: Lomi, line: str
) -> None:
    said = lomi(*line.split(), "--env", "production")

    assert (said.code, said.out, said.err.splitlines()[0]) == (2, "", "error: profile production is no local stack")


def test_a_profile_may_be_a_local_stack(two: dict[str, redis.Redis], lomi: Lomi, tmp_path: Path) -> None:
    config = tmp_path / "lomi.yaml"
    config.write_text(f"{config.read_text()}  here: {{stack: {{data: stack}}}}\n")

    said = lomi("status", "--env", "here")
    assert (said.code, said.err) == (3, f"error: there is no stack in {tmp_path}/stack\n  try: lomi --env here up\n")


def test_who_only_looks_is_not_told(two: dict[str, redis.Redis], lomi: Lomi) -> None:
    assert lomi("queue", "stats", "--env", "production").err == ""


def test_an_unknown_profile_is_told_before_anything_happens(two: dict[str, redis.Redis], lomi: Lomi) -> None:
    said = lomi("queue", "pause", "--reason", "x", "--env", "prod")

    assert (said.code, said.out) == (2, "")
    assert "there is no profile prod; there are production, staging" in said.err
    assert not any(paused(client) for client in two.values())


@pytest.mark.parametrize(
    ("extra", "shown"),
    [({}, "profile: \x1b[7;31m production \x1b[0m"), ({"NO_COLOR": "1"}, "profile: production"),
     ({"TERM": "dumb"}, "profile: production")],
)  # fmt: skip
def test_on_a_terminal_the_name_has_its_colour_and_is_a_word_anyhow(
    two: dict[str, redis.Redis], tmp_path: Path, extra: dict[str, str], shown: str
) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "lomi_ops", "--env", "production", "queue", "resume"],
        env=environment(TERM="xterm", HOME=str(tmp_path)) | extra, cwd=tmp_path,
        stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs, check=False,
    )  # fmt: skip
    os.close(theirs)
    seen = os.read(ours, 65536).decode()
    os.close(ours)

    assert done.returncode == 0
    assert seen.splitlines()[0] == shown


def test_a_sentence_that_has_the_word_is_no_command() -> None:
    diagnostics.start(("queue", "check"))
    diagnostics.repeat_profile("staging")
    try:
        assert diagnostics.here("there is no schema lomi here; lomi check, lomi queue ops") == (
            "there is no schema lomi here; lomi --env staging check, lomi --env staging queue ops"
        )
        diagnostics.repeat_profile('a"b')
        assert diagnostics.here("lomi check") == "lomi check", "it may stand in JSON"
    finally:
        diagnostics.start()
