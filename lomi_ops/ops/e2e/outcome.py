"""What a run found out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from lomi_ops.domain.stopped import NOBODY_LISTENS, NOBODY_LISTENS_HINT
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.domain.way import BatchWay, PhotoWay, Sees, missed
from lomi_ops.errors import ExitCode
from lomi_ops.ops.e2e.handles import Left
from lomi_ops.ops.unknowns import Unknown


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that is not as it should be, and that no photo was lost by."""

    text: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    via: str
    sees: Sees
    batches: tuple[BatchWay, ...]
    elapsed_s: float
    """From the first upload to the last word."""
    user_id: UUID | None = None
    listeners: int | None = None
    """On the channel, without us; None where nobody can tell."""
    local: bool = False
    kept: bool = False
    left: tuple[Left, ...] = ()
    unknown: tuple[Unknown, ...] = ()

    @property
    def photos(self) -> tuple[PhotoWay, ...]:
        return tuple(photo for batch in self.batches for photo in batch.photos)

    @property
    def bad(self) -> tuple[PhotoWay, ...]:
        """Photos that were lost, could not be judged, or were not decided in time."""
        return tuple(
            photo
            for batch in self.batches
            for photo in batch.photos
            if not (batch.sent and photo.done(self.sees)) or photo.decision == MediaStatus.FAILED
        )

    @property
    def warnings(self) -> tuple[Warned, ...]:
        found = [Warned(each.text) for each in missed(self.batches)]
        wrong = [photo for photo in self.photos if photo.as_expected is False]
        found += [Warned(f"{photo.name} is {photo.said}; the samples expect {photo.expected}") for photo in wrong[:5]]
        twice = [photo.name for photo in self.photos if photo.messages > 1]
        if twice:
            text = f"published more than once, and each message is a push to a person: {', '.join(twice[:5])}"
            found.append(Warned(text, "lomi queue stats"))
        if self.listeners == 0 and not self.local:
            found.append(Warned(NOBODY_LISTENS, NOBODY_LISTENS_HINT))
        if self.left:
            found.append(Warned(f"{_counted(self.left)} of this run could not be removed", self._clean_hint))
        return tuple(found)

    @property
    def _clean_hint(self) -> str:
        return "lomi e2e --clean" if self.via == "direct" else "delete them in the app of this account"

    def exit_code(self, *, fail_on_warning: bool = False) -> ExitCode:
        """Of a run that came to its end; one that broke off has the code of its error."""
        if self.bad:
            return ExitCode.BAD
        return ExitCode.WARNINGS if fail_on_warning and self.warnings else ExitCode.OK


def _counted(left: Sequence[Left]) -> str:
    return "1 thing" if len(left) == 1 else f"{len(left)} things"
