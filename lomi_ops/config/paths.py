"""Where files are looked for when nobody names them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

SYSTEM_CONFIG = Path("/etc/lomi/config.yaml")
SYSTEM_DATA = Path("/var/lib/lomi")


def home(environ: Mapping[str, str]) -> Path | None:
    """The home folder of this environment; None where there is none."""
    if named := environ.get("HOME"):
        return Path(named)
    try:
        return Path.home()
    except RuntimeError:
        return None


def expanded(text: str, base: Path, environ: Mapping[str, str]) -> Path:
    """`~` is the home folder; a relative path starts at `base`."""
    if (text == "~" or text.startswith("~/")) and (folder := home(environ)):
        return folder / text[2:]
    return base / text


def config_files(environ: Mapping[str, str], cwd: Path) -> tuple[Path, ...]:
    """Configuration files that nobody named, the first that exists is read: `lomi.yaml` in the folder where the
    command runs, the user's own, the machine's."""
    return (cwd / "lomi.yaml", *([user] if (user := user_config(environ)) else []), SYSTEM_CONFIG)


def user_config(environ: Mapping[str, str]) -> Path | None:
    """`$XDG_CONFIG_HOME/lomi/config.yaml`, else `~/.config/lomi/config.yaml`; None without a home folder."""
    base = _xdg(environ, "XDG_CONFIG_HOME", ".config")
    return base / "lomi" / "config.yaml" if base else None


def default_data(environ: Mapping[str, str], uid: int | None = None) -> Path | None:
    """The folder of the default local stack: `/var/lib/lomi` as root, else `$XDG_DATA_HOME/lomi`, else
    `~/.local/share/lomi`; None without a home folder. `uid` is the effective user, this process's where None."""
    if (os.geteuid() if uid is None else uid) == 0:
        return SYSTEM_DATA
    base = _xdg(environ, "XDG_DATA_HOME", ".local/share")
    return base / "lomi" if base else None


def state_folder(environ: Mapping[str, str]) -> Path | None:
    """What a command remembers between two calls: `$XDG_STATE_HOME/lomi`, else `~/.local/state/lomi`; None without a
    home folder. As root, too: a folder below `/var/lib/lomi` would be in the way of a stack there."""
    base = _xdg(environ, "XDG_STATE_HOME", ".local/state")
    return base / "lomi" if base else None


def _xdg(environ: Mapping[str, str], name: str, fallback: str) -> Path | None:
    # The XDG specification: a relative path in these variables is invalid and ignored.
    if (given := environ.get(name, "")).startswith("/"):
        return Path(given)
    return folder / fallback if (folder := home(environ)) else None
