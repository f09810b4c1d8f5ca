"""Who knows of an alert already, read beside the looks."""

from __future__ import annotations

from datetime import timedelta

from lomi_ops.db import alerts
from lomi_ops.db.pool import Database
from lomi_ops.domain.alert_incident import ALL
from lomi_ops.ops.live.attention import Attention, Known
from tests.integration.ops.black_hole import black_hole


def told(attention: Attention) -> dict[str, str]:
    """After the next answer."""
    known = attention.awaited(30)
    return {rule: known.by(rule) for rule in ("queue_backlog", "dead_letters") if known.by(rule)}


def test_silences_are_told_and_a_database_that_goes_away_changes_nothing(prepared_url: str) -> None:
    now = [0.0]
    with Database(prepared_url) as db:
        attention = Attention(db, lambda: now[0])
        assert told(attention) == {}
        at = db.now()
        alerts.silence(db, "queue_backlog", actor="abel", reason="load test", at=at, until=at + timedelta(hours=1))
        assert attention.known().silenced == {}, "it asks every few seconds only"
        now[0] += 6
        assert told(attention) == {"queue_backlog": "silenced by abel"}
        alerts.silence(db, ALL, actor="hana", reason="night", at=at, until=at + timedelta(hours=1))
        now[0] += 6
        both = told(attention)
        assert both == {"queue_backlog": "silenced by abel", "dead_letters": "silenced by hana"}
    now[0] += 6
    assert told(attention) == both


def test_it_never_waits_for_the_database() -> None:
    with black_hole() as hole:
        attention = Attention(Database(f"postgresql://u:p@127.0.0.1:{hole.port}/x", connect_timeout_s=60))

        assert attention.known() == Known()

        assert hole.entered.wait(60)
        assert attention._asking is not None
        assert attention._asking.is_alive()
        assert attention.known() == Known()
