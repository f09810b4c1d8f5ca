"""What somebody accepts for a while."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.check import CheckResult, CheckSpec, Found, Status, exit_code
from lomi_ops.domain.check_choice import matches
from lomi_ops.domain.suppression import Suppression, expired, suppress
from lomi_ops.errors import ExitCode
from tests.unit.check.reports import results

TODAY = date(2026, 11, 26)
DAYS = st.integers(-3, 3).map(lambda days: TODAY + timedelta(days=days))
KNOWN = st.lists(
    st.builds(Suppression, st.sampled_from(["*", "a*", "*.a*", "LOMI-TEST-001", "lomi-test-00?"]), st.just("x"), DAYS)
)
HIDDEN = (Status.WARN, Status.FAIL, Status.UNKNOWN)


def result(slug: str, status: Status, *needs: str) -> CheckResult:
    return CheckResult(CheckSpec(f"LOMI-{slug}", slug, "", "", needs), Found(status, "seen"))


def accept(*found: CheckResult, until: date = TODAY, check: str = "a.b") -> list[CheckResult]:
    return list(suppress(found, [Suppression(check, "the disk comes on Friday", until)], TODAY))


@pytest.mark.parametrize(("days", "holds"), [(-1, False), (0, True), (1, True)])
def test_an_entry_holds_on_its_last_day_and_no_longer(days: int, holds: bool) -> None:
    entry = Suppression("a.b", "why", TODAY + timedelta(days=days))

    assert entry.holds(TODAY) is holds
    assert expired([entry], TODAY) == ([] if holds else [entry])
    [found] = suppress([result("a.b", Status.FAIL)], [entry], TODAY)
    assert (found.status is Status.SUPPRESSED) is holds


def test_it_says_what_until_when_and_why() -> None:
    [found] = accept(result("a.b", Status.FAIL))

    assert found.found.detail == "seen (until 2026-11-26: the disk comes on Friday)"


def test_what_waits_for_it_is_accepted_with_it_through_and_through() -> None:
    found = accept(
        result("a.b", Status.FAIL), result("a.c", Status.BLOCKED, "a.b"), result("a.d", Status.BLOCKED, "a.c"),
        result("x.y", Status.FAIL), result("x.z", Status.BLOCKED, "x.y"),
    )  # fmt: skip

    assert [each.status for each in found] == [
        Status.SUPPRESSED, Status.SUPPRESSED, Status.SUPPRESSED, Status.FAIL, Status.BLOCKED,
    ]  # fmt: skip
    assert found[1].found.detail == "needs a.b, which is suppressed"


@given(results(), KNOWN)
def test_only_what_is_named_or_waits_for_it_is_hidden_and_nothing_gets_worse(
    before: Sequence[CheckResult], known: list[Suppression]
) -> None:
    after = list(suppress(before, known, TODAY))

    assert [each.spec for each in after] == [each.spec for each in before]
    hidden: set[str] = set()
    for one, other in zip(before, after, strict=True):
        named = any(entry.holds(TODAY) and matches(one.spec, entry.check) for entry in known)
        waits = one.status is Status.BLOCKED and bool(hidden & set(one.spec.needs))
        if (named and one.status in HIDDEN) or waits:
            assert other.status is Status.SUPPRESSED
        else:
            assert other == one
        if other.status is Status.SUPPRESSED:
            hidden.add(other.spec.slug)


@given(results())
def test_where_everything_is_accepted_only_what_waits_for_nothing_known_is_left(before: Sequence[CheckResult]) -> None:
    after = list(suppress(before, [Suppression("*", "x", TODAY)], TODAY))

    assert {each.status for each in after}.isdisjoint(HIDDEN)
    if not any(each.status is Status.BLOCKED for each in before):
        assert exit_code(after, fail_on_warning=True) is ExitCode.OK


@given(results(), KNOWN)
def test_it_can_be_told_as_the_results_come(before: Sequence[CheckResult], known: list[Suppression]) -> None:
    coming = suppress(iter(before), known, TODAY)

    for number in range(len(before)):
        assert next(coming) == list(suppress(before[: number + 1], known, TODAY))[-1]
