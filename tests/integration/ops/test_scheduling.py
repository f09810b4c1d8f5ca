"""How checks run beside each other: driven by events, never by the clock."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from lomi_ops.domain.check import CheckResult, CheckSpec, Found, Severity, Status
from lomi_ops.domain.check_choice import Choice, choose
from lomi_ops.errors import ConfigError, DatabaseUnavailable, ObjectsUnavailable, RedisUnavailable
from lomi_ops.ops.checks import again
from lomi_ops.ops.checks.handles import Check, Handles, Probe
from lomi_ops.ops.checks.run import run_checks

NOTHING = cast(Handles, None)


def spec(slug: str, *needs: str, **more: Any) -> CheckSpec:
    return CheckSpec(f"LOMI-{slug}", slug, "it is so", "lomi check", needs, **more)


def run(pairs: Sequence[tuple[CheckSpec, Probe]], at: Handles = NOTHING, **options: Any) -> Iterator[CheckResult]:
    checks = [Check(*pair) for pair in pairs]
    return run_checks(at, checks, choose([check.spec for check in checks], Choice()), **options)


def always(status: Status) -> Probe:
    return lambda at: Found(status)


def raising(failure: Exception) -> Probe:
    def probe(at: Handles) -> Found:
        raise failure

    return probe


class _Place:
    def __init__(self, stack: Path | None = None) -> None:
        self.stack = stack


def found(failure: Exception, stack: Path | None = None) -> Found:
    at = cast(Handles, _Place(stack))
    return next(run([(spec("a"), raising(failure))], at)).found


def test_independent_checks_run_at_the_same_time() -> None:
    together = threading.Barrier(3)

    def meet(at: Handles) -> Found:
        together.wait(30)
        return Found(Status.PASS)

    results = list(run([(spec(name), meet) for name in "cab"]))

    assert sorted(result.spec.slug for result in results) == ["a", "b", "c"]
    assert {result.status for result in results} == {Status.PASS}


def test_a_result_is_there_before_later_ones_are_done() -> None:
    seen = threading.Event()

    def wait(at: Handles) -> Found:
        assert seen.wait(30)
        return Found(Status.PASS)

    running = run([(spec("quick"), always(Status.PASS)), (spec("slow"), wait)])
    assert next(running).spec.slug == "quick"
    seen.set()
    assert next(running).spec.slug == "slow"


def test_what_rests_on_a_failure_is_blocked_through_and_through() -> None:
    checks = [
        (spec("root"), always(Status.FAIL)), (spec("branch", "root"), always(Status.PASS)),
        (spec("leaf", "branch"), always(Status.PASS)), (spec("other"), always(Status.WARN)),
        (spec("child", "other"), always(Status.PASS)),
    ]  # fmt: skip

    results = {result.spec.slug: result.found for result in run(checks)}

    assert results["branch"] == Found(Status.BLOCKED, "needs root")
    assert results["leaf"] == Found(Status.BLOCKED, "needs root"), "the cause, not what stands between"
    assert results["child"].status is Status.PASS


def test_a_check_that_hangs_is_left_behind() -> None:
    release, over = threading.Event(), threading.Event()

    def hang(at: Handles) -> Found:
        release.wait(60)
        return Found(Status.PASS)

    def last(at: Handles) -> Found:
        over.set()
        return Found(Status.PASS)

    checks = [(spec("a"), hang), (spec("b", "a"), always(Status.PASS)), (spec("c"), last)]
    results = list(run(checks, limit_s=0.2, clock=lambda: float(over.is_set())))
    release.set()

    by_slug = {result.spec.slug: result for result in results}
    assert {slug: result.status for slug, result in by_slug.items()} == {
        "a": Status.UNKNOWN, "b": Status.BLOCKED, "c": Status.PASS,
    }  # fmt: skip
    assert by_slug["a"].found.detail == "timeout: no answer within 0.2 s, the limit of the whole run"
    assert by_slug["a"].found.hint


def test_what_waits_for_an_answer_as_the_run_ends_is_blocked_by_it_and_not_late_itself() -> None:
    release = threading.Event()

    def hang(at: Handles) -> Found:
        release.wait(60)
        return Found(Status.PASS)

    def clock() -> float:
        """The time is up as soon as the first check is under way."""
        return float(any(thread.name == "check a" for thread in threading.enumerate()))

    checks = [(spec("a"), hang), (spec("b", "a"), always(Status.PASS)), (spec("c"), always(Status.PASS))]
    results = {result.spec.slug: result.found for result in run(checks, limit_s=0.5, clock=clock)}
    release.set()

    assert results["a"].status is Status.UNKNOWN
    assert results["b"] == Found(Status.BLOCKED, "needs a")
    assert results["c"].detail.startswith("timeout: "), "it rests on nothing, and nobody came to it"


def test_a_check_has_a_limit_of_its_own_and_the_others_go_on() -> None:
    release = threading.Event()

    def hang(at: Handles) -> Found:
        release.wait(60)
        return Found(Status.PASS)

    results = list(run([(spec("a", timeout_s=0.05), hang), (spec("b"), always(Status.PASS))], limit_s=60))
    release.set()

    assert [result.spec.slug for result in results] == ["b", "a"]
    assert results[1].found.detail == "timeout: no answer within 0.05 s, the limit of this check"


def test_no_more_than_four_ask_the_same_target_at_once() -> None:
    lock, running, most = threading.Lock(), [0], [0]
    four = threading.Barrier(4)

    def ask(at: Handles) -> Found:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        four.wait(30)
        with lock:
            running[0] -= 1
        return Found(Status.PASS)

    results = list(run([(spec(f"redis.{number}"), ask) for number in range(8)]))

    assert len(results) == 8
    assert most[0] == 4


def test_a_hung_check_does_not_keep_its_place_at_the_target() -> None:
    release = threading.Event()

    def hang(at: Handles) -> Found:
        release.wait(60)
        return Found(Status.PASS)

    hung = [(spec(f"x.{number}", timeout_s=0.05), hang) for number in range(4)]
    results = list(run([*hung, (spec("x.last"), always(Status.PASS))], limit_s=60))
    release.set()

    assert {result.spec.slug for result in results if result.status is Status.PASS} == {"x.last"}


def test_a_warning_never_fails() -> None:
    checks = [(spec("a", severity=Severity.WARNING), always(Status.FAIL)), (spec("b", "a"), always(Status.PASS))]

    assert {result.status for result in run(checks)} == {Status.WARN, Status.PASS}


def test_what_is_left_out_is_skipped_with_a_reason_and_blocks_nothing() -> None:
    specs = [spec("a.b"), spec("c.d", "a.b")]
    checks = [Check(each, always(Status.PASS)) for each in specs]

    results = list(run_checks(NOTHING, checks, choose(specs, Choice(skip=("a",)))))

    assert [(result.status, result.found.detail) for result in results] == [
        (Status.SKIP, "left out with --skip"), (Status.PASS, ""),
    ]  # fmt: skip


def test_what_becomes_true_is_looked_at_again_and_what_stands_on_it_too() -> None:
    answers = iter([Status.FAIL, Status.FAIL, Status.PASS])
    asked: list[str] = []

    def coming(at: Handles) -> Found:
        asked.append("coming")
        return Found(next(answers))

    def never(at: Handles) -> Found:
        asked.append("never")
        return Found(Status.FAIL)

    specs = [spec("a", eventual=True), spec("b", "a"), spec("c")]
    checks = [Check(specs[0], coming), Check(specs[1], always(Status.PASS)), Check(specs[2], never)]
    chosen = choose(specs, Choice())
    told: list[str] = []

    results = again.until_well(
        chosen, lambda some: run_checks(NOTHING, checks, some), pause=lambda: True,
        tell=lambda result: told.append(f"{result.spec.slug} {result.attempts}"),
    )  # fmt: skip

    assert [(result.status, result.attempts) for result in results] == [
        (Status.PASS, 3), (Status.PASS, 3), (Status.FAIL, 1),
    ]  # fmt: skip
    assert asked.count("never") == 1
    assert told == ["a 1", "b 1", "a 2", "b 2"]


def test_waiting_ends_when_there_is_no_time_left() -> None:
    pauses = iter([True, False])
    specs = [spec("a", eventual=True)]
    checks = [Check(specs[0], always(Status.FAIL))]

    results = again.until_well(
        choose(specs, Choice()), lambda some: run_checks(NOTHING, checks, some), pause=lambda: next(pauses)
    )

    assert [(result.status, result.attempts) for result in results] == [(Status.FAIL, 2)]


def test_a_check_that_breaks_silences_no_other() -> None:
    seen = found(ZeroDivisionError("x"))

    assert (seen.status, seen.detail) == (Status.UNKNOWN, "the check itself broke: ZeroDivisionError: x")


def test_an_outage_is_a_failure_and_a_timeout_is_a_doubt() -> None:
    late = ObjectsUnavailable("no answer", hint="look")
    late.__cause__ = TimeoutError()

    assert found(ObjectsUnavailable("refused", hint="look")) == Found(Status.FAIL, "refused", "look")
    assert found(late) == Found(Status.UNKNOWN, "timeout: no answer", "look")
    assert found(ConfigError("wrong")).status is Status.FAIL


def test_the_local_stack_is_started_where_its_services_are_gone() -> None:
    for failure in (RedisUnavailable("gone", hint="lomi check"), DatabaseUnavailable("gone")):
        assert found(failure, Path("/srv/stack")).hint == "lomi up --data /srv/stack"
        assert "lomi config show --origin" in found(failure).hint
