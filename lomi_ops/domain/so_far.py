"""How far a pile has been looked through that a filter narrows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lomi_ops.domain.pile import Pile


@dataclass(frozen=True, slots=True)
class SoFar:
    """Where a look stopped that is not through yet."""

    part: Pile
    """The one pile that it is at."""
    photos: int
    """That were looked at in all, whether they match or not."""
    back_to: datetime | None
    """The upload of the last one."""
    again: bool = False
    """Whether this is another look from the front, for what came back and what is new."""
