"""Why a worker does not start, by its own words."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from lomi_ops.domain.check import Status
from lomi_ops.domain.worker_log import Cause, WorkerLog, start_failure, worker_trouble
from tests.unit.containers import NOW, WORKERS, container, stopped

OLD = {
    "OSError: We couldn't connect to 'https://huggingface.co' to load this file": Cause.MODEL,
    "OSError: Falconsai/nsfw is not a local folder and is not a valid model identifier listed on 'https://hf'":
        Cause.MODEL,
    "ERROR - Failed to load NSFW model: HTTPSConnectionPool(host='huggingface.co', port=443)": Cause.MODEL,
    "requests.exceptions.ConnectionError: HTTPConnectionPool(host='compreface', port=8000): Max retries exceeded":
        Cause.FACES,
    "CompreFace health check failed: Connection refused": Cause.FACES,
    "redis.exceptions.AuthenticationError: WRONGPASS invalid username-password pair or user is disabled.":
        Cause.REDIS_LOGIN,
    "redis.exceptions.AuthenticationError: NOAUTH Authentication required.": Cause.REDIS_LOGIN,
    "redis.exceptions.ConnectionError: Error 111 connecting to redis:6379. Connection refused.": Cause.REDIS,
    "redis.exceptions.ConnectionError: Error -2 connecting to redis:6379. Name or service not known.": Cause.REDIS,
    "redis.exceptions.TimeoutError: Timeout reading from redis:6379": Cause.REDIS,
    "MemoryError": Cause.MEMORY,
    "RuntimeError: [enforce fail at alloc_cpu.cpp:75] DefaultCPUAllocator: not enough memory: can't allocate memory":
        Cause.MEMORY,
    "terminate called after throwing an instance of 'std::bad_alloc'": Cause.MEMORY,
    "Killed": Cause.MEMORY,
    'psycopg.OperationalError: FATAL: password authentication failed for user "lomi"': Cause.DATABASE,
    "ModuleNotFoundError: No module named 'cv2'": Cause.OTHER,
}  # fmt: skip


@pytest.mark.parametrize("line", OLD)
def test_the_words_of_old_workers_are_understood(line: str) -> None:
    found = start_failure(["Traceback (most recent call last):", '  File "app.py", line 3, in <module>', line])

    assert found is not None
    assert (found.cause, found.line) == (OLD[line], line)


@pytest.mark.parametrize(
    "line",
    ["Loading NSFW model…", "Connected to Redis at redis:6379", "CompreFace is ready", "Listening on the queue",
     "moderated photo 12 in 180 ms", ""],
)  # fmt: skip
def test_what_no_worker_complains_about_is_no_failure(line: str) -> None:
    assert start_failure([line]) is None


def ours(action: str, message: str, hint: str = "") -> str:
    return json.dumps({"ts": "2026-11-26T11:59:00.000+00:00", "level": "error", "action": action, "msg": message,
                       "hint": hint})  # fmt: skip


def test_our_workers_say_it_themselves_and_know_what_to_do() -> None:
    line = ours("worker_cannot_go_on", "model nudenet-320n is not installed", "lomi models add nudenet-320n")

    found = start_failure(["starting", line])

    assert found is not None
    assert (found.cause, found.line) == (Cause.MODEL, "model nudenet-320n is not installed")
    assert found.hint == "lomi models add nudenet-320n"


def test_what_our_worker_waits_for_is_why_it_does_not_start() -> None:
    waits = ours("start_waits", "waiting: Redis at redis:6379 does not answer: Connection refused")

    found = start_failure([waits, waits])

    assert found is not None
    assert found.cause is Cause.REDIS


def test_the_latest_word_counts_and_not_an_earlier_one() -> None:
    found = start_failure(["Error 111 connecting to redis:6379. Connection refused.", "MemoryError", "shutting down"])

    assert found is not None
    assert found.cause is Cause.MEMORY


def test_a_line_that_is_json_and_not_ours_is_taken_as_it_is() -> None:
    assert start_failure(['{"no": "message"}', "[1, 2]", '{"msg": ', '["error"]']) is not None
    assert start_failure(['{"no": "message"}', "[1, 2]"]) is None


def test_control_characters_of_a_log_never_reach_the_terminal() -> None:
    found = start_failure(["\x1b[31mERROR\x1b[0m model failed to load\r\x07"])

    assert found is not None
    assert found.line.isprintable()


def test_a_worker_whose_model_is_loaded_has_no_trouble() -> None:
    assert worker_trouble(WorkerLog(container(WORKERS), ready_at=NOW), NOW) is None


def test_a_worker_is_given_time_to_load_its_model_and_then_no_more() -> None:
    for ran_for, status in ((20, Status.UNKNOWN), (400, Status.FAIL)):
        young = container(WORKERS, started_at=NOW - timedelta(seconds=ran_for))
        trouble = worker_trouble(WorkerLog(young, tail=("Loading NSFW model…",)), NOW)
        assert trouble is not None
        assert trouble.status is status


def test_one_that_complains_while_it_is_young_has_said_it_already() -> None:
    young = container(WORKERS, started_at=NOW - timedelta(seconds=5))

    trouble = worker_trouble(WorkerLog(young, tail=("Error 111 connecting to redis:6379.",)), NOW)

    assert trouble is not None
    assert trouble.status is Status.FAIL
    assert "it does not reach Redis: Error 111" in trouble.what


def test_one_that_was_loaded_and_has_stopped_since_does_not_work() -> None:
    trouble = worker_trouble(WorkerLog(stopped(WORKERS), ready_at=NOW, tail=("bye",)), NOW)

    assert trouble is not None
    assert trouble.what == "app-moderator-worker-1 does not run, exit code 1"


def test_one_that_was_killed_for_want_of_memory_needs_no_last_words() -> None:
    trouble = worker_trouble(WorkerLog(stopped(WORKERS, oom_killed=True)), NOW)

    assert trouble is not None
    assert trouble.failure is not None
    assert trouble.failure.cause is Cause.MEMORY


@pytest.mark.parametrize(
    "log",
    [WorkerLog(container(WORKERS), complete=False), WorkerLog(container(WORKERS), trouble="its log goes elsewhere")],
)
def test_of_a_log_that_is_cut_or_unreadable_nobody_can_tell(log: WorkerLog) -> None:
    trouble = worker_trouble(log, NOW)

    assert trouble is not None
    assert trouble.status is Status.UNKNOWN
