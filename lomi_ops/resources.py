"""Files that stand at the top level of the checkout, and inside the package once it is installed from a wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "_share"
_CHECKOUT = _PACKAGE.parent


@cache
def share() -> Path:
    """The folder with `templates/`, `completions/` and `config.example.yaml`.

    An installed package has them inside itself; what lies beside it belongs to other packages and is never looked at.
    """
    return _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT


def shared(*names: str) -> Path:
    """A file or folder below `share()`, e.g. `shared("templates", "compose.yaml.j2")`.

    Raises FileNotFoundError where it does not exist: the installation is damaged.
    """
    path = share().joinpath(*names)
    if not path.exists():
        raise FileNotFoundError(path)
    return path
