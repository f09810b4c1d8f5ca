"""Whether a program may write to a schema that it does not know."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class Standing(StrEnum):
    """How a program stands to a schema."""

    FITS = "fits"
    OLDER = "older"
    """The schema is newer, and says that this program may write all the same."""
    TOO_OLD = "too_old"
    """The schema is newer, and says that this program must not write."""


def standing(known: int, oldest_writers: Sequence[int]) -> Standing:
    """Of a program whose last migration is `known`; `oldest_writers` has, for each applied migration that it does not
    know, the lowest level that may still write beside it."""
    if not oldest_writers:
        return Standing.FITS
    return Standing.OLDER if known >= max(oldest_writers) else Standing.TOO_OLD
