"""What lies before a reviewer: photos in their hands, what was said of each, and where they look. Pure; every step
gives a new table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from lomi_ops.imaging.framing import Frame
from lomi_ops.tui.review.exhibit import Exhibit

WHOLE = Frame()
PREFETCH = 3
"""Open photos after the one that is looked at: claimed and fetched before they are asked for."""


class Mark(StrEnum):
    """How far a photo has come."""

    OPEN = "open"
    SENDING = "sending"
    """Decided by the reviewer, not yet in the database."""
    DECIDED = "decided"
    SKIPPED = "skipped"
    LOST = "lost"
    """Somebody else has it, or it changed: nothing that is said here counts."""


@dataclass(frozen=True, slots=True)
class Item:
    """One photo on the table."""

    exhibit: Exhibit
    mark: Mark = Mark.OPEN
    word: str = ""
    """What was said of it, or why it is lost."""
    revealed: bool = False
    chosen: bool = False

    @property
    def media_id(self) -> UUID:
        return self.exhibit.media_id

    @property
    def open(self) -> bool:
        return self.mark is Mark.OPEN


@dataclass(frozen=True, slots=True)
class Table:
    """Photos one after the other, or all of a batch beside each other."""

    items: tuple[Item, ...] = ()
    at: int = 0
    grid: bool = False
    boxes: bool = False
    frame: Frame = WHOLE
    exhausted: bool = False
    """There is nothing more to claim."""

    @property
    def current(self) -> Item | None:
        return self.items[self.at] if 0 <= self.at < len(self.items) else None

    @property
    def open_items(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.open)

    @property
    def wants(self) -> int:
        """How many more photos to claim: none in a grid, where a batch is claimed as a whole."""
        if self.grid or self.exhausted:
            return 0
        return max(0, PREFETCH + 1 - len(self.open_items))

    @property
    def targets(self) -> tuple[Item, ...]:
        """What a decision is about: the open photos that were chosen, else the one that is looked at."""
        if chosen := tuple(item for item in self.open_items if item.chosen):
            return chosen
        return (self.current,) if self.current is not None and self.current.open else ()

    @property
    def upcoming(self) -> tuple[Item, ...]:
        """The photo that is looked at and those that come next."""
        return self.items[self.at :] if not self.grid else self.items


def dealt(table: Table, exhibits: Iterable[Exhibit], *, grid: bool, first: UUID | None = None) -> Table:
    """Only these photos, the look on `first`. Boxes stay on or off."""
    items = tuple(Item(exhibit) for exhibit in exhibits)
    at = next((place for place, item in enumerate(items) if item.media_id == first), 0)
    return Table(items, at, grid, table.boxes)


def joined(table: Table, exhibits: Iterable[Exhibit]) -> Table:
    """Further photos at the end; what is closed and no longer looked at leaves the table."""
    known = {item.media_id for item in table.items if item.open}
    fresh = tuple(Item(exhibit) for exhibit in exhibits if exhibit.media_id not in known)
    return _settled(replace(table, items=table.items + fresh))


def moved(table: Table, by: int) -> Table:
    """The look goes to another photo of the grid."""
    if not table.items:
        return table
    return replace(table, at=min(max(0, table.at + by), len(table.items) - 1), frame=WHOLE)


def toggled(table: Table) -> Table:
    """The photo that is looked at is chosen, or no longer."""
    if table.current is None or not table.current.open:
        return table
    return _with(table, {table.current.media_id}, lambda item: replace(item, chosen=not item.chosen))


def all_chosen(table: Table) -> Table:
    """Every open photo; none, where all were chosen already."""
    wish = not all(item.chosen for item in table.open_items)
    return _with(table, [item.media_id for item in table.open_items], lambda item: replace(item, chosen=wish))


def revealed(table: Table, media_ids: Collection[UUID], *, yes: bool = True) -> Table:
    return _with(table, media_ids, lambda item: replace(item, revealed=yes))


def marked(table: Table, media_ids: Collection[UUID], mark: Mark, word: str = "") -> Table:
    """What became of some photos. The look goes on to the next open one where it was on one that is closed now."""
    return _settled(_with(table, media_ids, lambda item: replace(item, mark=mark, word=word, chosen=False)))


def returned(table: Table, exhibits: Iterable[Exhibit]) -> Table:
    """Photos that were decided lie open again, as they stand now: in a grid at their place, else before the others."""
    fresh = {exhibit.media_id: exhibit for exhibit in exhibits}
    if not fresh:
        return table
    kept = tuple(
        Item(fresh.pop(item.media_id), revealed=item.revealed) if item.media_id in fresh else item
        for item in table.items
    )
    first = next((at for at, item in enumerate(kept) if item.open), 0)
    if table.grid:
        return replace(table, items=kept, at=first, frame=WHOLE)
    back = tuple(Item(exhibit) for exhibit in fresh.values())
    return replace(table, items=back + kept, at=0 if back else first, frame=WHOLE)


def with_boxes(table: Table) -> Table:
    """Boxes on, or off."""
    return replace(table, boxes=not table.boxes)


def closer(table: Table) -> Table:
    """Twice as close to the photo that is looked at."""
    return replace(table, frame=table.frame.closer())


def panned(table: Table, right: int, down: int) -> Table:
    return replace(table, frame=table.frame.moved(right, down))


def renewed(table: Table, until: dict[UUID, datetime]) -> Table:
    """Claims that hold longer now."""
    return _with(table, until, lambda item: replace(item, exhibit=replace(item.exhibit, until=until[item.media_id])))


def expired(table: Table, now: datetime) -> tuple[UUID, ...]:
    """Open photos whose claim is over."""
    return tuple(item.media_id for item in table.open_items if item.exhibit.until <= now)


def put_away(table: Table) -> Table:
    """A photo about which there is nothing more to say leaves the table."""
    return _settled(_with(table, [item.media_id for item in table.items if item.mark is Mark.LOST], _skipped))


def _skipped(item: Item) -> Item:
    return replace(item, mark=Mark.SKIPPED)


def _settled(table: Table) -> Table:
    """The look is on something open, where there is such a thing. Outside a grid what is closed leaves the table: the
    last photo when another one comes or there is none, a conflict only with that."""
    current = table.current
    if table.grid:
        if current is None or current.open:
            return table
        places = [place for place, item in enumerate(table.items) if item.open]
        later = [place for place in places if place > table.at]
        return replace(table, at=(later or places or [table.at])[0], frame=WHOLE)
    looked = current
    if current is None or not current.open:
        following = [item for item in table.items[table.at :] if item.open]
        stays = table.items[-1:] if table.items and (not table.exhausted or table.items[-1].mark is Mark.LOST) else ()
        looked = (*following, *table.open_items, *stays, None)[0]
    items = tuple(item for item in table.items if item is looked or item.open)
    at = next((place for place, item in enumerate(items) if item is looked), 0)
    return replace(table, items=items, at=at, frame=table.frame if looked is current else WHOLE)


def _with(table: Table, media_ids: Collection[UUID], change: Callable[[Item], Item]) -> Table:
    items = tuple(change(item) if item.media_id in media_ids else item for item in table.items)
    return replace(table, items=items)
