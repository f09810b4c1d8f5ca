"""Where the services of a local stack are, from the `stack.json` in its folder.

`lomi up` writes that file (`ops/local/state.py`); this is the only other place that knows its content.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

from lomi_ops.config.keys import Key

NAME = "stack.json"
_LOOPBACK = "127.0.0.1"
_MAX_BYTES = 64 * 1024


def stack_values(folder: Path) -> dict[Key, object] | None:
    """Settings of the stack in that folder; None where there is none.

    Raises ValueError, with nothing of the file's content, when it is there but cannot be used.
    """
    path = folder / NAME
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES).decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        raise ValueError("belongs to another user; run as the user who made the stack, or choose --data DIR") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise ValueError(f"cannot be read: {type(problem).__name__}") from None
    try:
        return _values(json.loads(text), folder)
    except (ValueError, KeyError, TypeError, RecursionError) as damage:
        raise ValueError(f"is damaged ({type(damage).__name__})") from None


def _values(body: dict[str, object], folder: Path) -> dict[Key, object]:
    if str(body["schema"]).partition("/")[0] != "lomi.stack":
        raise ValueError("schema")
    redis_port, postgres_port = int(str(body["redis_port"])), int(str(body["postgres_port"]))
    redis_password, postgres_password = _text(body["redis_password"]), _text(body["postgres_password"])
    return {
        ("redis", "url"): f"redis://:{quote(redis_password, safe='')}@{_LOOPBACK}:{redis_port}/0",
        ("database", "url"): f"postgresql://lomi:{quote(postgres_password, safe='')}@{_LOOPBACK}:{postgres_port}/lomi",
        ("objects", "directory"): folder.resolve() / "objects",
    }


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text")
    return value
