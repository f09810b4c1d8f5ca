"""An archive for whoever helps: what was found, the settings without secrets, and what the services say of themselves.

Every text passes the redactor. No photo and no job's payload is in it; ids are cut short.
"""

from __future__ import annotations

import io
import json
import os
import platform
import re
import sys
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from lomi_ops.clients.threads import all_at_once
from lomi_ops.config.redact import Redactor
from lomi_ops.db import migrate
from lomi_ops.errors import LomiError, Unwritable
from lomi_ops.ops.checks.handles import Handles
from lomi_ops.queue.client import guarded
from lomi_ops.version import __version__

_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
_PACKAGES = ("redis", "psycopg", "boto3", "httpx", "pydantic", "typer", "rich", "onnxruntime", "docker")


def gathered(at: Handles, settings: Mapping[str, object]) -> dict[str, str]:
    """Text by file name. What cannot be had is a file that says why. All are asked at once: where nobody answers, each
    takes its whole patience."""
    parts: dict[str, Callable[[], Any]] = {
        "settings.json": lambda: settings,
        "versions.json": _versions,
        "variables.json": lambda: sorted(name for name in os.environ if name.startswith("LOMI_")),
        "redis.json": lambda: _redis(at),
        "queue.json": lambda: asdict(at.queue.stats()),
        "stuck.json": lambda: [each.what for each in at.queue.stuck()],
        "workers.json": lambda: [asdict(record) for record in at.registry.list()],
        "containers.json": lambda: _containers(at),
        "migrations.json": lambda: asdict(migrate.state(at.database)),
    }
    return dict(zip(parts, all_at_once(_text, list(parts.values())), strict=True))


def pack(path: Path, files: Mapping[str, str], redact: Redactor, at: datetime) -> None:
    """Writes the archive in one step, readable by its owner alone. Raises Unwritable."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in sorted(files.items()):
            data = _UUID.sub(_short, redact(text)).encode()
            entry = tarfile.TarInfo(f"lomi-check/{name}")
            entry.size, entry.mtime, entry.mode = len(data), int(at.timestamp()), 0o600
            archive.addfile(entry, io.BytesIO(data))
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content.getvalue())
        fresh.replace(path)
    except OSError as failure:
        fresh.unlink(missing_ok=True)
        raise Unwritable(f"{path} cannot be written: {failure.strerror}", hint="lomi check --bundle FILE") from failure


def _short(uuid: re.Match[str]) -> str:
    """Enough to tell one from another, too little to find a person, a photo or a job by it."""
    return f"{uuid[0][:8]}…"


def _text(part: Callable[[], Any]) -> str:
    try:
        return json.dumps(part(), indent=2, default=str)
    except LomiError as failure:
        return json.dumps({"unavailable": failure.message})


def _versions() -> dict[str, str]:
    found = {"lomi": __version__, "python": sys.version, "system": platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _containers(at: Handles) -> dict[str, Any]:
    if at.docker.engine.place is None:
        return {"unavailable": "there is no Docker Engine"}
    return asdict(at.docker.cluster())


def _redis(at: Handles) -> dict[str, Any]:
    with guarded(at.redis, "INFO"):
        found: dict[str, Any] = at.redis.info("everything")
    return {name: value for name, value in found.items() if not name.startswith(("cmdstat", "errorstat", "latency"))}
