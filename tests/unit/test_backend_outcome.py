"""What an answer of the backend means, and what of its words is repeated."""

from __future__ import annotations

import pytest

from lomi_ops.clients.backend.outcome import (
    BackendDenied,
    BackendMissing,
    BackendRejected,
    QuotaUsedUp,
    is_web_page,
    refusal,
)
from lomi_ops.clients.http import Reply
from lomi_ops.errors import BackendUnavailable, ExitCode


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (301, BackendUnavailable, 3), (400, BackendRejected, 1), (401, BackendDenied, 2), (403, BackendDenied, 2),
        (404, BackendMissing, 1), (409, BackendRejected, 1), (429, QuotaUsedUp, 3), (500, BackendUnavailable, 3),
        (503, BackendUnavailable, 3), (599, BackendUnavailable, 3),
    ],
)  # fmt: skip
def test_each_status_has_its_error_and_exit_code(status: int, error: type[Exception], code: int) -> None:
    found = refusal(Reply(status, b"{}"), "GET /x", "the backend at http://b")
    assert type(found) is error
    assert found is not None
    assert found.exit_code == ExitCode(code)
    assert "http://b" in found.message
    assert "GET /x" in found.message


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_yes_is_no_error(status: int) -> None:
    assert refusal(Reply(status), "GET /x", "b") is None


def test_a_throttle_says_when_to_come_back() -> None:
    found = refusal(Reply(429, b"", {"retry-after": "90"}), "GET /x", "b")
    assert isinstance(found, QuotaUsedUp)
    assert found.retry_after_s == 90


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error":"limit reached"}', ": limit reached"), (b'{"message":"no"}', ": no"), (b'{"error":7}', ""),
        (b"[]", ""), (b"<html>", ""), (b'{"error":"a\\u0000b\\n c"}', ": a b c"),
        (b'{"error":"x tok-en y"}', ": x *** y"),
    ],
)  # fmt: skip
def test_the_words_are_repeated_without_what_we_sent(body: bytes, said: str) -> None:
    found = refusal(Reply(400, body), "GET /x", "b", ["tok-en"])
    assert found is not None
    assert found.message == f"b refuses GET /x (400{said})"


def test_a_page_is_told_from_json() -> None:
    assert is_web_page(Reply(200, b"x", {"content-type": "text/html; charset=utf-8"}))
    assert is_web_page(Reply(200, b"\n <!DOCTYPE html>"))
    assert not is_web_page(Reply(200, b'{"a":"<b>"}', {"content-type": "application/json"}))
