"""Indexes of `media` that the contract does not have and that make some questions quick.

The table is the backend's, and nothing needs them: `verify` misses none. Those that hold a few rows alone cost it next
to nothing, so `apply` builds them unasked (`unasked.py`); the others are built because somebody asked for them by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lomi_ops.db.migration.step import Step, index_step
from lomi_ops.db.pool import Session

FOLDER = "proposed"


@dataclass(frozen=True, slots=True)
class Proposed:
    name: str
    serves: str
    """What is quick with it."""
    columns: frozenset[str] = frozenset()
    """Of the contract's, those that it rests on."""
    unasked: bool = False
    """Whether `lomi migrate apply` builds it."""


PROPOSED = (
    Proposed(
        "media_piles", "lomi review: the first photo, lists and counts of what is rejected, failed or waits",
        frozenset({"moderation_status", "moderation_reason"}), unasked=True,
    ),
    Proposed(
        "media_minors", "lomi review: suspected minors, which it holds alone",
        frozenset({"moderation_reason", "moderation_scores"}), unasked=True,
    ),
    Proposed("media_user", "the photos of one user, in lomi review and lomi media"),
    Proposed("media_reports", "lomi report, and lists by time in lomi media; a quarter as large as the table"),
)  # fmt: skip
UNASKED = tuple(each for each in PROPOSED if each.unasked)


class Built(StrEnum):
    THERE = "there"
    MISSING = "missing"
    INVALID = "invalid"
    """Left by a build that was interrupted, or being built at this moment."""


@dataclass(frozen=True, slots=True)
class ProposedIndex:
    """One of them, as it stands in a database."""

    proposed: Proposed
    built: Built
    bytes: int
    """On disk; 0 where it is missing."""


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    valid: bool
    bytes: int


def standing(session: Session) -> tuple[ProposedIndex, ...]:
    """Each of them, by its name alone: an index of another name that does the same is not recognised."""
    names = [each.name for each in PROPOSED]
    found = {row.name: row for row in session.all(_Found, "media_indexes_of", names=names)}
    return tuple(_index(each, found.get(each.name)) for each in PROPOSED)


def _index(proposed: Proposed, found: _Found | None) -> ProposedIndex:
    if found is None:
        return ProposedIndex(proposed, Built.MISSING, 0)
    return ProposedIndex(proposed, Built.THERE if found.valid else Built.INVALID, found.bytes)


def steps(there: Sequence[ProposedIndex], names: Sequence[str]) -> tuple[Step, ...]:
    """What builds those of these that are not there yet."""
    return tuple(
        index_step(each.proposed.name, FOLDER, invalid=each.built is Built.INVALID)
        for each in there
        if each.proposed.name in names and each.built is not Built.THERE
    )
