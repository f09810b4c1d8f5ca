"""What the app asks of the desk, in the words of the screen. Every call may wait for the database: never on the event
loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID, uuid4

from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.domain.macro import Macro
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.saved_filter import SavedFilter, check
from lomi_ops.domain.so_far import SoFar
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.tui.review.exhibit import Exhibit


class Keep(Protocol):
    """Keeps a filter beside those that are known; all of them then. Raises LomiError."""

    def __call__(self, known: tuple[SavedFilter, ...], name: str, text: str) -> tuple[SavedFilter, ...]: ...


def kept_for_now(known: tuple[SavedFilter, ...], name: str, text: str) -> tuple[SavedFilter, ...]:
    """As `Keep`, for this session alone."""
    check(name, text)
    return (*(each for each in known if each.name != name), SavedFilter(name, text, own=True))


@dataclass(frozen=True, eq=False)
class Order:
    """What the reviewer said about some photos. The same order is given again until the database has answered."""

    exhibits: tuple[Exhibit, ...]
    macro: Macro
    """What, and why; without a name where the reviewer said why in words of their own."""
    id: UUID = field(default_factory=uuid4)
    """The same order when it is given again, wherever it is carried out."""

    @property
    def status(self) -> MediaStatus:
        return self.macro.status

    @property
    def reason(self) -> Reason | None:
        return self.macro.because

    @property
    def word(self) -> str:
        """`approved`, `rejected: blurry`."""
        return f"{self.status.value}: {self.reason.value}" if self.reason else self.status.value


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of an order, and what takes it back."""

    steps: tuple[UUID, ...]
    """One, unless the database went away in the middle."""
    done: tuple[UUID, ...]
    word: str
    due_at: datetime
    """Until then nobody is told, and taking it back is silent."""
    refused: Mapping[UUID, str] = field(default_factory=dict)
    """Photos that stay as they are, and why."""


@dataclass(frozen=True, slots=True)
class Back:
    """What taking a step back came to."""

    exhibits: tuple[Exhibit, ...]
    """The photos as they stand again, in the reviewer's hands."""
    words: str
    refused: Mapping[UUID, str] = field(default_factory=dict)


class Work(Protocol):
    """Every method raises LomiError, DatabaseUnavailable where nothing can be said or done now. Those that change what
    the reviewer holds are called one after the other."""

    def counts(self) -> Mapping[Pile, int]:
        """Up to `pile.COUNTED` photos of each."""

    def narrow(self, text: str) -> None:
        """From now on only photos that this filter admits. Raises UsageError."""
        ...

    def deal(self, pile: Pile, limit: int) -> tuple[Exhibit, ...]:
        """Claims the next photos of a pile; fewer where there are no more, or where `so_far` says that it takes long to
        find them: then the next call goes on looking."""
        ...

    def so_far(self) -> SoFar | None:
        """How far the last `deal` looked that brought too few; None where the pile is through."""
        ...

    def deal_batch(self, around: Exhibit) -> tuple[tuple[Exhibit, ...], Mapping[UUID, str]]:
        """The photos that came with one, it among them; and why some of them are not to be had."""
        ...

    def deal_similar(self, around: Exhibit) -> tuple[tuple[Exhibit, ...], Mapping[UUID, str]]:
        """As `deal_batch`, the photos that look the same as one."""
        ...

    def decide(self, order: Order) -> Taken: ...

    def undo(self, taken: Taken) -> Back: ...

    def put_back(self, exhibits: Sequence[Exhibit]) -> None:
        """Gives photos back to whoever comes next."""
        ...

    def skip(self, exhibit: Exhibit) -> None:
        """Gives a photo back and does not deal it again in this session."""
        ...

    def leave(self, exhibits: Sequence[Exhibit]) -> None:
        """Gives these photos back, and those that were dealt last: nobody may have seen them."""
        ...

    def beat(self, exhibits: Sequence[Exhibit]) -> Mapping[UUID, datetime]:
        """Holds on to photos; those that are lost are missing in the answer."""
        ...

    def publish(self) -> None:
        """Tells the app what is due. Raises RedisUnavailable."""
        ...

    def look(self, exhibit: Exhibit) -> tuple[str, ...]:
        """The history of photo and user in lines. Of a suspected minor the look goes on record first."""
        ...

    def unhashed(self, exhibit: Exhibit) -> bool:
        """Whether nobody knew what a photo looks like when it was looked at."""
        ...

    def remember(self, exhibit: Exhibit, seen: Fingerprint) -> tuple[str, ...]:
        """Keeps what an unhashed photo looks like; lines about those that look the same, for its history."""
        ...

    def reveal(self, exhibits: Sequence[Exhibit]) -> str:
        """Notes that pictures are made visible, before they are; a reminder to rest, or nothing."""
        ...

    def note(self, exhibit: Exhibit, text: str) -> None: ...
