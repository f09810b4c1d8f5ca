"""What stands still and should not."""

from __future__ import annotations

import pytest

from lomi_ops.domain.stuck import Standing, stuck


@pytest.mark.parametrize(
    "now",
    [
        Standing(),
        Standing(running_s=(("a", 3599.0),), waits_s=3599.0, overdue=0, unheard_s=299.0),
        Standing(waits_s=90_000.0, moving=False),
    ],
    ids=["empty", "just within", "paused or on hold"],
)
def test_what_moves_is_not_stuck(now: Standing) -> None:
    assert stuck(now) == ()


@pytest.mark.parametrize(
    ("now", "said", "command"),
    [
        (Standing(running_s=(("a", 4000.0), ("b", 9000.0))), "2 jobs run for more than 60 min, the longest for 2.5 h",
         "lomi queue show b"),
        (Standing(overdue=3), "3 jobs overdue for another try: no worker promotes them", "lomi top --once"),
        (Standing(waits_s=7200.0), "the next job has waited for 2.0 h", "lomi top --once"),
        (Standing(unheard_s=301.0), "results are not heard for 5 min: nobody listens on moderation_results",
         "see whether the backend runs"),
    ],
)  # fmt: skip
def test_what_stands_still_is_told_with_the_next_command(now: Standing, said: str, command: str) -> None:
    (found,) = stuck(now)
    assert (found.what, found.command) == (said, command)
