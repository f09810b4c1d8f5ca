"""What a run of checks means."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.check import (
    OBSTACLES,
    CheckResult,
    CheckSpec,
    Found,
    Status,
    blocked_by,
    critical_path,
    exit_code,
    summary,
    to_do,
)
from lomi_ops.errors import ExitCode
from lomi_ops.ops.checks.catalogue import SPECS
from tests.unit.check.reports import results

STATUSES = st.lists(st.sampled_from(Status))


def result(status: Status, slug: str = "a.b", *needs: str) -> CheckResult:
    return CheckResult(CheckSpec(f"LOMI-{slug}", slug, "it is so", "lomi check", needs), Found(status))


@given(STATUSES)
def test_failure_beats_doubt_and_doubt_beats_fine(statuses: list[Status]) -> None:
    code = exit_code(map(result, statuses))

    if Status.FAIL in statuses:
        assert code is ExitCode.BAD
    elif Status.UNKNOWN in statuses or Status.BLOCKED in statuses:
        assert code is ExitCode.UNKNOWN
    else:
        assert code is ExitCode.OK


@given(STATUSES)
def test_a_warning_counts_only_for_who_asks(statuses: list[Status]) -> None:
    strict, usual = (exit_code(map(result, statuses), fail_on_warning=asked) for asked in (True, False))

    assert strict is usual or (usual is ExitCode.OK and strict is ExitCode.WARNINGS and Status.WARN in statuses)


@given(STATUSES)
def test_what_is_to_be_done_ends_with_the_failures(statuses: list[Status]) -> None:
    urgent = [each.status for each in to_do(map(result, statuses))]

    order = [Status.WARN, Status.UNKNOWN, Status.FAIL]
    assert urgent == sorted((status for status in statuses if status in order), key=order.index)


@given(STATUSES)
def test_the_summary_counts_every_check_once(statuses: list[Status]) -> None:
    counts = summary(map(result, statuses))

    assert list(counts) == [status.value for status in Status]
    assert sum(counts.values()) == len(statuses)


def test_only_what_failed_or_is_unknown_blocks() -> None:
    spec = CheckSpec("LOMI-X", "x.y", "", "", ("a.b",))
    blocking = {status for status in Status if blocked_by(spec, {"a.b": result(status)}) == "a.b"}

    assert blocking == {Status.FAIL, Status.UNKNOWN, Status.BLOCKED}


def test_every_check_stands_behind_what_it_needs_and_has_an_id_of_its_own() -> None:
    slugs = [spec.slug for spec in SPECS]

    assert all(need in slugs[: slugs.index(spec.slug)] for spec in SPECS for need in spec.needs)
    assert len({spec.id for spec in SPECS}) == len(set(slugs)) == len(SPECS)


@given(results())
def test_the_critical_path_is_the_longest_chain_of_needs(found: Sequence[CheckResult]) -> None:
    by_slug = {each.spec.slug: each for each in found}

    def longest(slug: str) -> float:
        return by_slug[slug].duration_ms + max(map(longest, by_slug[slug].spec.needs), default=0.0)

    path = critical_path(found)

    assert (path == ()) == (not found)
    assert all(before in by_slug[after].spec.needs for before, after in pairwise(path))
    assert sum(by_slug[slug].duration_ms for slug in path) == pytest.approx(max(map(longest, by_slug), default=0.0))


def test_a_need_that_is_not_in_the_run_is_no_part_of_the_path() -> None:
    assert critical_path([result(Status.PASS, "c.d", "a.b")]) == ("c.d",)


@given(results())
def test_what_is_blocked_names_something_that_failed_by_itself(found: Sequence[CheckResult]) -> None:
    by_slug = {each.spec.slug: each for each in found}
    for each in found:
        cause = blocked_by(each.spec, by_slug)
        obstacles = [need for need in each.spec.needs if by_slug[need].status in OBSTACLES]
        assert (cause is None) == (not obstacles)
        if cause is not None:
            assert by_slug[cause].status in OBSTACLES
            assert by_slug[cause].status is not Status.BLOCKED or blocked_by(by_slug[cause].spec, by_slug) is None
