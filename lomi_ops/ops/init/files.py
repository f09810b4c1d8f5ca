"""Which files `lomi init` looks at, and the one that it writes."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lomi_ops.config import env, paths
from lomi_ops.errors import ConfigError, Refused, UsageError

ENV_FILES = (".env.production", ".env.staging", ".env")
COMPOSE_FILES = (
    "docker-compose.prod.yml", "docker-compose.prod.yaml", "compose.prod.yaml", "compose.prod.yml",
    "compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml",
)  # fmt: skip
_NAMED = re.compile(r"\.env\.([a-z0-9][a-z0-9_-]{0,31})")
NO_SUFFIX = "main"


def env_file(named: Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    """The named one, LOMI_ENV_FILE, else the first of the usual ones in this folder."""
    given = str(named) if named else environ.get(env.ENV_FILE)
    return _existing(given, "env file", "--env-file", environ, cwd) if given else _first(ENV_FILES, cwd)


def compose_file(named: Path | None, environ: Mapping[str, str], cwd: Path, beside: Path | None) -> Path | None:
    """The named one, else the first of the usual ones in this folder, or beside the env file."""
    if named:
        return _existing(str(named), "Compose file", "--compose", environ, cwd)
    return _first(COMPOSE_FILES, cwd) or (_first(COMPOSE_FILES, beside.parent) if beside else None)


def target(named: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """Where the configuration goes: the file that would be read, else the user's own. Symbolic links are followed, so
    that the link stays. Raises ConfigError without a home folder."""
    if given := str(named) if named else environ.get(env.CONFIG):
        return paths.expanded(given, cwd, environ).resolve()
    candidates = paths.config_files(environ, cwd)
    chosen = next((path for path in candidates if os.path.lexists(path)), None) or paths.user_config(environ)
    if chosen is None:
        raise ConfigError("this user has no home folder to keep a configuration in", hint="lomi init --config FILE")
    return chosen.resolve()


def profile_name(named: str | None, environ: Mapping[str, str], file: Path | None) -> str:
    """The named one, LOMI_ENV, else what the env file is called after."""
    if given := named or environ.get(env.PROFILE):
        return given
    match = _NAMED.fullmatch(file.name) if file else None
    return match[1] if match else NO_SUFFIX


def write(path: Path, text: str, before: str | None) -> None:
    """Puts the file there, whole or not at all, readable by its owner only.

    `before` is what was there when it was looked at, None for nothing. Raises Refused where that has changed since,
    UsageError where nothing can be written.
    """
    scratch = None
    try:
        _make_folder(path.parent)
        handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if not _put(Path(scratch), path, before):
            raise Refused(f"{path} was changed in between; nothing was written", hint="lomi init, again")
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is no UTF-8 text"
        raise UsageError(f"{path} cannot be written: {why}", hint="lomi init --config FILE") from None
    finally:
        if scratch is not None:
            Path(scratch).unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, f"{folder} is a file") from None


def _put(scratch: Path, path: Path, before: str | None) -> bool:
    """Whether it was done: not where somebody else was there in between."""
    if before is None:
        try:
            os.link(scratch, path)
        except FileExistsError:
            return False
        return True
    if path.read_text("utf-8") != before:
        return False
    scratch.replace(path)
    return True


def _existing(text: str, what: str, option: str, environ: Mapping[str, str], cwd: Path) -> Path:
    path = paths.expanded(text, cwd, environ).absolute()
    if not path.is_file():
        raise UsageError(f"there is no {what} {path}", hint=f"lomi init {option} FILE")
    return path


def _first(names: tuple[str, ...], folder: Path) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
