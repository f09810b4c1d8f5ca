"""Which checks run: by id, slug, category or pattern, by scope and by cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from lomi_ops.domain.check import CheckSpec, Cost, Scope


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody asked for."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    scope: Scope | None = None
    deep: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """One check of a run; `left_out` says why it is not looked at, or is empty."""

    spec: CheckSpec
    left_out: str = ""


def matches(spec: CheckSpec, pattern: str) -> bool:
    """An id, a slug, a category, or a pattern (`*`, `?`) of one of them; upper and lower case are the same."""
    wanted = pattern.lower()
    return any(fnmatchcase(name.lower(), wanted) for name in (spec.id, spec.slug, spec.category))


def unknown_patterns(specs: Sequence[CheckSpec], patterns: Iterable[str]) -> dict[str, str]:
    """The patterns that choose nothing, each with the nearest name there is, or nothing."""
    names = [name for spec in specs for name in (spec.slug, spec.id.lower(), spec.category)]
    return {
        pattern: next(iter(get_close_matches(pattern.lower(), names, 1, 0.5)), "")
        for pattern in patterns
        if not any(matches(spec, pattern) for spec in specs)
    }


def choose(specs: Sequence[CheckSpec], choice: Choice) -> list[Chosen]:
    """The checks of a run in the declared order, and what they rest on.

    With `only`, others are not in the run at all; all that is left out otherwise is in it, with a reason. A deep check
    runs without `deep` where its own id or slug is named, not where a category or a pattern takes it along.
    """
    meant = {spec.slug for spec in specs if any(matches(spec, pattern) for pattern in choice.only)}
    wanted = _with_needs(specs, meant) if choice.only else {spec.slug for spec in specs}
    names = {pattern.lower() for pattern in choice.only}
    named = {spec.slug for spec in specs if names & {spec.id.lower(), spec.slug}}
    return [Chosen(spec, _left_out(spec, choice, named)) for spec in specs if spec.slug in wanted]


def _with_needs(specs: Sequence[CheckSpec], slugs: set[str]) -> set[str]:
    found = set(slugs)
    # What a check needs stands before it.
    for spec in reversed(specs):
        if spec.slug in found:
            found |= set(spec.needs)
    return found


def _left_out(spec: CheckSpec, choice: Choice, named: set[str]) -> str:
    if any(matches(spec, pattern) for pattern in choice.skip):
        return "left out with --skip"
    if choice.scope is None and spec.scopes == {Scope.WORKER} and spec.slug not in named:
        return f"only with --scope {Scope.WORKER}"
    if choice.scope is not None and choice.scope not in spec.scopes:
        return f"not for --scope {choice.scope}"
    if spec.cost is Cost.DEEP and not choice.deep and spec.slug not in named:
        return "only with --deep"
    return ""
