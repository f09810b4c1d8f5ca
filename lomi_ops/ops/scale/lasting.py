"""What makes a number of workers last: a plain `docker-compose up -d` goes back to what its file says.

Where the file takes the number from a variable, as in `scale: ${LOMI_WORKERS:-4}`, the variable is set in the env file
that Compose reads. A number that stands in the file itself is for a person to change: that file is somebody's work.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dotenv.parser import parse_stream

from lomi_ops.config.text_file import read_text
from lomi_ops.domain.compose import scale_command
from lomi_ops.domain.container import ComposeFile
from lomi_ops.errors import ConfigError
from lomi_ops.ops.init.compose import Service, read_compose
from lomi_ops.ops.local.files import sync_folder

_VARIABLE = re.compile(r"\$(?:(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?::?-[^{}]*)?\})")
_DEFAULT_FILE = ".env"


class How(StrEnum):
    """What becomes of the number with the next `up`."""

    AGREES = "agrees"
    """Compose wants as many already."""
    WRITES = "writes"
    """The env file is changed."""
    COMMAND = "command"
    """Only a person can make it last, or a longer command every time."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """What is to be done so that Compose agrees."""

    how: How
    command: str
    """Brings the project up with this number."""
    why: str = ""
    """Why nothing can be written, and what would help."""
    file: Path | None = None
    variable: str = ""
    count: int = 0

    def apply(self) -> None:
        """Writes the number where it is to be written. Raises OSError."""
        if self.how is How.WRITES and self.file is not None:
            text = read_text(self.file) if self.file.exists() else ""
            _replace(self.file, with_variable(text, self.variable, str(self.count)))


def lasting(project: str, compose: ComposeFile, service: str, count: int, environ: Mapping[str, str]) -> Lasting:
    """Looks at the project's files, and changes nothing."""
    command = scale_command(project, compose, service, count)
    folder = Path(compose.folder or ".")
    files = [folder / each for each in compose.files]
    env_file = folder / (compose.env_files[-1] if compose.env_files else _DEFAULT_FILE)
    try:
        found = _service(files, service, _known(folder, compose, environ))
    except ConfigError as problem:
        return Lasting(How.COMMAND, command, f"{problem.message}")
    if found is None:
        where = ", ".join(map(str, files)) or "no Compose file"
        return Lasting(How.COMMAND, command, f"{where} cannot be read here")
    if found.replicas == count:
        return Lasting(How.AGREES, command)
    variable = variable_of(found.replicas_text)
    if not variable:
        text = f"{files[-1]} says {found.replicas}; write `scale: ${{LOMI_WORKERS:-{count}}}` there, and it will last"
        return Lasting(How.COMMAND, command, text)
    if variable in environ:
        return Lasting(How.COMMAND, command, f"{variable} is set in this shell, which wins over {env_file}")
    if why := _unwritable(env_file, variable, count):
        return Lasting(How.COMMAND, command, why)
    return Lasting(How.WRITES, command, file=env_file, variable=variable, count=count)


def _known(folder: Path, compose: ComposeFile, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables as Compose sees them; the shell wins."""
    known: dict[str, str] = {}
    for name in compose.env_files or (_DEFAULT_FILE,):
        try:
            text = read_text(folder / name)
        except ValueError:
            continue
        known |= {
            each.key: each.value for each in parse_stream(io.StringIO(text)) if each.key and each.value is not None
        }
    return known | dict(environ)


def _service(files: list[Path], name: str, known: Mapping[str, str]) -> Service | None:
    """As the last file has it that says how many. None where no file can be read. Raises ConfigError."""
    best: Service | None = None
    for file in files:
        if not file.is_file():
            return None
        found = next((each for each in read_compose(file, known).services if each.name == name), None)
        if found is not None and (best is None or found.replicas_text):
            best = found
    return best


def variable_of(text: str) -> str:
    """The variable that a number comes from, as a whole; empty where it comes from none, or is made of several."""
    match = _VARIABLE.fullmatch(text.strip())
    return (match["plain"] or match["name"]) if match else ""


def with_variable(text: str, name: str, value: str) -> str:
    """An env file in which a variable has this value; everything else stays as it is, comments and order, too."""
    parts = [each.original.string for each in parse_stream(io.StringIO(text))]
    keys = [each.key for each in parse_stream(io.StringIO(text))]
    if name not in keys:
        gap = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{gap}{name}={value}\n"
    last = len(keys) - 1 - keys[::-1].index(name)
    parts[last] = re.sub(r"=.*", lambda _: f"={value}{_tail(parts[last])}", parts[last], count=1, flags=re.DOTALL)
    return "".join(parts)


def _tail(part: str) -> str:
    """What stands behind a value: a comment on its line, and the end of the line."""
    comment = re.search(r"[ \t]+#[^\r\n]*", part)
    end = re.search(r"\r?\n?\Z", part)
    return (comment[0] if comment else "") + (end[0] if end else "")


def _unwritable(file: Path, variable: str, count: int) -> str:
    """Why the file cannot be changed, or would not say what it should; empty where it can."""
    try:
        text = read_text(file) if file.exists() else ""
    except ValueError as problem:
        return f"{file} {problem}"
    place = file if file.exists() else file.parent
    if not all(os.access(each, os.W_OK, effective_ids=True) for each in (place, file.parent)):
        return f"{file} cannot be written by this user"
    before, after = _values(text), _values(with_variable(text, variable, str(count)))
    return (
        ""
        if after == {**before, variable: str(count)}
        else f"{file} is written in a way that only a person should change"
    )


def _values(text: str) -> dict[str, str | None]:
    return {each.key: each.value for each in parse_stream(io.StringIO(text)) if each.key}


def _replace(file: Path, text: str) -> None:
    """At once, with the mode and the owner that it has; what a link points to, not the link."""
    file = file.resolve()
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    known = file.stat() if file.exists() else None
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            out.write(text)
            if known is not None:
                os.fchmod(out.fileno(), known.st_mode & 0o7777)
                os.fchown(out.fileno(), known.st_uid, known.st_gid)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(file.parent)
