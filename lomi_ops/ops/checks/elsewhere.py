"""Whether a service runs on another machine, as far as the settings say: then its container is not missed here."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from lomi_ops.config.schema import Settings

_HERE = ("", "localhost", "127.0.0.1", "::1", "host.docker.internal")


def host(hosts: Sequence[str], service: str) -> str:
    """Where the settings look for a service, if that is neither this machine nor the service's own name."""
    away = [name for name in hosts if name not in (*_HERE, service)]
    return away[0] if hosts and len(away) == len(hosts) else ""


def database(settings: Settings) -> Sequence[str]:
    section = settings.database
    return _hosts(section.url.get_secret_value() if section.url else None, section.host)


def redis(settings: Settings) -> Sequence[str]:
    section = settings.redis
    return _hosts(section.url.get_secret_value() if section.url else None, section.host)


def faces(settings: Settings) -> Sequence[str]:
    return [host for url in settings.compreface.urls for host in _hosts(url, None)]


def backend(settings: Settings) -> Sequence[str]:
    return _hosts(settings.backend.url, None)


def _hosts(url: str | None, host: str | None) -> Sequence[str]:
    named = urlsplit(url).hostname if url else host
    return [named] if named else []
