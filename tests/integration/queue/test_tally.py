"""What finished jobs add up to: once for each job, whoever calls how often."""

from __future__ import annotations

import pytest

from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.queue.meter import Meter
from lomi_ops.queue.pulse import Pulse
from lomi_ops.queue.replies import Done, Fenced
from tests.integration.queue.conftest import Bench
from tests.integration.queue.old_version import OldQueue

SAID = "t:write:3=1 t:write:us=41000 n:photo:rejected:blurry=2"


def counted(bench: Bench) -> dict[str, int]:
    return {name.decode(): int(number) for name, number in bench.client.hgetall(bench.keys.measured).items()}


def pulse(bench: Bench) -> Pulse:
    return Meter(bench.client).read()


def test_a_job_is_counted_in_the_step_that_makes_it_done_and_never_again(bench: Bench) -> None:
    bench.push(b'{"job_id": "a"}', b'{"job_id": "b"}')
    held = bench.take()
    assert bench.queue.finish(held.job_id, "not mine", b"", SAID) == Fenced()
    assert counted(bench) == {}
    for _ in range(3):
        bench.queue.advance(held.job_id, held.token, b"", "boot/0", 2, "token-2", tally=SAID)
    assert bench.queue.finish(held.job_id, held.token, b"", SAID) == Done(0, repeated=True)
    assert counted(bench) == {"t:write:3": 1, "t:write:us": 41000, "n:photo:rejected:blurry": 2}

    bench.queue.finish("b", "token-2", b"", SAID)
    assert counted(bench)["n:photo:rejected:blurry"] == 4


def test_a_worker_of_the_version_before_counts_nothing_and_finishes_as_ever(bench: Bench) -> None:
    bench.push(b'{"job_id": "a"}')
    held = bench.take()
    assert OldQueue(bench.client).finish(held.job_id, held.token, b"") == Done(0)
    assert counted(bench) == {}


@pytest.mark.parametrize(("code", "name"), [("objects", "objects"), ("objects_failed", "objects"), ("hung", None)])
def test_attempts_are_counted_by_the_upstream_that_they_failed_for(bench: Bench, code: str, name: str | None) -> None:
    bench.push(b'{"job_id": "a"}')
    held = bench.take()
    for _ in range(2):  # the second one is answered as the first
        bench.queue.fail(held, Failure(ErrorClass.OUTAGE, code, "gone", 600))
    assert counted(bench) == ({f"n:failed:{name}": 1} if name else {})


def test_a_window_is_what_was_added_since_its_first_sample(bench: Bench) -> None:
    bench.push(*(b'{"job_id": "%d"}' % number for number in range(4)))
    for slot in range(2):
        held = bench.take(f"early/{slot}")
        bench.queue.finish(held.job_id, held.token, b"", "t:write:2=5")
    bench.reap()
    age(bench, 200)
    for slot in range(2):
        held = bench.take(f"late/{slot}")
        bench.queue.finish(held.job_id, held.token, b"", "t:write:6=1")
    bench.push(b'{"job_id": "0"}', b'{"job_id": "1"}')
    bench.claim("late/9")
    now = pulse(bench)

    assert now.lately.writes is not None
    assert {at: number for at, number in enumerate(now.lately.writes) if number} == {6: 2}
    assert now.lately.duplicates == 2
    assert now.lately.storage == 0


def test_jobs_in_and_out_by_the_minute_are_known_from_one_look(bench: Bench) -> None:
    bench.push(*(b'{"job_id": "%d"}' % number for number in range(4)))
    bench.reap()
    age(bench, 120)
    for slot in range(3):
        held = bench.take(f"late/{slot}")
        bench.queue.finish(held.job_id, held.token, b"")
    bench.push(b'{"job_id": "x"}')
    now = pulse(bench)

    assert now.flow is not None
    assert now.flow.span_s == pytest.approx(120, rel=0.4)
    assert now.flow.out_per_min == pytest.approx(3 * 60 / now.flow.span_s)
    assert now.flow.in_per_min == pytest.approx(60 / now.flow.span_s)
    assert now.drain_s == pytest.approx(now.flow.span_s)


def test_where_nobody_has_noted_samples_a_window_is_not_known(bench: Bench) -> None:
    bench.push(b'{"job_id": "a"}')
    held = bench.take()
    bench.queue.finish(held.job_id, held.token, b"", SAID)
    lately = pulse(bench).lately
    assert (lately.duplicates, lately.storage, lately.writes) == (None, None, None)
    assert pulse(bench).flow is None


def test_a_counter_that_fell_tells_of_no_window(bench: Bench) -> None:
    bench.client.hset(bench.keys.measured, mapping={"t:write:2": 5, "n:failed:objects": 7})
    bench.reap()
    bench.client.delete(bench.keys.measured)
    lately = pulse(bench).lately
    assert (lately.storage, lately.writes) == (None, None)


def age(bench: Bench, seconds: float) -> None:
    """As if the samples had been noted so long ago."""
    for entry, fields in bench.client.xrange(bench.keys.samples):
        bench.client.delete(bench.keys.samples)
        at_ms = int(entry.partition(b"-")[0]) - round(seconds * 1000)
        bench.client.xadd(bench.keys.samples, fields, id=f"{at_ms}-0")
