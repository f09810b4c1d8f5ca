"""How bad a line of a log is, by its own word or by its words."""

from __future__ import annotations

import json
import re

import pytest

from lomi_ops.domain.log_line import Level, Listener, Wanted
from tests.unit.containers import NOW


def heard(*lines: str) -> list[Level]:
    ear = Listener("worker")
    return [ear.heard(NOW, line).level for line in lines]


@pytest.mark.parametrize(
    ("line", "level"),
    [("INFO:__main__:moderated photo, 0 errors", Level.INFO), ("2026-11-26 09:00:00 - ERROR - no answer", Level.ERROR),
     ("[WARN] slow", Level.WARNING), ("CRITICAL: gone", Level.ERROR), ('time="…" level=error msg="x"', Level.ERROR),
     ("redis.exceptions.ConnectionError: Error 111", Level.ERROR), ("moderated photo 12 in 180 ms", Level.INFO),
     ("2026-11-26 09:00:00.123 ERROR 1 --- [main] o.s.boot: failed", Level.ERROR), ("DEBUG:urllib3: GET", Level.DEBUG),
     ("CompreFace health check failed: Connection refused", Level.ERROR), ("", Level.INFO),
     ("INFO no exception so far", Level.INFO)],
)  # fmt: skip
def test_a_line_of_an_old_worker_says_its_level_or_its_words_do(line: str, level: Level) -> None:
    assert heard(line) == [level]


def test_a_traceback_is_an_error_to_its_last_line() -> None:
    lines = ["INFO start", "Traceback (most recent call last):", '  File "app.py", line 3', "    x()", "",
             "ValueError: nothing", "INFO going on"]  # fmt: skip

    assert heard(*lines) == [Level.INFO, *[Level.ERROR] * 5, Level.INFO]


@pytest.mark.parametrize(
    ("word", "level"),
    [("info", Level.INFO), ("critical", Level.ERROR), ("warning", Level.WARNING), ("odd", Level.INFO)],
)
def test_ours_say_it_in_a_field(word: str, level: Level) -> None:
    line = json.dumps({"ts": "2026-11-26T09:00:00+00:00", "level": word, "msg": "an error", "job_id": "j"})

    said = Listener("worker").heard(NOW, line)

    assert said.level is level
    assert said.fields is not None
    assert said.fields["job_id"] == "j"


def test_json_that_is_not_ours_is_text() -> None:
    assert Listener("worker").heard(NOW, '{"no": "message"}').fields is None
    assert Listener("worker").heard(NOW, '{"msg": ').fields is None


def test_at_least_so_bad_and_matching() -> None:
    ear = Listener("worker")
    lines = [ear.heard(NOW, text) for text in ("INFO a timeout", "WARNING a timeout", "ERROR a timeout", "ERROR other")]

    wanted = Wanted(Level.WARNING, re.compile("time.ut"))

    assert [said.text for said in lines if wanted.takes(said)] == ["WARNING a timeout", "ERROR a timeout"]
    assert Wanted().everything
