"""`lomi report --send`: by routes of alerts, to real receivers."""

from __future__ import annotations

import email
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Lomi
from tests.conftest import need
from tests.doubles.receiver import KEY, Receiver, running_mailbox, running_receiver
from tests.integration.reports.rows import Plain, filled

WINDOW = ("--window", "2026-11-19")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as double:
        yield double


@pytest.fixture
def routes(prepared_url: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two routes: one of them only for critical alerts, which says nothing about reports."""
    monkeypatch.setenv("LOMI_DATABASE_URL", prepared_url)
    for name in ("OPS", "NIGHT"):
        monkeypatch.setenv(f"LOMI_ALERTS__ROUTES__{name}__WEBHOOK", f"{receiver.url}/{name.lower()}")
        monkeypatch.setenv(f"LOMI_ALERTS__ROUTES__{name}__KEY", KEY)


@pytest.mark.usefixtures("routes")
def test_a_route_gets_the_signed_document_and_twice_the_same_one(lomi: Lomi, plain: Plain, receiver: Receiver) -> None:
    filled(plain, 10)
    said = lomi("report", *WINDOW, "-q", "--send", "ops")
    again = lomi("report", *WINDOW, "-q", "--send", "ops")

    assert (said.code, said.out, said.err) == (again.code, again.out, again.err) == (0, "", "")
    first, second = receiver.got
    assert first.path == "/ops"
    assert first.signed
    assert first.body["schema"] == "lomi.report.summary/v2"
    assert first.body == second.body
    assert first.once == second.once, "a receiver can drop what came before"
    lomi("report", "uploads", *WINDOW, "-q", "--send", "ops", "--send", "night")
    assert [each.path for each in receiver.got[2:]] == ["/ops", "/night"]
    assert receiver.got[2].once != first.once


@pytest.mark.usefixtures("routes")
def test_one_that_fails_keeps_no_other_from_its_report(lomi: Lomi, receiver: Receiver) -> None:
    receiver.status = 503
    said = lomi("report", *WINDOW, "-q", "--send", "ops", "--send", "night")

    assert said.code == 3
    assert len(receiver.got) == 2
    assert "the report was not sent by ops: " in said.err
    assert "night: " in said.err
    assert KEY not in said.err


@pytest.mark.usefixtures("routes")
def test_a_route_that_does_not_exist_is_misuse_before_anything_is_sent(lomi: Lomi, receiver: Receiver) -> None:
    said = lomi("report", *WINDOW, "--send", "ops", "--send", "pigeon")

    assert (said.code, said.out) == (2, "")
    assert "'pigeon'" in said.err
    assert receiver.got == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_mail_has_the_page_as_a_file_and_the_text_as_its_body(
    lomi: Lomi, plain: Plain, prepared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(importlib.util.find_spec("apprise"), "Apprise")
    filled(plain, 10)
    monkeypatch.setenv("LOMI_DATABASE_URL", prepared_url)
    with running_mailbox() as mailbox:
        url = f"mailto://127.0.0.1:{mailbox.port}?from=lomi@example.com&to=ops@example.com&mode=insecure"
        monkeypatch.setenv("LOMI_ALERTS__ROUTES__DESK__APPRISE", url)
        monkeypatch.setenv("LOMI_ALERTS__ROUTES__DESK__TIMEOUT_S", "60")
        said = lomi("report", *WINDOW, "-q", "--send", "desk")

    assert (said.code, said.out, said.err) == (0, "", "")
    (mail,) = map(email.message_from_string, mailbox.mails)
    parts = {part.get_content_type(): part for part in mail.walk() if not part.is_multipart()}
    page, text = parts["text/html"], parts["text/plain"]
    assert page.get_filename() == "lomi-report.html"
    assert isinstance(body := page.get_payload(decode=True), bytes)
    assert b"<svg" in body
    assert isinstance(said_there := text.get_payload(decode=True), bytes)
    assert b"uploads" in said_there
