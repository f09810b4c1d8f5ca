from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from lomi_ops.config.sections.working import LogSection
from worker import logs


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)


def written(section: LogSection, *, scrub: str = "") -> io.StringIO:
    stream = io.StringIO()
    logs.set_up(section, lambda line: line.replace(scrub, "***") if scrub else line, stream)
    return stream


def test_each_event_is_one_json_object_on_one_line() -> None:
    stream = written(LogSection())

    logging.getLogger("x").info("photo %s", "rejected", extra={"action": "photo_decided", "media_id": "m\n1"})

    body = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert (body["level"], body["action"], body["msg"]) == ("info", "photo_decided", "photo rejected")
    assert body["media_id"] == "m\n1"


def test_a_trace_stays_inside_its_line() -> None:
    stream = written(LogSection(format="json"))

    try:
        raise ValueError("boom")
    except ValueError:
        logging.getLogger("x").exception("bug")

    assert "boom" in json.loads(stream.getvalue())["trace"]


def test_a_person_reads_sentences() -> None:
    stream = written(LogSection(format="text"))

    logging.getLogger("x").warning("waiting", extra={"action": "start_waits", "host": "db"})

    assert stream.getvalue().rstrip().endswith("warning waiting  host=db")


@pytest.mark.parametrize(("share", "lines"), [(0.0, 0), (1.0, 1)])
def test_successes_are_sampled(share: float, lines: int) -> None:
    stream = written(LogSection(sample_success=share))

    logging.getLogger("x").info("photo approved", extra={"sampled": True})

    assert stream.getvalue().count("\n") == lines


def test_failures_are_always_written() -> None:
    stream = written(LogSection(sample_success=0.0))

    logging.getLogger("x").info("photo rejected", extra={"sampled": False})
    logging.getLogger("x").error("job failed")

    assert stream.getvalue().count("\n") == 2


def test_secrets_are_scrubbed_from_lines_and_traces() -> None:
    stream = written(LogSection(), scrub="hunter2")

    try:
        raise ValueError("password hunter2")
    except ValueError:
        logging.getLogger("x").exception("connect redis://:hunter2@h", extra={"url": "hunter2"})

    assert "hunter2" not in stream.getvalue()


def test_a_scrubbed_line_is_still_json() -> None:
    from lomi_ops.config.redact import Redactor

    stream = io.StringIO()
    logs.set_up(LogSection(format="json"), Redactor(['hun"ter\u00e42']).scrub, stream)

    logging.getLogger("x").error(
        "bad password: abc", extra={"said": ['hun"ter\u00e42', {"a": 1}], "share": float("nan")}
    )

    body = json.loads(stream.getvalue(), parse_constant=lambda word: pytest.fail(word))
    assert body["msg"] == "bad password: ***"
    assert body["said"] == ["***", {"a": 1}]


def test_no_text_is_too_odd_for_a_line() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict", write_through=True)
    logs.set_up(LogSection(format="json"), lambda text: text, stream)

    logging.getLogger("x").warning("ፎቶው \ud800 \u2028 \x85", extra={"key": b"\xff"})

    assert json.loads(raw.getvalue())["msg"] == "ፎቶው \ud800 \u2028 \x85"
    assert raw.getvalue().count(b"\n") == 1
