"""`config.example.yaml`, written from the schema: every setting with its default, unit and meaning."""

from __future__ import annotations

import json
import re
import textwrap
import types
import typing
from collections.abc import Iterator
from enum import Enum
from typing import Any, Literal

import annotated_types
from pydantic.fields import FieldInfo

from lomi_ops.config.env import CONTRACT, ENV_FILE, OBJECTS, PROFILE, SHORT
from lomi_ops.config.keys import Branch, Key, Leaf, Node, Table, children, dotted, node_at
from lomi_ops.config.schema import Settings
from lomi_ops.config.services import value_at
from lomi_ops.domain.policy import Requirement

_WIDTH = 118
_HEADER = """\
Every setting of lomi, with its default. Nothing here has to be set: keep only the lines that you change.

One file is read: the one that --config or LOMI_CONFIG names, else the first that exists of lomi.yaml in the folder
where lomi runs, ~/.config/lomi/config.yaml and /etc/lomi/config.yaml. Stronger than the file are the env file, the
environment and flags, in this order; `lomi config show --origin` tells where each value comes from.

Every setting has a variable: redis.timeout_s is LOMI_REDIS__TIMEOUT_S. Other names stand in [brackets] where there
are any. Keep secrets out of this file: put them into a variable, or into a file that NAME_FILE names
(REDIS_PASSWORD_FILE=/run/secrets/redis). null means: not set. Written from the schema by `lomi config example`.
"""
_PROFILES = """\
Sets of settings by name, of which `--env NAME` (or LOMI_ENV, or `profile` above) chooses one. Each may say whatever
this file says at its top, and wins over it. docs/configuration.md has the order.

profiles:
  production: {colour: red, env_file: /srv/app/.env.production}
  staging: {colour: yellow, redis: {host: staging-redis}, database: {host: staging-db}}
"""
_PLAIN = re.compile(r"[A-Za-z][\w./-]*$")


def example() -> str:
    """The text of the file."""
    lines = [f"# {line}".rstrip() for line in _HEADER.splitlines()]
    for name in Settings.model_fields:
        node = node_at((name,))
        lines.append("")
        if isinstance(node, Leaf):
            lines += _setting((name,), node, told=True, indent="")
        elif node is not None:
            lines += _section((name,), node, indent="", told=True)
    lines += ["", *(f"# {line}".rstrip() for line in _PROFILES.splitlines()), "profiles: {}"]
    return "\n".join(lines) + "\n"


def explained(key: Key, leaf: Leaf) -> str:
    """What a setting means, what it may be, and its short variables."""
    parts = [leaf.info.description or ""]
    if limits := _limits(leaf.info):
        parts.append(f"({limits})")
    if leaf.secret:
        parts.append("(secret)")
    if names := short_names(key):
        parts.append(f"[{', '.join(names)}]")
    return " ".join(part for part in parts if part)


def short_names(key: Key) -> tuple[str, ...]:
    """Variables for a setting other than the general one."""
    named = dotted(key)
    found = [name for table in (CONTRACT, SHORT) for name, target in table.items() if target == named]
    if key in (("objects", "directory"), ("objects", "endpoint")):
        found.append(OBJECTS)
    found += {"env_file": [ENV_FILE], "profile": [PROFILE]}.get(named, [])
    return tuple(found)


def _section(key: Key, node: Node, indent: str, *, told: bool) -> Iterator[str]:
    """`told`: with comments; a second policy has the same settings as the first and needs none."""
    assert not isinstance(node, Leaf)
    if told and (about := _about(node)):
        yield from (f"{indent}# {line}" for line in textwrap.wrap(about, _WIDTH - len(indent) - 2))
    if isinstance(node, Table) and not children(node):
        yield from _free(key, node, indent)
        return
    yield f"{indent}{key[-1]}:"
    first = True
    for name in children(node):
        below = node_at((*key, name))
        if isinstance(below, Leaf):
            yield from _setting((*key, name), below, indent=indent + "  ", told=told)
        elif below is not None:
            comments = told and (first or not isinstance(node, Table))
            yield from _section((*key, name), below, indent + "  ", told=comments)
        first = False


def _free(key: Key, node: Table, indent: str) -> Iterator[str]:
    """A table that is empty: what somebody may write into it, as a comment."""
    yield f"{indent}#   NAME:"
    for name in children(Branch(node.model)):
        leaf = node_at((*key, "name", name))
        assert isinstance(leaf, Leaf)
        default = _value(leaf.info.get_default())
        lines = textwrap.wrap(f"{name}: {default}  # {explained((*key, name), leaf)}", _WIDTH - len(indent) - 6)
        yield from (f"{indent}#     {'' if at == 0 else '# '}{line}" for at, line in enumerate(lines))
    yield f"{indent}{key[-1]}: {{}}"


def _setting(key: Key, leaf: Leaf, *, indent: str, told: bool) -> Iterator[str]:
    line = f"{indent}{key[-1]}: {_value(value_at(Settings(), key))}"
    about = explained(key, leaf) if told else ""
    beside = f"{line:<36}  # {about}" if about else line
    if len(beside) <= _WIDTH:
        yield beside
        return
    yield from (f"{indent}# {part}" for part in textwrap.wrap(about, _WIDTH - len(indent) - 2))
    yield line


def _about(node: Node) -> str:
    """What a section is: its field's description, else the first sentence of its class."""
    assert not isinstance(node, Leaf)
    if isinstance(node, Table):
        return node.info.description or ""
    return (node.model.__doc__ or "").strip().partition("\n\n")[0].replace("\n    ", " ")


def _value(value: object) -> str:
    """A default as YAML writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return _value(value.value)
    if isinstance(value, frozenset):
        return _value([kind for kind in Requirement if kind in value])
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(part) for part in value) + "]"
    if isinstance(value, int | float):
        return str(value).removesuffix(".0")
    text = str(value)
    return text if _PLAIN.match(text) else json.dumps(text, ensure_ascii=False)


def _limits(info: FieldInfo) -> str:
    """What a value may be, words or a range, where the description does not say it."""
    words: list[str] = []
    low = high = ""
    for part in _annotations(info):
        if isinstance(part, annotated_types.Ge):
            low = f"{part.ge:g}"
        elif isinstance(part, annotated_types.Le):
            high = f"{part.le:g}"
        elif typing.get_origin(part) is Literal:
            words = [str(word) for word in typing.get_args(part)]
    if words:
        told = all(word in (info.description or "") for word in words)
        return "" if told else ", ".join(words)
    if low and high:
        return f"{low} to {high}"
    return f"{low} or more" if low else ""


def _annotations(info: FieldInfo) -> Iterator[Any]:
    """The type and its constraints, also of `X | None`."""
    yield from info.metadata
    inner: Any = info.annotation
    if typing.get_origin(inner) in (typing.Union, types.UnionType):
        inner = next(part for part in typing.get_args(inner) if part is not type(None))
    yield inner
    for constraint in getattr(inner, "__metadata__", ()):
        yield from getattr(constraint, "metadata", ())
