"""Where the Docker Engine is, by the rules of Docker's own command line, and what is told where it does not answer."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from lomi_ops.config.sections.services import DockerSection
from lomi_ops.errors import DockerUnavailable

SOCKET = "/var/run/docker.sock"
CONTEXT = "context:"
"""A place that starts so is a context of Docker's command line, by name."""
GROUP_HINT = "sudo usermod -aG docker $USER, then log in anew; or name another engine: docker.host, DOCKER_HOST"
START_HINT = "sudo systemctl start docker; or name another engine: docker.host, DOCKER_HOST=ssh://USER@HOST"


def place(section: DockerSection, environ: Mapping[str, str]) -> str | None:
    """The engine's URL, or `context:NAME`; None where nobody named one and this machine has no socket of one."""
    if named := section.host or environ.get("DOCKER_HOST"):
        return named
    if name := environ.get("DOCKER_CONTEXT") or _current_context(environ):
        return f"{CONTEXT}{name}"
    return f"unix://{SOCKET}" if Path(SOCKET).exists() else None


def named(section: DockerSection, environ: Mapping[str, str]) -> bool:
    """Whether somebody said where the engine is; else a socket of this machine was only found."""
    found = place(section, environ)
    return found is not None and found != f"unix://{SOCKET}"


def _current_context(environ: Mapping[str, str]) -> str:
    """Of Docker's own configuration; empty for the default one, and where there is none or nobody can read it."""
    folder = environ.get("DOCKER_CONFIG") or os.path.join(environ.get("HOME", "/nonexistent"), ".docker")  # noqa: PTH118
    try:
        said = json.loads((Path(folder) / "config.json").read_text())
    except (OSError, ValueError):
        return ""
    name = said.get("currentContext", "") if isinstance(said, dict) else ""
    return name if isinstance(name, str) and name != "default" else ""


def knock(url: str, timeout_s: float) -> None:
    """Raises DockerUnavailable where nobody listens at a Unix socket; says nothing about other places.

    The SDK's own error for that is nested three deep, and it forgets to close its socket.
    """
    if not url.startswith("unix://"):
        return
    path = "/" + url.removeprefix("unix://").lstrip("/")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout_s)
        try:
            line.connect(path)
        except OSError as problem:
            raise unreachable(url, timeout_s, problem) from problem


def unreachable(url: str, timeout_s: float, problem: BaseException) -> DockerUnavailable:
    """What a failed connection means for an operator."""
    at = f"the Docker Engine at {url}"
    if isinstance(problem, TimeoutError):
        return DockerUnavailable(f"{at} gave no answer within {timeout_s:g} s", hint="sudo systemctl status docker")
    match getattr(problem, "errno", None):
        case errno.EACCES | errno.EPERM:
            return DockerUnavailable(f"{at} does not let this user in", hint=GROUP_HINT)
        case errno.ENOENT:
            return DockerUnavailable(f"{at}: there is no such socket", hint=START_HINT)
        case errno.ECONNREFUSED:
            return DockerUnavailable(f"{at}: nobody listens there", hint=START_HINT)
    words = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    return DockerUnavailable(f"{at}: {words}", hint=START_HINT)
