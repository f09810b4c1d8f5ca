"""How often what chance decides is tried: a short form in every run, and the long one in `make chaos`."""

from __future__ import annotations

import os

LONG = bool(os.environ.get("CHAOS_LONG"))


def times(short: int, long: int) -> int:
    return long if LONG else short
