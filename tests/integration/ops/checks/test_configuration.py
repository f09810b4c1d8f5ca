"""Each check of the settings, with settings of which just that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.ops.checks.conftest import Find, assert_only, detail, hint
from tests.integration.ops.conftest import Lomi, Sound, checks, troubled


@pytest.mark.parametrize(
    ("variable", "setting"),
    [
        ("LOMI_BACKEND__URL", "backend.url"), ("TELEGRAM_BOT_TOKEN", "telegram.bot_token"),
        ("LOMI_CHECKS__WORKERS", "checks.workers"), ("LOMI_COMPREFACE_URL", "compreface.urls"),
    ],
)  # fmt: skip
def test_what_nobody_names_is_named(
    sound: Sound, find: Find, monkeypatch: pytest.MonkeyPatch, variable: str, setting: str
) -> None:
    monkeypatch.delenv(variable)

    said = find()

    assert_only(said, "config.complete", "warn")
    assert detail(said, "config.complete").endswith(f"so they are not checked: {setting}")


def test_a_policy_that_cannot_be_met_fails(sound: Sound, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOMI_COMPREFACE_URL")
    monkeypatch.setenv("LOMI_POLICY", "default")

    said = find()

    assert_only(said, "config.complete", "fail")
    assert "nothing can be approved" in detail(said, "config.complete")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("S3_SECRET_KEY", "minioadmin", "objects.secret_key is a well-known default"),
        ("S3_SECRET_KEY", "Your-Secret-Key", "objects.secret_key is a well-known default"),
        ("S3_ACCESS_KEY", "abc", "objects.access_key is shorter than 8 characters"),
        ("REDIS_PASSWORD", "foobared", "redis.password is a well-known default"),
        ("DB_PASSWORD", "postgres", "database.password is a well-known default"),
    ],
)
def test_a_password_that_everybody_knows_fails_and_is_not_shown(
    sound: Sound, find: Find, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    """It stands beside a URL that wins, or beside a folder: it is still a password that somebody set."""
    monkeypatch.setenv(variable, value)

    said = find()

    assert_only(said, "config.passwords", "fail")
    assert detail(said, "config.passwords") == words
    assert checks(said)["config.passwords"]["observed"] == ""


def test_secrets_of_other_programs_in_the_env_file_are_a_warning_and_not_shown(
    sound: Sound, find: Find, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / ".env.production"
    file.write_text("COMPREFACE_DB_PASSWORD=compreface123\nJWT_SECRET=abc\nADMIN_PASSWORD=\nOTHER_SECRET=${NOBODY}\n")
    monkeypatch.setenv("LOMI_ENV_FILE", str(file))

    said = find()

    assert_only(said, "config.passwords", "warn")
    assert detail(said, "config.passwords") == (
        f"COMPREFACE_DB_PASSWORD in {file} is a well-known default; JWT_SECRET in {file} is shorter than 8 characters"
    )
    assert "compreface123" not in said.out + said.err


def test_a_default_inside_a_url_fails(sound: Sound, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", "postgresql://lomi:change%2Dme@127.0.0.1:9/x")

    said = find("--only", "config")

    assert troubled(said)["config.passwords"] == "fail"
    assert detail(said, "config.passwords") == "database.url is a well-known default"


@pytest.mark.parametrize(("days", "status"), [(-1, "warn"), (0, "pass"), (1, "pass")])
def test_a_suppression_holds_on_its_last_day_and_no_longer(
    sound: Sound, find: Find, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, days: int, status: str
) -> None:
    until = (datetime.now(UTC) + timedelta(days=days)).date()
    file = tmp_path / "known.yaml"
    file.write_text(f"- check: redis.persistence\n  reason: the new disk\n  until: {until}\n")
    monkeypatch.setenv("LOMI_CHECKS__SUPPRESSIONS", str(file))

    said = find()

    assert troubled(said) == ({} if status == "pass" else {"config.suppressions": "warn"})
    if status == "warn":
        assert f"redis.persistence (until {until}: the new disk)" in detail(said, "config.suppressions")
        assert str(file) in hint(said, "config.suppressions")


def test_what_is_suppressed_counts_for_nothing_and_neither_does_what_waits_for_it(
    sound: Sound, lomi: Lomi, find: Find, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    until = datetime.now(UTC).date() + timedelta(days=1)
    file = tmp_path / "known.yaml"
    file.write_text(f"- check: faces.health\n  reason: it moves today\n  until: {until}\n")
    monkeypatch.setenv("LOMI_CHECKS__SUPPRESSIONS", str(file))
    sound.faces.go_down()

    said = find("--fail-on", "warning")

    assert said.code == 0
    hidden = {slug for slug, status in troubled(said).items() if status == "suppressed"}
    assert hidden == set(troubled(said)) == {"faces.health", "faces.key", "faces.ages"}
    assert f"(until {until}: it moves today)" in detail(said, "faces.health")
    assert detail(said, "faces.key") == "needs faces.health, which is suppressed"
