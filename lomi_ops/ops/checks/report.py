"""The outcome of one run, as every format writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lomi_ops.domain.check import CheckResult, Status, critical_path, exit_code, summary
from lomi_ops.errors import ExitCode, LomiError


@dataclass(frozen=True, slots=True)
class Report:
    started: datetime
    """Aware, UTC."""
    duration_ms: float
    results: tuple[CheckResult, ...]
    """In the declared order."""
    version: str
    """Of this program."""
    profile: str | None = None
    """Of the configuration file, where one holds."""
    fail_on_warning: bool = False
    green_at: datetime | None = None
    """When the last green run on this target was, where one is remembered."""
    ended: int | None = None
    """The exit code for a signal by which somebody ended the run: what was not known by then is `unknown`."""
    failure: LomiError | None = None
    """Why there was no run at all."""

    @property
    def interrupted(self) -> bool:
        return self.ended is not None

    @property
    def code(self) -> int:
        """Of the process, in every format but nagios."""
        if self.ended is not None:
            return self.ended
        if self.failure is not None:
            return int(self.failure.exit_code)
        return int(exit_code(self.results, fail_on_warning=self.fail_on_warning))

    @property
    def green(self) -> bool:
        """Nothing failed and nothing is in doubt."""
        return exit_code(self.results) is ExitCode.OK and not self.interrupted and self.failure is None

    @property
    def counts(self) -> dict[str, int]:
        return summary(self.results)

    @property
    def critical_path(self) -> tuple[str, ...]:
        return critical_path(self.results)

    def of(self, *statuses: Status) -> Sequence[CheckResult]:
        return [result for result in self.results if result.status in statuses]
