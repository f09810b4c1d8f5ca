"""One incident, from list to show to its end, and what people typed about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import Lomi
from tests.doubles.receiver import Receiver
from tests.integration.alerts.conftest import webhook
from tests.integration.alerts.test_commands import bury, configure, here
from tests.services import free_port

__all__ = ["here"]

HOSTILE = "[bold red]boo[/] \x1b[31mred\x07\u202e \nline"


def opened(lomi: Lomi) -> int:
    (incident,) = lomi("alerts", "list", "-o", "json").document["incidents"]
    return int(incident["id"])


def test_it_says_how_it_stands_what_to_run_next_and_who_was_told(
    lomi: Lomi, here: Path, redis_url: str, receiver: Receiver
) -> None:
    bury(redis_url, 2)
    receiver.status = 500
    assert lomi("alerts", "check").code == 1
    number = opened(lomi)

    shown = lomi("alerts", "show", number)
    assert shown.code == 0
    for line in ("what      given up on: 2 jobs", "state     firing", "now       2 jobs; bad at > 0",
                 "next      lomi queue dead", f"          lomi alerts ack {number} --until-resolved"):  # fmt: skip
        assert line in shown.out.splitlines()
    assert "ops    firing  not yet, 1 try: it answered HTTP 500; again at " in shown.out

    lomi("alerts", "ack", number, "--reason", "on it", "--as", "ada")
    lomi("alerts", "silence", "all", "--for", "1h", "--reason", "load test", "--as", "bob")
    known = lomi("alerts", "show", number)
    assert "UTC: on it" in known.out
    assert "by bob: all (load test)" in known.out
    assert "lomi alerts ack" not in known.out
    record = lomi("alerts", "show", number, "-o", "json").document
    assert (record["schema"], record["state"], record["now"]) == ("lomi.alerts.show/v1", "acked", 2)
    assert (record["silences"][0]["actor"], record["told"][0]["error"]) == ("bob", "it answered HTTP 500")

    bury(redis_url, 0)
    configure(here, routes={"ops": webhook(receiver)}, rules={"dead_letters": {"keep_firing_for_s": 0}})
    assert lomi("alerts", "check").code == 0
    over = lomi("alerts", "show", number)
    assert "state     resolved" in over.out
    assert "next" not in over.out
    assert "resolved  due at " in over.out


def test_a_number_that_is_gone_is_told_with_the_last_that_was_known(
    lomi: Lomi, here: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bury(redis_url, 2)
    lomi("alerts", "check")
    number = opened(lomi)
    monkeypatch.setenv("LOMI_REDIS_URL", f"redis://127.0.0.1:{free_port()}")
    lomi("alerts", "check")
    shown = lomi("alerts", "show", number)
    assert "state     stale" in shown.out
    assert "now       2 jobs, not known since " in shown.out

    monkeypatch.setenv("LOMI_DATABASE_URL", f"postgresql://x@127.0.0.1:{free_port()}/x")
    assert lomi("alerts", "show", number).code == 3


def test_a_number_that_nobody_has_seen_is_said_so(lomi: Lomi, here: Path) -> None:
    said = lomi("alerts", "show", 99)
    assert (said.code, said.out) == (1, "")
    assert said.err == "error: there is no incident 99\n  try: lomi alerts list --since 7d\n"


def test_what_people_typed_is_shown_and_never_obeyed(
    lomi: Lomi, here: Path, redis_url: str, receiver: Receiver
) -> None:
    receiver.status = 500
    configure(here, routes={HOSTILE: webhook(receiver)})
    bury(redis_url, 1)
    said = [lomi("alerts", "check")]
    number = opened(lomi)
    said += [
        lomi("alerts", "ack", number, "--reason", HOSTILE, "--as", HOSTILE),
        lomi("alerts", "silence", "dead_letters", "--for", "1h", "--reason", HOSTILE, "--as", HOSTILE),
        lomi("alerts", "list"), lomi("alerts", "show", number), lomi("alerts", "rules"), lomi("alerts", "test"),
        lomi("queue", "pause", "--reason", HOSTILE, "--as", HOSTILE), lomi("queue", "pause", "--reason", "x"),
        lomi("queue", "stats"), lomi("top", "--once"),
        lomi("alerts", "unsilence", "dead_letters", "--as", HOSTILE),
    ]  # fmt: skip
    for each in said:
        text = each.out + each.err
        assert not [sign for sign in text if not sign.isprintable() and sign != "\n"], text
    assert said[4].out.count("[bold red]boo[/] \\x1b[31mred\\x07\\u202e \\nline") == 5
