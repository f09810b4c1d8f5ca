"""How checks run beside each other: driven by events, never by the clock."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import cast

from lomi_ops.domain.check import CheckSpec, Found, Status
from lomi_ops.errors import ConfigError, DatabaseUnavailable, ObjectsUnavailable, RedisUnavailable
from lomi_ops.ops.checks.probes import Handles
from lomi_ops.ops.checks.run import Probe, run_checks

NOTHING = cast(Handles, None)


def spec(slug: str, *needs: str) -> CheckSpec:
    return CheckSpec(f"LOMI-{slug}", slug, slug, "", needs)


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
    return next(run_checks(at, [(spec("a"), raising(failure))])).found


def test_independent_checks_run_at_the_same_time_and_come_in_the_declared_order() -> None:
    together = threading.Barrier(3)

    def meet(at: Handles) -> Found:
        together.wait(30)
        return Found(Status.PASS)

    results = list(run_checks(NOTHING, [(spec(name), meet) for name in "cab"]))

    assert [result.spec.slug for result in results] == ["c", "a", "b"]
    assert {result.status for result in results} == {Status.PASS}


def test_a_result_is_there_before_later_ones_are_done() -> None:
    seen = threading.Event()

    def wait(at: Handles) -> Found:
        assert seen.wait(30)
        return Found(Status.PASS)

    running = run_checks(NOTHING, [(spec("quick"), always(Status.PASS)), (spec("slow"), wait)])
    assert next(running).spec.slug == "quick"
    seen.set()
    assert next(running).spec.slug == "slow"


def test_what_rests_on_a_failure_is_blocked_through_and_through() -> None:
    checks = [
        (spec("root"), always(Status.FAIL)), (spec("branch", "root"), always(Status.PASS)),
        (spec("leaf", "branch"), always(Status.PASS)), (spec("other"), always(Status.WARN)),
        (spec("child", "other"), always(Status.PASS)),
    ]  # fmt: skip

    results = {result.spec.slug: result.found for result in run_checks(NOTHING, checks)}

    assert results["branch"] == Found(Status.BLOCKED, "needs root")
    assert results["leaf"] == Found(Status.BLOCKED, "needs branch")
    assert results["child"].status is Status.PASS


def test_a_check_that_hangs_is_left_behind() -> None:
    release = threading.Event()

    def hang(at: Handles) -> Found:
        release.wait(60)
        return Found(Status.PASS)

    checks = [(spec("a"), hang), (spec("b", "a"), always(Status.PASS)), (spec("c"), always(Status.PASS))]
    results = list(run_checks(NOTHING, checks, limit_s=0.05))
    release.set()

    assert [result.status for result in results] == [Status.UNKNOWN, Status.BLOCKED, Status.PASS]
    assert results[0].found.detail == "timeout: no answer within 0.05 s"
    assert results[0].found.hint


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
