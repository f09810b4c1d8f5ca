"""Layers of settings: what each source says, and how they are laid over each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from lomi_ops.config.keys import Key
from lomi_ops.config.problems import Problem


class Rank(IntEnum):
    """Kinds of sources, weakest first."""

    DEFAULT = 0
    STACK = 1
    FILE = 2
    ENV_FILE = 3
    ENVIRONMENT = 4
    FLAG = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """What one source says about one setting."""

    value: object = field(repr=False)
    origin: str
    rank: Rank


@dataclass(slots=True)
class YamlFile:
    """What a file says."""

    entries: dict[Key, Entry] = field(default_factory=dict)
    profiles: dict[str, dict[Key, Entry]] = field(default_factory=dict)
    """What each profile says, by name."""
    problems: list[Problem] = field(default_factory=list)


Layer = Mapping[Key, Entry]

_WHERE: tuple[tuple[Key, ...], ...] = (
    (("redis", "url"), ("redis", "sentinels"), ("redis", "host")),
    (("database", "url"), ("database", "host")),
    (("objects", "directory"), ("objects", "endpoint")),
)
"""Ways to say where a service is, of which the schema prefers the first."""


def merged(layers: Iterable[Layer]) -> dict[Key, Entry]:
    """The layers laid over each other, weakest first.

    A layer that says in one way where a service is removes what weaker layers said in other ways: REDIS_HOST in the
    environment must not lose to a `redis.url` in a file.
    """
    result: dict[Key, Entry] = {}
    for layer in layers:
        for ways in _WHERE:
            # An empty list names nothing: a copy of the example has one.
            if any(way in layer and layer[way].value != [] for way in ways):
                for way in ways:
                    result.pop(way, None)
        result.update(layer)
    return result


def nested(entries: Layer) -> dict[str, object]:
    """The values as the nested mapping that the schema reads."""
    tree: dict[str, object] = {}
    for key, entry in entries.items():
        below = tree
        for name in key[:-1]:
            below = below.setdefault(name, {})  # type: ignore[assignment]
        below[key[-1]] = entry.value
    return tree
