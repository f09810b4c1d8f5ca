"""What a run of checks means."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.check import CheckResult, CheckSpec, Found, Status, blocked_by, exit_code, summary, to_do
from lomi_ops.errors import ExitCode
from lomi_ops.ops.checks.catalogue import SPECS

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
