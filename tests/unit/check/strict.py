"""Readers of the formats that take nothing that their standards do not allow."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parents[3] / "docs" / "check.schema.json").read_text())
_KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float),
    "boolean": (bool,), "null": (type(None),),
}  # fmt: skip
_SAYS_NOTHING = {"$schema", "$defs", "title", "description"}


def faults(value: Any, schema: dict[str, Any], at: str = "$") -> list[str]:
    """What a JSON schema objects to. Knows the words that ours uses, and raises KeyError for any other."""
    found: list[str] = []
    for word, said in schema.items():
        if word not in _SAYS_NOTHING:
            found += _RULES[word](value, said, at)
    return found


def _typed(value: Any, said: str | list[str], at: str) -> list[str]:
    names = [said] if isinstance(said, str) else said
    # To Python True is a number; to JSON it is none.
    kinds = {kind for name in names for kind in _KINDS[name] if bool not in (type(value), kind) or kind is type(value)}
    return [] if isinstance(value, tuple(kinds)) else [f"{at} is no {'/'.join(names)}: {value!r}"]


def _properties(value: Any, said: dict[str, Any], at: str) -> list[str]:
    known = [(name, part) for name, part in said.items() if isinstance(value, dict) and name in value]
    return [fault for name, part in known for fault in faults(value[name], part, f"{at}.{name}")]


def _items(value: Any, said: dict[str, Any], at: str) -> list[str]:
    each = value if isinstance(value, list) else []
    return [fault for number, part in enumerate(each) for fault in faults(part, said, f"{at}[{number}]")]


def _pattern(value: Any, said: str, at: str) -> list[str]:
    return [f"{at} does not match: {value!r}"] if isinstance(value, str) and not re.search(said, value) else []


_RULES: dict[str, Any] = {
    "type": _typed,
    "required": lambda value, said, at: [f"{at}.{name} is missing" for name in said
                                         if isinstance(value, dict) and name not in value],
    "properties": _properties,
    "items": _items,
    "enum": lambda value, said, at: [] if value in said else [f"{at} is none of {said}: {value!r}"],
    "const": lambda value, said, at: [] if value == said else [f"{at} is not {said}: {value!r}"],
    "pattern": _pattern,
    "minimum": lambda value, said, at: [f"{at} is below {said}"]
    if isinstance(value, int | float) and value < said
    else [],
    "additionalProperties": lambda value, said, at: [] if said is True else [f"{at}: extensible is all it may be"],
    "$ref": lambda value, said, at: faults(value, SCHEMA["$defs"][said.removeprefix("#/$defs/")], at),
}  # fmt: skip


# --- Prometheus' text format, https://prometheus.io/docs/instrumenting/exposition_formats/ ----------------------------

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)")
_ABOUT = re.compile(rf"# (HELP|TYPE) ({_NAME}) (.+)")

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def metrics(text: str) -> Samples:
    """Every sample; raises AssertionError for a line that is none, for two of one name, for one without its type."""
    found: Samples = {}
    typed: dict[str, str] = {}
    closed: set[str] = set()
    last = ""
    for line in text.split("\n"):
        if about := _ABOUT.fullmatch(line):
            assert about[1] == "HELP" or about[2] not in typed, line
            typed |= {about[2]: about[3]} if about[1] == "TYPE" else {}
            name = about[2]
        else:
            sample = _SAMPLE.fullmatch(line)
            assert sample, line
            name = sample[1]
            assert typed.get(name) == "gauge", line
            labels = tuple((key, _unescaped(value)) for key, value in re.findall(_LABEL, sample[2] or ""))
            assert len(dict(labels)) == len(labels), line
            assert (name, labels) not in found, line
            found[name, labels] = float(sample.groups()[-1])
        if name != last:
            assert name not in closed, f"{name} is not in one piece"
            closed.add(last)
            last = name
    return found


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda sign: {"n": "\n"}.get(sign[1], sign[1]), value)


# --- Nagios, https://nagios-plugins.org/doc/guidelines.html -----------------------------------------------------------

_NUMBER = r"-?\d+(?:\.\d+)?"
_PERFDATA = re.compile(rf"'([^'=|]+)'=({_NUMBER})(s|%|[KMGT]?B|c)?;({_NUMBER})?;({_NUMBER})?")


def nagios(text: str) -> tuple[str, dict[str, float], list[str]]:
    """The word, the numbers by label, and the further lines."""
    first, *rest = text.split("\n")
    said, bar, numbers = first.partition(" | ")
    head = re.fullmatch(r"LOMI (OK|WARNING|CRITICAL|UNKNOWN) - .*", said)
    assert head, first
    assert "|" not in said
    assert not any("|" in line for line in rest), "a second bar would begin more numbers"
    found = [_PERFDATA.fullmatch(part) for part in re.split(r" (?=')", numbers)] if bar else []
    assert all(found), numbers
    return head[1], {each[1]: float(each[2]) for each in found if each}, rest


# --- GitHub's workflow commands, actions/toolkit packages/core/src/command.ts -----------------------------------------


def github(text: str) -> tuple[list[tuple[str, dict[str, str], str]], list[str]]:
    """The commands as the runner reads them, and the other lines."""
    commands, others = [], []
    for line in re.split(r"\r\n|\r|\n", text):
        match = re.fullmatch(r"::([a-z]+) ([^:]*(?:=[^,:]*)?)::(.*)", line)
        if match is None:
            assert not line.startswith(("::", "##[")), line
            others.append(line)
            continue
        pairs = dict(pair.split("=", 1) for pair in match[2].split(","))
        commands.append((match[1], {key: _given(value) for key, value in pairs.items()}, _given(match[3])))
    return commands, others


def _given(text: str) -> str:
    for sign, code in ((",", "%2C"), (":", "%3A"), ("\n", "%0A"), ("\r", "%0D"), ("%", "%25")):
        text = text.replace(code, sign)
    return text
