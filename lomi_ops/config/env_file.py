"""Reading an env file: `NAME=value` lines as python-dotenv parses them, with the line of each.

Like a shell, and unlike python-dotenv alone, `${NAME}` in single quotes stays as it is. Names come from the file's
earlier lines first, then from the environment.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import Binding, parse_stream
from dotenv.variables import Variable as Reference
from dotenv.variables import parse_variables

from lomi_ops.config.env import Variable
from lomi_ops.config.problems import Problem
from lomi_ops.config.text_file import read_text

_SINGLE_QUOTED = re.compile(r"\s*(export\s+)?[^=]*=\s*'")


def read_env_file(path: Path, environ: Mapping[str, str]) -> tuple[list[Variable], list[Problem]]:
    """The variables of a file, and what is wrong with its lines. No problem repeats a line's text."""
    try:
        text = read_text(path)
    except ValueError as problem:
        return [], [Problem(str(path), str(problem))]
    found: dict[str, Variable] = {}
    problems: list[Problem] = []
    for binding in parse_stream(io.StringIO(text, newline="")):
        source = f"{path}:{_line(binding)}"
        if binding.error:
            problems.append(Problem(source, "is not NAME=value (a quote that does not end?)"))
        elif binding.key is not None and binding.value is not None:
            value, unset = _interpolated(binding, {**environ, **{name: v.value for name, v in found.items()}})
            found[binding.key] = Variable(binding.key, value, source, unset)
    return list(found.values()), problems


def _line(binding: Binding) -> int:
    """The line of the name: a binding begins with the blank lines before it."""
    blank = len(binding.original.string) - len(binding.original.string.lstrip())
    return binding.original.line + len(re.findall(r"\r\n|\n|\r", binding.original.string[:blank]))


def _interpolated(binding: Binding, known: Mapping[str, str]) -> tuple[str, bool]:
    """The value, and whether it refers to something that nobody has set."""
    value = binding.value or ""
    if _SINGLE_QUOTED.match(binding.original.string):
        return value, False
    atoms = list(parse_variables(value))
    unset = any(isinstance(a, Reference) and a.default is None and a.name not in known for a in atoms)
    return "".join(atom.resolve(known) for atom in atoms), unset
