"""Whatever lies in the list: it is handed out or buried, its bytes are kept, and the scripts agree with the parser."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.job import MAX_JOB_BYTES
from lomi_ops.errors import JobError
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Claimed, Empty
from lomi_ops.queue.wire import parse_job
from tests.integration.queue.conftest import Bench
from tests.integration.queue.producer import body, element

anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def nearly_jobs(draw: st.DrawFn) -> bytes:
    """A job with one value replaced, a key doubled, or a few bytes damaged."""
    key = draw(st.sampled_from([*body(), "unknown"]))
    raw = json.dumps(body() | {key: draw(anything)}).encode()
    match draw(st.integers(0, 3)):
        case 0:
            return raw[:-1] + b"," + json.dumps({key: draw(anything)}).encode()[1:]
        case 1:
            at = draw(st.integers(0, len(raw)))
            return raw[:at] + draw(st.binary(max_size=3)) + raw[at + draw(st.integers(0, 3)) :]
        case _:
            return raw


ODDITIES = [
    b"[" * 100_000,
    b'{"a":' * 30_000 + b"1" + b"}" * 30_000,
    b'{"job_id":"deep","x":' + b"[" * 150 + b"]" * 150 + b"}",
    b'{"telegram_id":' + b"9" * 100_000 + b"}",
    b'{"job_id":"a","job_id":null}',
    element(job_id="a\x00b"),
    b'{"job_id":"' + b"x" * 129 + b'"}',
    element(unknown=[[[[{"x": 10**400}]]]]),
    element(padding="x" * MAX_JOB_BYTES),
    b"x" * 1_048_576,
    element(unknown="\ud83d\ude00\u2028\u0000"),
    b" \n\t" + element() + b"\r\n ",
]


def drain(queue: JobQueue, start: int) -> tuple[int, list[bytes]]:
    """Work like a worker that only parses; what it finished."""
    finished: list[bytes] = []
    for seq in range(start, start + 10_000):
        held = queue.claim("boot/0", seq, f"token-{seq}")
        if isinstance(held, Empty):
            if held.wait_s is None:
                return seq + 1, finished
            continue
        assert isinstance(held, Claimed)
        try:
            job = parse_job(held.raw)
        except JobError as error:
            queue.fail(held, Failure.of(error))
        else:
            assert job.job_id == held.job_id
            queue.finish(held.job_id, held.token)
            finished.append(held.raw)
    raise AssertionError("the queue never got empty")


def test_every_element_ends_as_a_job_that_ran_or_as_a_dead_letter_with_its_bytes(bench: Bench) -> None:
    seq = 1

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.binary(max_size=200) | nearly_jobs(), min_size=60, max_size=100))
    def feed(elements: list[bytes]) -> None:
        nonlocal seq
        bench.client.flushall()
        seq = check(bench, elements, seq)

    feed()


def test_the_known_oddities_end_the_same_way(bench: Bench) -> None:
    check(bench, ODDITIES, 1)
    codes = {letter.code for letter in bench.queue.dead_letters()}
    assert codes == {"too_large", "not_json", "missing_keys", "bad_value"}


def check(bench: Bench, elements: list[bytes], start: int) -> int:
    bench.push(*elements)
    seq, finished = drain(bench.queue, start)
    letters = bench.queue.dead_letters(limit=1000)
    assert {*finished, *(letter.raw for letter in letters)} == set(elements)
    assert len(finished) + len(letters) == len(set(elements))
    assert all(letter.error_class == ErrorClass.POISON for letter in letters)
    assert bench.queue.stats().waiting == bench.queue.stats().running == 0
    return seq
