"""What is wrong with the cluster end to end, why it matters, and the one command to run next. Pure.

Rules are functions from facts to findings. A finding's place in `ORDER` says what causes what: a cause stands before
its consequences, so that the first one is what an operator mends first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lomi_ops.errors import ExitCode

LAST_WORDS = 5
"""Lines of a log that are shown."""


class Area(StrEnum):
    """What `lomi doctor` can be asked about."""

    FLOW = "flow"
    WORKERS = "workers"
    COMPREFACE = "compreface"
    REJECTIONS = "rejections"


class Gravity(StrEnum):
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """Nobody can tell."""
    NOTE = "note"
    """It explains something, and nothing is to be done."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was seen."""

    id: str
    """Stable, one of `ORDER`."""
    gravity: Gravity
    seen: str
    why: str
    """Why it matters."""
    next: str = ""
    """The one command to run next."""
    lines: tuple[str, ...] = ()
    """Evidence: last words of a log, photos."""

    @property
    def area(self) -> Area:
        return Area(self.id.partition(".")[0])


@dataclass(frozen=True, slots=True)
class Failure:
    """A source that could not be asked."""

    source: str
    """`redis`, `postgres`, `docker`, …"""
    message: str
    hint: str = ""
    slow: bool = False
    """It gave no answer in time: how it is, nobody knows."""


ORDER = (
    "flow.containers",
    "flow.redis",
    "flow.postgres",
    "flow.paused",
    "workers.containers",
    "workers.memory",
    "workers.start",
    "workers.none",
    "workers.silent",
    "compreface.container",
    "compreface.down",
    "compreface.photo",
    "flow.held",
    "workers.restarts",
    "flow.running_long",
    "flow.overdue",
    "flow.lost",
    "flow.never_queued",
    "flow.unapplied",
    "flow.dead",
    "flow.open",
    "flow.approved_before",
    "flow.no_key",
    "flow.unheard",
    "flow.listeners",
    "flow.backlog",
    "rejections.high",
    "rejections.one_user",
    "compreface.key",
    "compreface.exposed",
    "workers.images",
    "workers.quiet",
    "workers.unseen",
    "workers.docker",
    "compreface.unknown",
    "rejections.unknown",
    "rejections.few",
    "compreface.none",
    "flow.in_review",
    "flow.young",
)
_SAID_BY = {"rejections.unknown": "flow.postgres"}
"""What is not known since its source does not answer, and the finding that says so."""
_GRAVEST = (Gravity.WRONG, Gravity.UNKNOWN, Gravity.NOTE)


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The most important first: what is wrong before what is not known, causes before consequences. A source that does
    not answer is told once."""
    found = list(findings)
    ids = {each.id for each in found}
    told = [each for each in found if _SAID_BY.get(each.id) not in ids]
    return tuple(sorted(told, key=lambda each: (_GRAVEST.index(each.gravity), ORDER.index(each.id))))


def exit_code(findings: Sequence[Finding]) -> ExitCode:
    gravities = {finding.gravity for finding in findings}
    if Gravity.WRONG in gravities:
        return ExitCode.BAD
    return ExitCode.UNKNOWN if Gravity.UNKNOWN in gravities else ExitCode.OK


def unreachable(finding_id: str, failure: Failure, why: str, command: str) -> Finding:
    """A source that does not answer is wrong; one that is only slow, or does not let us in, is unknown."""
    gravity = Gravity.UNKNOWN if failure.slow else Gravity.WRONG
    return Finding(finding_id, gravity, failure.message, why, command)


def counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
