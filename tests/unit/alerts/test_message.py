"""What a message says and how it is signed; the document's own snippet checks it."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lomi_ops.domain.alert_facts import Facts
from lomi_ops.domain.alert_incident import Notice
from lomi_ops.domain.alert_retry import pause_s
from lomi_ops.domain.alert_severity import AlertSeverity
from lomi_ops.domain.signing import signature
from lomi_ops.ops.alerts.message import written

AT = datetime(2026, 11, 26, 12, 5, tzinfo=UTC)
PAGE = Path(__file__).parents[3] / "docs" / "alerts.md"
FIRING = Facts(
    notice=Notice.FIRING,
    rule="queue_backlog",
    severity=AlertSeverity.WARNING,
    sentence="812 jobs wait in the queue, more than 50",
    command="lomi --env production autoscale --dry-run",
    at=AT,
    opened_at=AT - timedelta(minutes=5),
    incident=14,
    telling=1,
    profile="production",
    value=812,
    threshold=50,
    unit="jobs",
    follows=("3 stand still",),
    recent=(0, 10, 400, 812),
)


def test_a_firing_message_says_number_limit_trend_and_the_next_command() -> None:
    assert written(FIRING, "x").subject == "[lomi production] FIRING warning: 812 jobs wait in the queue, more than 50"
    assert written(FIRING, "x").text == (
        "812 jobs wait in the queue, more than 50.\n\n"
        "rule      queue_backlog, warning\n"
        "now       812 jobs, limit 50\n"
        "since     2026-11-26 12:00:00 UTC, 5 min\n"
        "trend     ▁▂▅█\n"
        "also      3 stand still\n"
        "next      lomi --env production autoscale --dry-run\n"
        "incident  14; no more of it: lomi --env production alerts ack 14 --until-resolved\n"
    )


def test_the_end_says_how_long_it_lasted_and_asks_for_nothing() -> None:
    text = written(replace(FIRING, notice=Notice.RESOLVED, command="", value=3.0), "x").text
    assert text.startswith("Over after 5 min: 812 jobs wait in the queue, more than 50.\n")
    assert "next" not in text
    assert "alerts ack" not in text


def test_what_is_stored_is_what_is_said() -> None:
    stored = json.loads(json.dumps(FIRING.to_dict()))
    assert Facts.of(stored) == FIRING
    assert Facts.of(stored | {"of_a_newer_version": 1}) == FIRING


def test_the_snippet_of_the_page_knows_our_messages_and_no_others() -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    known: dict[str, object] = {}
    exec(snippet, known)  # the page's own lines
    is_ours = known["is_ours"]
    assert callable(is_ours)
    body, now = written(FIRING, "x").body, int(time.time())

    def asked(key: str, at: int, body: bytes, signed: bytes) -> bool:
        return bool(is_ours(key, {"lomi-timestamp": str(at), "lomi-signature": signature("right", at, signed)}, body))

    assert asked("right", now, body, body)
    assert not asked("wrong", now, body, body)
    assert not asked("right", now, body + b" ", body)
    assert not asked("right", now - 900, body, body)


def test_tries_are_further_and_further_apart_up_to_ten_minutes() -> None:
    assert [pause_s(attempts) for attempts in (1, 2, 3, 7, 50)] == [10, 20, 40, 600, 600]
