"""The audit sees what it is there for: else a clean run proves nothing."""

from __future__ import annotations

import pytest

from tests.chaos.audit import strays
from tests.chaos.ends import KEYS

AT_REST = {
    KEYS.done: -1,
    KEYS.dead: -1,
    KEYS.results: -1,
    KEYS.stats: -1,
    KEYS.workers: -1,
    KEYS.tick: 12,
    KEYS.job("finished"): 1000,
    KEYS.job("letter"): -1,
    KEYS.seq("boot/0"): 1000,
    KEYS.worker("boot"): 1000,
}


def test_a_queue_at_rest_has_lasting_keys_dead_letters_and_what_will_expire() -> None:
    assert strays(AT_REST, {"letter"}) == []


@pytest.mark.parametrize(
    ("key", "ms"),
    [
        (KEYS.ready, -1),
        (KEYS.bulk, -1),
        (KEYS.lease, 1000),
        (KEYS.slots, -1),
        (KEYS.doubt, -1),
        (KEYS.paused, -1),
        (KEYS.tick, -1),
        (KEYS.job("forgotten"), -1),
        (KEYS.seq("boot/1"), -1),
        (KEYS.worker("gone"), -1),
        ("somebody:else", 1000),
    ],
)
def test_anything_else_is_named(key: str, ms: int) -> None:
    (found,) = strays(AT_REST | {key: ms}, {"letter"})
    assert found.startswith(key)
