"""The adaptive rate: its arithmetic against a model, and what it does before an upstream with a quota."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.job import MAX_PHOTOS
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.replies import Claimed, Limited
from tests.integration.queue import rate_model as model
from tests.integration.queue.producer import body, element
from tests.integration.queue.stepped import Stepped, stepped

NAMES = ("rate", "ceiling", "tokens", "at", "grown", "cut", "bit")
DRIVER = """
local rate, limit = rates(), nil
if ARGV[2] ~= '' then
  limit = {}
  for i, name in ipairs({ 'rate', 'ceiling', 'tokens', 'at', 'grown', 'cut', 'bit' }) do
    limit[name] = tonumber(ARGV[1 + i])
  end
end
local now, used, till = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local found
if ARGV[1] == 'ripened' then found = rate.ripened(limit, now) else found = rate.halved(limit, used, now, till) end
if not found then return {} end
local flat = {}
for i, name in ipairs({ 'rate', 'ceiling', 'tokens', 'at', 'grown', 'cut', 'bit' }) do
  flat[i] = string.format('%.17g', found[name])
end
flat[8], flat[9] = rate.wait_ms(found), rate.unneeded(found, now) and 1 or 0
return flat
"""
SUPPRESSED = [HealthCheck.function_scoped_fixture]


@pytest.fixture
def server(redis_url: str) -> Iterator[Any]:
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    yield client
    client.close()


def in_lua(server: Any, what: str, limit: model.Limit | None, now: float, used: float, till: float) -> list[float]:
    source = files("lomi_ops.queue").joinpath("lua/rate.lua").read_text() + DRIVER
    numbers = [repr(each) for each in astuple(limit)] if limit else [""] * len(NAMES)
    return [float(each) for each in server.execute_command("EVAL", source, 0, what, *numbers, now, used, till)]


def in_python(what: str, limit: model.Limit | None, now: float, used: float, till: float) -> list[float]:
    found = model.ripened(limit, now) if what == "ripened" and limit else model.halved(limit, used, now, till)
    return [*astuple(found), float(model.wait_ms(found)), float(model.unneeded(found, now))] if found else []


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.integers(0, 200_000)),
        st.tuples(st.just("step"), st.integers(0, 1500)),
        st.tuples(st.just("take"), st.integers(1, MAX_PHOTOS)),
        st.tuples(st.just("refuse"), st.just(0)),
        st.tuples(st.just("throttle"), st.integers(0, 60_000)),
    ),
    max_size=30,
)


@settings(max_examples=150, suppress_health_check=SUPPRESSED)
@given(events=EVENTS, used=st.floats(0, 500))
def test_the_script_and_the_model_agree_whatever_happens(
    server: Any, events: list[tuple[str, int]], used: float
) -> None:
    now = 1_800_000_000_000
    limit = model.halved(None, used, now, now)
    assert limit is not None
    assert in_lua(server, "halved", None, now, used, now)[:7] == pytest.approx(astuple(limit))
    for event, number in events:
        what = "halved" if event == "throttle" else "ripened"
        now += number if event == "step" else 0
        expected = in_python(what, limit, now, used, now + number)
        assert in_lua(server, what, limit, now, used, now + number) == pytest.approx(expected, rel=1e-9)
        if expected:
            limit = model.Limit(*expected[:7])
        assert 0.1 <= limit.rate <= 100_000
        assert limit.tokens <= max(1.0, limit.rate * 0.1)
        if event == "take" and not model.wait_ms(limit):
            limit = replace(limit, tokens=limit.tokens - number)
        elif event == "refuse":
            limit = replace(limit, bit=now)


@given(
    rate=st.floats(0.1, 1000), takes=st.lists(st.tuples(st.integers(0, 3000), st.integers(1, MAX_PHOTOS)), max_size=80)
)
def test_no_more_goes_through_than_the_rate_its_savings_and_one_job(rate: float, takes: list[tuple[int, int]]) -> None:
    limit, now, gone = model.Limit(rate, rate * 100, 0.0, 0.0, 1e12, 0.0, 0.0), 0, 0
    for gap, photos in takes:
        now += gap
        limit = model.ripened(limit, now)
        if not model.wait_ms(limit):
            gone += photos
            limit = replace(limit, tokens=limit.tokens - photos)
        assert gone <= rate * now / 1000 + max(1.0, rate * 0.1) + MAX_PHOTOS


def test_clean_seconds_bring_it_back_fast_then_slowly_past_the_old_mark_and_then_faster() -> None:
    limit = model.halved(None, 100.0, 0.0, 0.0)
    assert limit is not None
    rates = [model.ripened(limit, second * 1000.0).rate for second in range(100)]
    assert rates[0] == 50
    assert 90 < rates[4] < 95
    assert 99 < rates[20] < 105
    assert rates[60] > 1.5 * rates[40]


# --- the claim --------------------------------------------------------------------------------------------------------


@pytest.fixture
def bench(redis_url: str) -> Iterator[Stepped]:
    with stepped(redis_url) as made:
        yield made


def throttled(bench: Stepped, wish_s: float = 1.0) -> None:
    bench.queue.hold("compreface", wish_s, "slow down", throttled=True)


def batch(photos: int) -> bytes:
    return element(photos=[body()["photos"][0] for _ in range(photos)])


def rate_of(bench: Stepped) -> float:
    return float(bench.client.hget(bench.keys.limits, "compreface:rate") or 0)


def busy(bench: Stepped, seconds: int, per_s: int) -> None:
    """So many photos are claimed in each second."""
    for _ in range(seconds):
        for number in range(per_s):
            bench.push(batch(1))
            bench.take(f"boot/{bench.now_ms}-{number}")
        bench.step(1)


def test_the_first_cut_halves_what_was_claimed_lately(bench: Stepped) -> None:
    busy(bench, 6, 20)
    throttled(bench)
    assert rate_of(bench) == pytest.approx(10, rel=0.1)


def test_a_cut_is_made_once_per_second_and_not_for_jobs_that_were_claimed_before_it(bench: Stepped) -> None:
    busy(bench, 6, 20)
    throttled(bench, 0)
    once = rate_of(bench)
    throttled(bench, 0)
    bench.queue.hold("compreface", 0, "slow down", throttled=True, claimed_ms=bench.now_ms - 1)
    assert rate_of(bench) == once
    bench.step(1.5)
    bench.queue.hold("compreface", 0, "slow down", throttled=True, claimed_ms=bench.now_ms - 1600)
    assert rate_of(bench) == once
    bench.queue.hold("compreface", 0, "slow down", throttled=True, claimed_ms=bench.now_ms - 100)
    assert rate_of(bench) < once


def test_a_job_pays_for_all_its_photos_and_the_next_one_waits_for_them(bench: Stepped) -> None:
    busy(bench, 6, 20)
    throttled(bench, 0)
    bench.push(batch(9), batch(1))
    bench.step(0.2)
    bench.take("boot/a")
    reply = bench.claim("boot/b")
    assert isinstance(reply, Limited)
    assert reply.upstream == "compreface"
    assert reply.wait_s == pytest.approx(0.9, abs=0.15)
    bench.step(reply.wait_s)
    bench.take("boot/b")


def test_a_limit_that_nothing_waits_for_disappears(bench: Stepped) -> None:
    busy(bench, 6, 20)
    throttled(bench)
    bench.step(2)
    for _ in range(80):
        bench.step(1)
        bench.push(batch(1))
        bench.take(f"boot/{bench.now_ms}")
    assert rate_of(bench) == 0
    assert not [name for name in bench.client.hkeys(bench.keys.limits) if name.endswith(b":tokens")]


def test_an_upstream_that_throttles_for_hours_does_not_keep_people_from_their_photos(bench: Stepped) -> None:
    """A used-up quota of a day: the rate has fallen to one job in minutes, and nobody would get to the others."""
    bench.queue.hold("compreface", 60, "slow down", throttled=True, patience_s=3600)
    bench.client.hset(bench.keys.holds, "compreface", f"{bench.now_ms}|{bench.now_ms - 3_601_000}|slow down")
    bench.step(60)
    for number in range(20):
        bench.push(batch(9))
        assert bench.take(f"boot/{number}").overdue(3600) == {"compreface"}
        bench.step(0.25)


def test_lifting_a_hold_by_hand_forgets_the_limit(bench: Stepped) -> None:
    busy(bench, 6, 20)
    throttled(bench)
    assert bench.queue.unhold("compreface")
    assert rate_of(bench) == 0
    assert not bench.queue.unhold("compreface")
    assert not [name for name in bench.client.hkeys(bench.keys.limits) if name.startswith(b"compreface:")]


# --- an upstream with a quota ----------------------------------------------------------------------------------------


@dataclass
class Quota:
    """A token bucket that refuses with `Retry-After: 1`."""

    per_s: float
    burst: float
    tokens: float = 0.0
    at_ms: float = 0.0
    served: int = 0
    refused: int = 0

    def call(self, now_ms: float) -> bool:
        self.tokens = min(self.burst, self.tokens + self.per_s * max(0.0, now_ms - self.at_ms) / 1000)
        self.at_ms = max(now_ms, self.at_ms)
        if self.tokens < 1:
            self.refused += 1
            return False
        self.tokens -= 1
        self.served += 1
        return True


@dataclass
class Attempt:
    held: Claimed
    refused: bool


def drive(bench: Stepped, quota: Quota, *, slots: int, seconds: int, seed: int) -> None:
    """Slots that are never out of work claim, call twice at once, finish or fail; all in the queue's own time."""
    chance, end = random.Random(seed), bench.now_ms + seconds * 1000
    turns: list[tuple[int, int, Attempt | None]] = [(bench.now_ms, slot, None) for slot in range(slots)]
    while turns[0][0] < end:
        now, slot, attempt = heapq.heappop(turns)
        bench.at(now)
        if attempt is not None:
            _end(bench, attempt)
        if bench.client.llen(bench.keys.ready) < slots:
            bench.push(*[batch(chance.randint(1, MAX_PHOTOS)) for _ in range(slots)])
        reply = bench.claim(f"boot/{slot}")
        if isinstance(reply, Limited):
            heapq.heappush(turns, (now + max(1, round(reply.wait_s * 1000)) + chance.randint(0, 5), slot, None))
            continue
        assert isinstance(reply, Claimed)
        called, refused = float(now), False
        for number in range(reply.raw.count(b"media_id")):
            called += 50 if number % 2 == 0 else 0
            refused = refused or not quota.call(called)
        heapq.heappush(turns, (round(called) + 1, slot, Attempt(reply, refused)))
    for _, _, attempt in turns:
        if attempt is not None:
            _end(bench, attempt)


def _end(bench: Stepped, attempt: Attempt) -> None:
    held = attempt.held
    if attempt.refused:
        bench.queue.fail(held, Failure(ErrorClass.THROTTLED, "compreface", "slow down", 1.0))
        bench.queue.hold("compreface", 1.0, "slow down", throttled=True, claimed_ms=held.claimed_ms)
    else:
        bench.queue.served(list(held.outages), held.claimed_ms)
        bench.queue.finish(held.job_id, held.token)


@pytest.mark.parametrize(("per_s", "burst"), [(50, 50), (50, 15), (10, 10)])
def test_a_quota_is_used_and_hardly_ever_overrun(bench: Stepped, per_s: int, burst: int) -> None:
    quota = Quota(per_s, burst, burst, bench.now_ms)
    drive(bench, quota, slots=8, seconds=40, seed=1)
    quota.served = quota.refused = 0

    drive(bench, quota, slots=8, seconds=120, seed=2)

    assert quota.refused / (quota.served + quota.refused) < 0.02
    assert quota.served / (per_s * 120) >= 0.9


def test_throttling_loses_nothing_and_costs_no_attempt(bench: Stepped) -> None:
    drive(bench, Quota(20, 20, 20, bench.now_ms), slots=6, seconds=20, seed=3)

    assert bench.client.hget(bench.keys.stats, "refunded")
    jobs = [bench.client.hgetall(key) for key in bench.client.keys(bench.keys.job_prefix + "*")]
    assert {job[b"state"] for job in jobs} <= {b"done", b"delayed", b"ready"}
    assert all(int(job[b"attempt"]) == (1 if job[b"state"] == b"done" else 0) for job in jobs)
    assert bench.client.zcard(bench.keys.dead) == bench.client.zcard(bench.keys.lease) == 0
