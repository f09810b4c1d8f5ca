"""The names of all settings, read off the schema: what is at a key, and which valid key is nearest to a wrong one."""

from __future__ import annotations

import difflib
import functools
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from lomi_ops.config.schema import Settings
from lomi_ops.domain.finding import NSFW_LABELS, Label

Key = tuple[str, ...]
"""A setting's place: section, then names inside it, e.g. `("redis", "host")`."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A section: its names are fixed."""

    model: type[BaseModel]
    info: FieldInfo | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping whose names somebody chooses; `names` limits them where it is not empty."""

    model: type[BaseModel]
    names: tuple[str, ...]
    info: FieldInfo


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting."""

    info: FieldInfo
    secret: bool
    path: bool
    many: bool


Node = Branch | Table | Leaf


def dotted(key: Key) -> str:
    return ".".join(key)


def split(text: str) -> Key:
    return tuple(text.split("."))


@functools.cache
def node_at(key: Key) -> Node | None:
    """What is at that key; None: nothing, the key is wrong."""
    node: Node | None = Branch(Settings)
    for name in key:
        node = _child(node, name)
    return node


def children(node: Branch | Table) -> tuple[str, ...]:
    """The names below; for a table with free names the shipped ones."""
    if isinstance(node, Branch):
        return tuple(node.model.model_fields)
    return node.names or tuple(node.info.get_default(call_default_factory=True, validated_data={}))


def leaves(settings: Settings | None = None) -> Iterator[tuple[Key, Leaf]]:
    """Every setting in the order of the schema; a table with free names has those that it has in these settings, or
    the shipped ones."""
    yield from _leaves((), Branch(Settings), settings or Settings())


def nearest(key: Key) -> str:
    """The valid dotted key that somebody may have meant by a wrong one, or an empty text."""
    parent = node_at(key[:-1])
    if isinstance(parent, Branch | Table) and (meant := closest(key[-1], children(parent))):
        return dotted((*key[:-1], meant))
    if moved := [other for other, _ in leaves() if other[-1] == key[-1] and len(other) <= 2]:
        return dotted(moved[0])
    return closest(dotted(key), [dotted(other) for other, _ in leaves()], 0.75)


def closest(word: str, valid: typing.Sequence[str], cutoff: float = 0.6) -> str:
    """The most similar of the valid words, or an empty text."""
    by_folded = {option.casefold(): option for option in valid}
    found = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=cutoff)
    return by_folded[found[0]] if found else ""


def _child(node: Node | None, name: str) -> Node | None:
    if isinstance(node, Branch):
        field = node.model.model_fields.get(name)
        return _node(field) if field else None
    if isinstance(node, Table):
        allowed = not node.names or name in node.names
        return Branch(node.model, node.info) if allowed and name else None
    return None


def _node(field: FieldInfo) -> Node:
    annotation: Any = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return Branch(annotation, field)
    if typing.get_origin(annotation) is dict:
        key_type, model = typing.get_args(annotation)
        names = tuple(label.value for label in NSFW_LABELS) if key_type is Label else ()
        return Table(model, names, field)
    kinds = {annotation, *typing.get_args(annotation)}
    many = typing.get_origin(annotation) in (tuple, frozenset)
    return Leaf(field, SecretStr in kinds, Path in kinds, many)


def _leaves(key: Key, node: Node, value: Any) -> Iterator[tuple[Key, Leaf]]:
    if isinstance(node, Leaf):
        yield key, node
        return
    names = tuple(value) if isinstance(node, Table) and not node.names else children(node)
    for name in names:
        below = _child(node, name)
        if below is not None:
            yield from _leaves((*key, name), below, _part(value, name))


def _part(value: Any, name: str) -> Any:
    """None below what is left out, such as a label of a policy."""
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)
