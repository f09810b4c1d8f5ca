"""What stands still and should not."""

from __future__ import annotations

import pytest

from lomi_ops.domain.stuck import Ages, stuck


@pytest.mark.parametrize(
    "now",
    [
        Ages(),
        Ages(running_s=(("a", 3599.0),), waits_s=3599.0, overdue=0, unheard_s=299.0),
        Ages(waits_s=90_000.0, moving=False),
    ],
    ids=["empty", "just within", "paused or on hold"],
)
def test_what_moves_is_not_stuck(now: Ages) -> None:
    assert stuck(now) == ()


@pytest.mark.parametrize(
    ("now", "said", "command"),
    [
        (Ages(running_s=(("a", 4000.0), ("b", 9000.0))), "2 jobs run for more than 60 min, the longest for 2.5 h",
         "lomi queue show b"),
        (Ages(overdue=3), "3 jobs overdue for another try: no worker promotes them", "lomi top --once"),
        (Ages(waits_s=7200.0), "the next job has waited for 2.0 h", "lomi top --once"),
        (Ages(unheard_s=301.0), "results are not heard for 5 min: nobody listens on moderation_results",
         "see whether the backend runs"),
    ],
)  # fmt: skip
def test_what_stands_still_is_told_with_the_next_command(now: Ages, said: str, command: str) -> None:
    (found,) = stuck(now)
    assert (found.what, found.command) == (said, command)
