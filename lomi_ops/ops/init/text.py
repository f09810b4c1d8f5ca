"""The text of a configuration file, new or with one profile more. What stands in an existing file stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from lomi_ops.config.keys import Key
from lomi_ops.config.profiles import PROFILES
from lomi_ops.errors import Refused

COLOURS = {"production": "red", "prod": "red", "staging": "yellow", "stage": "yellow"}
OTHER_COLOUR = "green"
_PLAIN = re.compile(r"[A-Za-z0-9/][\w./:-]*(?<!:)")
_HEAD = """\
# Written by `lomi init`. Secrets stay in the env file.
# `lomi config example` has everything else that can be set.

# Holds where neither --env nor LOMI_ENV chooses another one.
profile: {name}

profiles:
"""


@dataclass(frozen=True, slots=True)
class Block:
    """One profile to write."""

    name: str
    env_file: Path | None
    settings: Mapping[Key, object]
    reasons: Mapping[Key, str]

    @property
    def colour(self) -> str:
        return COLOURS.get(self.name, OTHER_COLOUR)

    def lines(self, indent: int) -> list[str]:
        """The profile below `profiles:`, indented by that many spaces."""
        inside = " " * 2
        found = [f"{self.name}:", f"{inside}colour: {self.colour}"]
        if self.env_file is not None:
            found.append(f"{inside}env_file: {_scalar(str(self.env_file))}")
        sections: dict[str, list[str]] = {}
        for (section, name), value in ((key, value) for key, value in self.settings.items()):
            line = f"{inside * 2}{name}: {_scalar(value)}"
            # The file's name is enough here: in full it would be longer than all it explains.
            sections.setdefault(section, []).append(f"{line}  # {self.reasons[section, name].rpartition('/')[2]}")
        for section, lines in sections.items():
            found += [f"{inside}{section}:", *lines]
        return [" " * indent + line for line in found]


def whole(block: Block) -> str:
    """A file of its own."""
    return _HEAD.format(name=block.name) + "\n".join(block.lines(2)) + "\n"


def added(text: str, block: Block, path: Path) -> str:
    """The file with this profile, in the place of one of the same name or beside the others.

    Raises Refused where the file is written in a way that cannot be added to.
    """
    lines = text.splitlines()
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if isinstance(root, yaml.MappingNode) and root.flow_style:
        raise _refused(block, path)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    found = next((pair for pair in pairs if pair[0].value == PROFILES[0]), None)
    if found is None:
        return "\n".join([*lines, "", "profiles:", *block.lines(2)]) + "\n"
    key, node = found
    if not isinstance(node, yaml.MappingNode) or not node.value:
        if isinstance(node, yaml.MappingNode) or node.value == "":
            row = key.start_mark.line
            return "\n".join([*lines[:row], "profiles:", *block.lines(2), *lines[row + 1 :]]) + "\n"
        raise _refused(block, path)
    if node.flow_style:
        raise _refused(block, path)
    column, first = node.start_mark.column, node.start_mark.line
    for name, value in node.value:
        if name.value == block.name:
            start, end = name.start_mark.line, _last_line(value, lines) + 1
            return "\n".join([*lines[:start], *block.lines(column), *lines[end:]]) + "\n"
    return "\n".join([*lines[:first], *block.lines(column), *lines[first:]]) + "\n"


def _last_line(node: yaml.Node, lines: list[str]) -> int:
    """The last line that belongs to a value: its end mark lies behind the blank lines and comments after it."""
    row = node.end_mark.line
    if row >= len(lines) or not lines[row][: node.end_mark.column].strip():
        row -= 1
    while row > node.start_mark.line and (not lines[row].strip() or lines[row].lstrip().startswith("#")):
        row -= 1
    return row


def _refused(block: Block, path: Path) -> Refused:
    text = f"{path} is written in a way that nothing can be added to without rewriting it"
    return Refused(text, hint=f"add profiles.{block.name} by hand, as shown above; nothing was written")


def _scalar(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_scalar(part) for part in value) + "]"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
