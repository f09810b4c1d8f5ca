"""Runs of checks as hypothesis makes them up: every status, odd words, numbers of every size."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from lomi_ops.domain.check import CheckResult, CheckSpec, Cost, Found, Metric, Severity, Status
from lomi_ops.errors import ConfigError, LomiError, ObjectsUnavailable
from lomi_ops.ops.checks.report import Report

ODD = "|;'\"<>&%:,\r\n\t\x00\x1b\\{}=#🙂ፎቶ￾"
WORDS = st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs"])), max_size=40)
SLUGS = st.from_regex(r"[a-z]{1,8}\.[a-z_]{1,12}", fullmatch=True)
NUMBERS = st.floats(-1e12, 1e12, allow_nan=False)
METRICS = st.builds(
    Metric, st.from_regex(r"[a-z]{1,8}(_s)?", fullmatch=True), NUMBERS, st.none() | NUMBERS, st.none() | NUMBERS
)
FOUND = st.builds(Found, st.sampled_from(Status), WORDS, WORDS, WORDS, WORDS, st.none() | METRICS)
NOW = datetime(2026, 11, 26, 4, 30, tzinfo=UTC)


@st.composite
def results(draw: st.DrawFn) -> tuple[CheckResult, ...]:
    slugs = draw(st.lists(SLUGS, unique=True, max_size=8))
    found = []
    for number, slug in enumerate(sorted(slugs), 1):
        needs = tuple(draw(st.sets(st.sampled_from(sorted(slugs)[: number - 1])))) if number > 1 else ()
        spec = CheckSpec(
            f"LOMI-TEST-{number:03}", slug, "it is so", "lomi help checks", needs, draw(st.sampled_from(Severity)),
            draw(st.sampled_from(Cost)),
        )  # fmt: skip
        took = draw(st.floats(0, 60_000))
        found.append(CheckResult(spec, draw(FOUND), took, draw(st.integers(1, 9)), draw(st.booleans())))
    return tuple(found)


FAILURES = st.one_of(
    st.none(),
    st.builds(LomiError, WORDS, hint=WORDS),
    st.builds(ObjectsUnavailable, WORDS),
    st.builds(ConfigError, WORDS, problems=st.lists(WORDS, max_size=3), hint=WORDS),
)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    failure = draw(FAILURES)
    return Report(
        started=NOW,
        duration_ms=draw(st.floats(0, 60_000)),
        results=() if failure else draw(results()),
        version="0.1.0",
        fail_on_warning=draw(st.booleans()),
        green_at=draw(st.none() | st.just(NOW - timedelta(days=2))),
        ended=None if failure else draw(st.sampled_from([None, None, None, 130, 143])),
        failure=failure,
    )
