"""Long logs are judged by several processes: the same must come of it as of one, whatever becomes of them."""

from __future__ import annotations

import os
import random
import signal
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from benchmarks.policy.rows import seen as looked_at
from lomi_ops.db import crew, ledger
from lomi_ops.db.pool import Database
from lomi_ops.domain.decision import decide, fail
from lomi_ops.domain.policy import judge
from lomi_ops.domain.replay import Replay
from lomi_ops.domain.verdict import FailureCode
from lomi_ops.domain.window import Window
from lomi_ops.ops.policies import sharing, simulate, sweep, verify
from lomi_ops.ops.policies.simulation_report import report
from tests.integration.db.conftest import AT, POLICY, Backend

WINDOW = Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC))
JOBS, EACH = 30, 6


@pytest.fixture
def log(db: Database, backend: Backend, plain: psycopg.Connection[Any]) -> list[uuid.UUID]:
    """Varied decisions, odd ones among them, and photos of old workers."""
    chance, ids = random.Random(5), []
    for number in range(JOBS):
        job = backend.job(EACH)
        made = []
        for photo in job.photos:
            evidence = looked_at(chance)
            made.append(decide(photo.media_id, evidence, judge(evidence, POLICY), POLICY))
        made[0] = fail(made[0].media_id, FailureCode.TRUNCATED, "ends early") if number % 7 == 0 else made[0]
        at = AT + timedelta(minutes=number)
        ledger.settle(db, job, made, attempt=1, token="t", worker="w", at=at, policy=POLICY)
        ids += [photo.media_id for photo in job.photos]
    with plain.transaction():
        plain.execute("SET LOCAL lomi.erasing = 'yes'")
        plain.execute("UPDATE lomi.decisions SET findings = '[{}]' WHERE id %% 11 = 3 AND outcome IS NOT NULL", [])
        plain.execute("UPDATE lomi.decisions SET outcome = 'review' WHERE id %% 13 = 5 AND outcome IS NOT NULL", [])
        plain.execute("UPDATE lomi.decisions SET thresholds = NULL WHERE id %% 17 = 5", [])
        # Ids have gaps.
        plain.execute("UPDATE lomi.decisions SET id = DEFAULT WHERE id = (SELECT max(id) FROM lomi.decisions)", [])
    for media_id in ids[::9]:
        plain.execute(
            "INSERT INTO lomi.samples (media_id, kind, drawn_at, probability, status, judged_at, judged_by,"
            " judged_status) VALUES (%s, 'approved', %s, 0.3, 'approved', %s, 'hana', 'rejected')",
            [media_id, AT + timedelta(hours=1), AT + timedelta(hours=2)],
        )
    old = backend.photo(backend.user(5), uuid.uuid4())
    backend.connection.execute(
        "UPDATE media SET moderation_status = 'approved', moderated_at = %s WHERE id = %s", [AT, old]
    )
    return ids


def both(db: Database, limit: int = 7) -> tuple[str, str]:
    """What a verification and a simulation say, to the letter."""
    line = sweep.parse("nsfw.porn.reject_at")
    policy = line[0].set(POLICY, 0.2)
    told: list[int] = []
    found = simulate.simulated(db, policy, WINDOW, limit, line, told.append)
    assert told == sorted(told)
    return repr(verify.verified(db, None, limit)), repr(report(found, policy, POLICY))


@pytest.fixture
def alone(db: Database, log: list[uuid.UUID]) -> tuple[str, str]:
    found = verify.verified(db, None, 7)
    assert {what for what, number in found.tally.counts.items() if number} >= {
        Replay.SAME, Replay.DIFFERS, Replay.UNREADABLE, Replay.NO_POLICY, Replay.FAILED,
    }  # fmt: skip
    assert (len(found.odd), found.unlogged) == (7, 1)
    return both(db)


@pytest.mark.parametrize("part", [1, 7, 40])
def test_parts_add_up_to_what_one_says(
    db: Database, alone: tuple[str, str], part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "PART", part)
    monkeypatch.setattr(sharing, "ALONE", 10_000)

    assert both(db) == alone


def test_several_processes_say_what_one_says(
    db: Database, alone: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = shared_out(monkeypatch)

    assert both(db) == alone
    assert len(started) >= 4
    assert not any(each.is_alive() for each in started)


def test_what_a_process_was_to_judge_is_judged_here_when_it_dies(
    db: Database, alone: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = shared_out(monkeypatch, lambda process: os.kill(process.pid, signal.SIGKILL))

    assert both(db) == alone
    assert {each.exitcode for each in started} == {-signal.SIGKILL}


def test_one_judges_it_all_where_the_server_names_no_moment(
    db: Database, alone: tuple[str, str], plain: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = shared_out(monkeypatch)
    monkeypatch.setattr(crew, "moment", lambda session: "")

    assert both(db) == alone
    assert started == []


def test_nobody_is_named_where_nobody_is_to_be(db: Database, log: list[uuid.UUID]) -> None:
    found = verify.verified(db, None, 0)

    assert found.odd == []
    assert both(db, limit=0)


def shared_out(monkeypatch: pytest.MonkeyPatch, do: Any = lambda process: None) -> list[Any]:
    """Has two processes begin at the least; those that were started, once something was done to them."""
    begun, started = sharing._started, []

    def start(*words: Any) -> Any:
        child = begun(*words)
        started.append(child.process)
        do(child.process)
        return child

    monkeypatch.setattr(sharing, "PART", 20)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(sharing, "_started", start)
    return started
