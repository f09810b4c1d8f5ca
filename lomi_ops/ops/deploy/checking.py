"""The checks before and after a deploy: those of `lomi check --scope`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from lomi_ops.domain.check import CheckResult, Scope
from lomi_ops.domain.check_choice import Choice, Chosen, choose
from lomi_ops.ops.checks import again
from lomi_ops.ops.checks.catalogue import CHECKS, SPECS
from lomi_ops.ops.checks.handles import Handles
from lomi_ops.ops.checks.run import run_checks

PATIENCE_S = 60.0
"""After a deploy, for what becomes true by itself."""
_AGAIN_S = 2.0

Judged = Callable[[Iterable[CheckResult]], Iterator[CheckResult]]
"""Marks what was accepted."""


def checked(
    at: Handles,
    scope: Scope,
    judged: Judged,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[CheckResult]:
    """The results in the declared order. Before a deploy nothing is waited for."""
    chosen = choose(SPECS, Choice(scope=scope))
    deadline = clock() + (PATIENCE_S if scope is Scope.POST_DEPLOY else 0.0)

    def run(wanted: Sequence[Chosen]) -> Iterable[CheckResult]:
        return judged(run_checks(at, CHECKS, wanted))

    def pause() -> bool:
        left = deadline - clock()
        if left > 0:
            sleep(min(_AGAIN_S, left))
        return left > 0

    return again.until_well(chosen, run, pause=pause)
