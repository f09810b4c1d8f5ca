"""The one rule for commands that act on many things: more than a handful is confirmed by its true number."""

from __future__ import annotations

from lomi_ops.errors import Refused

HANDFUL = 10
"""So many can be acted on without saying their number."""


def require_count(count: int, confirmed: int | None, *, noun: str, again: str, none: str) -> None:
    """Refuses what was not confirmed by its true number. `again` is the command line without the confirmation, `none`
    the hint where there is nothing to act on."""
    if confirmed is not None and confirmed != count:
        matching = f"1 {noun} matches" if count == 1 else f"{count} {noun}s match"
        hint = f"{again} --confirm-count {count}" if count else none
        raise Refused(f"{matching}, not {confirmed}; nothing was changed", hint=hint)
    if confirmed is None and count > HANDFUL:
        text = f"{count} {noun}s match; more than {HANDFUL} must be confirmed by their number; nothing was changed"
        raise Refused(text, hint=f"{again} --confirm-count {count}")
