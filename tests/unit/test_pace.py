"""How often a question may be asked."""

from __future__ import annotations

from lomi_ops.domain.pace import Pace


def test_a_question_is_due_at_first_and_then_no_oftener_than_its_pace() -> None:
    pace = Pace(5.0)
    assert pace.due(0.0)
    pace.asked(10.0)
    assert not pace.due(14.9)
    assert pace.due(15.0)


def test_a_question_that_takes_long_rests_until_its_share_of_the_time_is_kept() -> None:
    pace = Pace(1.0, share=0.001)
    pace.asked(100.0, took_s=0.5)
    assert not pace.due(599.0)
    assert pace.due(600.0)
