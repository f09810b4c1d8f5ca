"""What is asked of a Prometheus that may hold the numbers of several clusters."""

from __future__ import annotations

import re

NAME = re.compile(r"\b(lomi_\w+)(\{)?")


def scoped(expr: str, matcher: str) -> str:
    """The expression with one more matcher for each of our numbers in it."""
    return NAME.sub(lambda found: f"{found[1]}{{{matcher}{',' if found[2] else '}'}", expr)
