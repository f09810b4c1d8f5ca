"""The check of the bot, against a double of Telegram's API; the token never shows."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.doubles.telegram import TOKEN
from tests.integration.ops.black_hole import black_hole
from tests.integration.ops.checks.conftest import Find, assert_only, detail, hanging_up, hint
from tests.integration.ops.conftest import Lomi, Said, Sound, checks, troubled
from tests.services import free_port

Point = Callable[[str], None]
SLUG = "telegram.bot"


@pytest.fixture
def point_telegram(sound: Sound, monkeypatch: pytest.MonkeyPatch) -> Point:
    return lambda url: monkeypatch.setenv("LOMI_TELEGRAM__API_URL", url)


def assert_no_token(said: Said) -> None:
    whole = said.out + said.err
    assert all(piece not in whole for piece in (TOKEN, TOKEN.partition(":")[2], "canary-bot"))


def test_a_bot_that_telegram_knows_passes_by_name_and_nothing_is_sent(sound: Sound, find: Find) -> None:
    said = find()

    assert troubled(said) == {}
    assert detail(said, SLUG) == "@lomi_test_bot"
    assert sound.telegram.asked == ["getMe"]
    assert_no_token(said)


def test_a_token_that_telegram_does_not_know_fails(sound: Sound, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "654321:canary-bot-revoked")

    said = find()

    assert_only(said, SLUG, "fail")
    assert detail(said, SLUG) == "Telegram does not know this bot token"
    assert "@BotFather" in hint(said, SLUG)
    assert "canary-bot-revoked" not in said.out + said.err


def test_without_a_token_it_is_skipped(sound: Sound, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TELEGRAM_BOT_TOKEN")

    said = find()

    assert checks(said)[SLUG]["status"] == "skip"
    assert_only(said, "config.complete", "warn")


def test_silence_is_a_doubt(point_telegram: Point, find: Find) -> None:
    with black_hole() as hole:
        point_telegram(f"http://127.0.0.1:{hole.port}")
        said = find()

    assert said.code == 3
    assert_only(said, SLUG, "unknown")
    assert detail(said, SLUG) == "timeout: Telegram gave no answer in time"
    assert_no_token(said)


@pytest.mark.parametrize("way", ["refused", "unknown name", "hung up", "tls"])
def test_a_way_that_is_closed_fails_without_the_address(
    sound: Sound, point_telegram: Point, find: Find, way: str
) -> None:
    """The token is a part of the address."""
    with hanging_up() as port:
        point_telegram({
            "refused": f"http://127.0.0.1:{free_port()}", "unknown name": "http://telegram.invalid",
            "hung up": f"http://127.0.0.1:{port}", "tls": sound.telegram.url.replace("http:", "https:"),
        }[way])  # fmt: skip
        said = find()

    assert_only(said, SLUG, "fail")
    assert hint(said, SLUG) == "check telegram.api_url, and whether this machine may reach it"
    assert_no_token(said)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (502, b"<html>Bad Gateway</html>", "Telegram answered HTTP 502 with no usable text"),
        (429, b'{"ok": false, "description": "Too Many Requests: retry after 5"}', "HTTP 429: Too Many Requests"),
        (200, b"[]", "Telegram answered HTTP 200 with no usable text"),
        (200, b'{"ok": true}', "Telegram answered HTTP 200"),
        (302, b"", "Telegram answered HTTP 302 with no usable text"),
    ],
)  # fmt: skip
def test_an_odd_answer_fails_with_its_status(sound: Sound, find: Find, status: int, body: bytes, words: str) -> None:
    sound.telegram.odd = (status, body)

    said = find()

    assert_only(said, SLUG, "fail")
    assert words in detail(said, SLUG)
    assert_no_token(said)


def test_an_answer_that_repeats_the_address_is_scrubbed(sound: Sound, find: Find, lomi: Lomi) -> None:
    sound.telegram.odd = (400, json.dumps({"ok": False, "description": f"bad path /bot{TOKEN}/getMe"}).encode())

    for format_ in ("json", "text", "short", "junit", "nagios", "prom", "github", "jsonl"):
        said = lomi("check", "--only", SLUG, "-o", format_)
        assert_no_token(said)
