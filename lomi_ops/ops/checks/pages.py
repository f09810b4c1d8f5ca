"""The help pages of the checks: `help/<category>.md`, a section for each check.

What stands before the first section belongs to every page of the category.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from lomi_ops.domain.check import CheckSpec
from lomi_ops.errors import NotFound

LABELS = ("Why:", "Do:", "Accept:")
"""What a page answers, in this order, after it has said what is asserted."""
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Page:
    """Paragraphs of one line each; commands and settings in backticks."""

    paragraphs: tuple[str, ...]
    aside: str
    """For every check of the category: how to get at the service, for instance."""


def page(spec: CheckSpec) -> Page:
    """Raises NotFound where nobody has written one, which a test keeps from happening."""
    aside, sections = _file(spec.category)
    body = sections.get(f"{spec.id} {spec.slug}")
    if body is None:
        raise NotFound(f"there is no page for {spec.id}", hint="lomi help checks")
    return Page(tuple(_paragraphs(body)), aside)


def titles(category: str) -> tuple[str, ...]:
    """Of the sections in a category's file, each `ID slug`."""
    return tuple(_file(category)[1])


@cache
def _file(category: str) -> tuple[str, Mapping[str, str]]:
    place = files("lomi_ops.ops.checks").joinpath(f"help/{category}.md")
    text = place.read_text("utf-8") if place.is_file() else ""
    head, *rest = _SECTION.split(text)
    aside = " ".join(line for line in head.splitlines() if not line.startswith("#")).strip()
    return aside, dict(zip(rest[::2], rest[1::2], strict=True))


def _paragraphs(body: str) -> Iterator[str]:
    lines: list[str] = []
    for line in body.strip().splitlines():
        if line.startswith(LABELS) and lines:
            yield " ".join(lines)
            lines = []
        lines.append(line)
    yield " ".join(lines)
