"""Whatever lies in the list: it is handed out or buried, its bytes are kept, and the scripts agree with the parser."""

from __future__ import annotations

import hashlib
import json
import os
import random
import uuid
from collections import Counter
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.job import MAX_JOB_BYTES
from lomi_ops.errors import JobError
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Claimed, Empty
from lomi_ops.queue.wire import parse_job
from tests.chaos.audit import records
from tests.integration.queue.conftest import Bench
from tests.integration.queue.crashing import Case, Crash, Job, open_site, until
from tests.integration.queue.producer import body, element
from tests.integration.queue.tap import Moment
from tests.operating import dead_letters

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
    codes = {letter.code for letter in dead_letters(bench.queue)}
    assert codes == {"too_large", "not_json", "missing_keys", "bad_value"}


def check(bench: Bench, elements: list[bytes], start: int) -> int:
    bench.push(*elements)
    seq, finished = drain(bench.queue, start)
    letters = dead_letters(bench.queue, 1000)
    assert {*finished, *(letter.raw for letter in letters)} == set(elements)
    assert len(finished) + len(letters) == len(set(elements))
    assert all(letter.error_class == ErrorClass.POISON for letter in letters)
    assert bench.queue.stats().waiting == bench.queue.stats().running == 0
    return seq


# --- ten thousand through a whole worker ------------------------------------------------------------------------------

INPUTS = 10_000


def damaged(chance: random.Random, job: Job) -> bytes:
    """The element of a job with something wrong with it, now and then with nothing."""
    raw = job.raw
    body = json.loads(raw) | {"job_id": str(uuid.UUID(int=chance.getrandbits(128), version=4))}
    key = chance.choice([*body, "unknown"])
    at = chance.randrange(len(raw))
    match chance.randrange(12):
        case 0:
            return bytes(chance.getrandbits(8) for _ in range(chance.randrange(200)))
        case 1:
            return raw[:at] + bytes([0xFF, 0xC3, 0x28][: chance.randrange(1, 4)]) + raw[at:]
        case 2:
            return raw[:at]
        case 3:
            return raw[:at] + raw[at + chance.randrange(1, 9) :]
        case 4:
            depth = chance.randrange(1, 30_000)
            return json.dumps(body)[:-1].encode() + b',"x":' + b"[" * depth + b"]" * depth + b"}"
        case 5:
            return json.dumps(body)[:-1].encode() + f',"{key}":{json.dumps(_odd(chance))}}}'.encode()
        case 6:
            return json.dumps(body | {key: chance.choice((-1, 1)) * 10 ** chance.randrange(1, 400)}).encode()
        case 7:
            return json.dumps({name: value for name, value in body.items() if name not in ("job_id", key)}).encode()
        case 8:
            return json.dumps(body | {"photos": body["photos"] * chance.randrange(0, 12)}).encode()
        case 9:
            return json.dumps(body | {key: _odd(chance)}, ensure_ascii=chance.random() < 0.5).encode(
                "utf-8", "surrogatepass"
            )
        case 10 if chance.random() < 0.05:
            return json.dumps(body | {"padding": "x" * chance.choice((1 << 18, (1 << 20) - 1, 1 << 20))}).encode()
        case _:
            return json.dumps(body).encode()


def _odd(chance: random.Random) -> Any:
    return chance.choice(ODD)


ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 1e308, 2**53 + 1, 2**63, 2**64, "", "x" * 5000, "\x00", "\ud800", [], {}, [[]], {"a": [1]},
)  # fmt: skip


@pytest.mark.no_cover
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ten_thousand_inputs_end_no_worker_and_each_of_them_runs_or_is_a_dead_letter() -> None:
    seed = int(os.environ.get("FUZZ_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"FUZZ_SEED={seed} python -m pytest tests/integration/queue/test_fuzz.py -k ten_thousand")
    chance = random.Random(seed)
    with open_site(appendfsync="everysec") as site:
        site.clear()
        site.slots, site.attempts = 4, 1
        jobs = [Job() for _ in range(50)]
        for job in jobs:
            site.insert(job)
        inputs = {damaged(chance, chance.choice(jobs)) for _ in range(INPUTS)} - {b""}
        for raw in sorted(inputs):
            site.client.lpush(site.queue.keys.ready, raw)
        case = Case(site, Crash.KILL, Moment.BEFORE)
        case.work()

        until(case.quiet, 200)

        case.leave()
        assert "_bug" not in case.log.read_text()
        ends = {}
        for _, fields in records(site.client):
            ends[fields[b"sha"].decode()] = (fields[b"state"], fields.get(b"raw"))
        for raw in inputs:
            state, kept = ends[hashlib.sha1(raw).hexdigest()]
            assert (state, kept) in ((b"done", None), (b"dead", raw))
        states = Counter(state for state, _ in ends.values())
        assert len(ends) == len(inputs)
        assert min(states[b"done"], states[b"dead"]) > INPUTS // 20, "both ways are gone often"
        with psycopg.connect(site.postgres.url) as connection:
            twice = "SELECT media_id FROM lomi.decisions GROUP BY media_id HAVING count(*) > 1"
            assert connection.execute(twice).fetchall() == []
