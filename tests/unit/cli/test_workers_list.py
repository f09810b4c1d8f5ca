"""What `lomi workers list` says where there is nobody."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lomi_ops.cli import workers_text
from lomi_ops.errors import RedisUnavailable
from lomi_ops.ops.workers.look import Fleet

AT = datetime(2026, 11, 26, tzinfo=UTC)


def test_where_everybody_answered_and_nobody_is_there_it_says_how_to_start_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    workers_text.show(Fleet((), AT), {})

    assert capsys.readouterr().out == "there is no worker to be seen: lomi worker starts one\n"


def test_a_source_that_did_not_answer_is_no_proof_that_nobody_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    workers_text.show(Fleet((), AT, redis=RedisUnavailable("Redis is away")), {})

    assert capsys.readouterr().out == ""
