"""How a value is written so that the program that reads it sees exactly that value. Pure.

Each function has the reader's name. None of them can write a control character: `plain` refuses those first.
"""

from __future__ import annotations

import json
import re
import shlex

_FROM_ENVIRONMENT = re.compile(r"[^${}\\\"'\s]*")


def plain(value: str) -> str:
    """The value itself. Raises ValueError for control characters: a newline would begin a line of its own."""
    if not value.isprintable():
        raise ValueError(f"{value!r} has characters that cannot be printed")
    return value


def yaml(value: str) -> str:
    """Always in double quotes: `no`, `012` and `1:20` stay words. JSON's escapes are YAML's, too."""
    return json.dumps(plain(value), ensure_ascii=False)


def compose(value: str) -> str:
    """YAML in which Compose looks for variables: a `$` is doubled."""
    return yaml(value.replace("$", "$$"))


def variable(name: str, default: str) -> str:
    """`${NAME:-default}` of Compose: the variable, unless it is unset or empty.

    Raises ValueError where the default would end the braces, or begin others.
    """
    if not _FROM_ENVIRONMENT.fullmatch(default):
        raise ValueError(f"{default!r} cannot be the default of ${{{name}}}")
    return f"${{{name}:-{default}}}"


def shell(value: str) -> str:
    return shlex.quote(plain(value))


def cron(command: str) -> str:
    """A whole command of a crontab: cron takes the first bare `%` for its end."""
    return plain(command).replace("%", r"\%")


def specifier(value: str) -> str:
    """A systemd setting that is not split into words: a `%` begins a specifier, and is doubled."""
    return plain(value).replace("%", "%%")


def argument(value: str) -> str:
    """One word of systemd's ExecStart=, in quotes where it needs them."""
    escaped = plain(value).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return escaped if re.fullmatch(r"[\w./:@,=+%$-]+", value, re.ASCII) else f'"{escaped}"'


def executable(path: str) -> str:
    """The program of ExecStart=. Raises ValueError for a path that systemd cannot be given as it is: variables are not
    expanded there, and some of its signs mean something at the start."""
    if not re.fullmatch(r"/[\w./+-]+", path, re.ASCII):
        raise ValueError(f"{path!r} is no path of a program that a unit can start")
    return path
