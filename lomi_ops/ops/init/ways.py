"""Ways to reach each service: as the env file says it, and as the Compose file publishes it on this machine. Pure.

Names of the Compose network (`redis`, `postgres`) mean nothing outside it; a published port of the service of that name
does. A host that is no service of the file is never exchanged for one: it is another machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import SecretStr

from lomi_ops.config.keys import Key
from lomi_ops.config.layers import Entry
from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.base import Section
from lomi_ops.config.sections.services import BackendSection, CompreFaceSection, DatabaseSection, RedisSection
from lomi_ops.ops.init.compose import ComposeFile, Published, Service

REDIS_PORT, POSTGRES_PORT, CORE_PORT = 6379, 5432, 3000
_BACKENDS = ("backend", "api", "server", "app")
_SCHEME_PORTS = {"http": 80, "https": 443}


class Part(StrEnum):
    """What is looked for."""

    REDIS = "redis"
    DATABASE = "database"
    OBJECTS = "objects"
    COMPREFACE = "compreface"
    BACKEND = "backend"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to a service."""

    part: Part
    section: Section = field(repr=False)
    """Complete enough to knock; may hold a password."""
    where: str
    """For people."""
    origin: str
    address: tuple[str, int] | None
    """Where to knock first; None where only our own client knows."""
    changes: Mapping[Key, object] = field(default_factory=dict)
    """What the configuration has to say for it, beside the env file. Never a secret."""


def ways(settings: Settings, entries: Mapping[Key, Entry], compose: ComposeFile | None) -> dict[Part, list[Way]]:
    """For each part the ways in the order in which they are preferred; none for what nobody mentions."""
    looking = _Looking(settings, entries, compose)
    found = {
        Part.REDIS: [*looking.redis()],
        Part.DATABASE: [*looking.database()],
        Part.OBJECTS: [*looking.objects()],
        Part.COMPREFACE: [*looking.compreface()],
        Part.BACKEND: [*looking.backend()],
    }
    return {part: each for part, each in found.items() if each}


def workers_of(compose: ComposeFile) -> Service | None:
    """The service of the moderation workers."""
    named = [service for service in compose.services if "moderator" in f"{service.name} {service.image}".lower()]
    return next((service for service in named if service.name == "moderator-worker"), named[0] if named else None)


class _Looking:
    def __init__(self, settings: Settings, entries: Mapping[Key, Entry], compose: ComposeFile | None) -> None:
        self._settings = settings
        self._entries = entries
        self._compose = compose

    def redis(self) -> Iterator[Way]:
        said = self._settings.redis
        if said.url is not None or said.sentinels:
            key = ("redis", "url") if said.url is not None else ("redis", "sentinels")
            yield Way(Part.REDIS, said, "a URL" if said.url else ", ".join(said.sentinels), self._origin(key), None)
        elif said.host:
            place = f"{said.host}:{said.port}"
            yield Way(Part.REDIS, said, place, self._origin(("redis", "host")), (said.host, said.port))
            yield from self._moved(Part.REDIS, said, said.host, said.port)
        elif (service := self._role("redis", "valkey")) and (port := service.published(REDIS_PORT)):
            password = service.password.text if service.password else ""
            section = RedisSection(password=SecretStr(password) if password else None)
            yield self._at(Part.REDIS, section, port, {})

    def database(self) -> Iterator[Way]:
        said = self._settings.database
        if said.url is not None:
            yield Way(Part.DATABASE, said, "a URL", self._origin(("database", "url")), None)
        elif said.host:
            place = f"{said.host}:{said.port}"
            # A folder with a Unix socket is libpq's alone.
            knock = None if said.host.startswith("/") else (said.host, said.port)
            yield Way(Part.DATABASE, said, place, self._origin(("database", "host")), knock)
            yield from self._moved(Part.DATABASE, said, said.host, said.port)
        elif (service := self._role("postgres", "postgis", "timescale")) and (port := service.published(POSTGRES_PORT)):
            given = service.environment
            user, name = given.get("POSTGRES_USER") or "postgres", given.get("POSTGRES_DB") or ""
            password = given.get("POSTGRES_PASSWORD", "")
            section = DatabaseSection(user=user, name=name or user, password=SecretStr(password))
            yield self._at(Part.DATABASE, section, port, {"user": user, "name": name or user})

    def objects(self) -> Iterator[Way]:
        said = self._settings.objects
        if said.directory is not None:
            yield Way(Part.OBJECTS, said, str(said.directory), self._origin(("objects", "directory")), None)
        elif said.endpoint:
            scheme = "https" if said.use_ssl else "http"
            endpoint = said.endpoint if "://" in said.endpoint else f"{scheme}://{said.endpoint}"
            yield Way(Part.OBJECTS, said, said.endpoint, self._origin(("objects", "endpoint")), _address(endpoint))
            if (moved := self._outside(endpoint)) is not None:
                url, port = moved
                changes: dict[Key, object] = {("objects", "endpoint"): url}
                yield self._way(Part.OBJECTS, said.model_copy(update={"endpoint": url}), url, port, changes)

    def compreface(self) -> Iterator[Way]:
        said = self._settings.compreface
        if said.urls:
            origin = self._origin(("compreface", "urls"))
            yield Way(Part.COMPREFACE, said, ", ".join(said.urls), origin, _address(said.urls[0]))
            moved = [self._outside(url) for url in said.urls]
            if ports := [found[1] for found in moved if found]:
                urls = tuple(found[0] if found else url for found, url in zip(moved, said.urls, strict=True))
                yield self._faces(said, urls, ports[0])
            return
        core, gateway = self._role("compreface-core"), self._role("compreface")
        port = (core and core.published(CORE_PORT)) or (gateway and next(iter(gateway.ports), None))
        if port:
            yield self._faces(said, (f"http://{port.host}:{port.port}",), port)

    def backend(self) -> Iterator[Way]:
        said = self._settings.backend
        if said.url:
            yield Way(Part.BACKEND, said, said.url, self._origin(("backend", "url")), _address(said.url))
            return
        services = self._compose.services if self._compose else ()
        known = sorted((s for s in services if s.name in _BACKENDS), key=lambda s: _BACKENDS.index(s.name))
        if port := next((port for service in known for port in service.ports), None):
            url = f"http://{port.host}:{port.port}"
            yield self._way(Part.BACKEND, BackendSection(url=url), url, port, {("backend", "url"): url})

    def _faces(self, said: CompreFaceSection, urls: tuple[str, ...], port: Published) -> Way:
        changes: dict[Key, object] = {("compreface", "urls"): list(urls)}
        return self._way(Part.COMPREFACE, said.model_copy(update={"urls": urls}), ", ".join(urls), port, changes)

    def _moved(self, part: Part, said: Section, host: str, inside: int) -> Iterator[Way]:
        """The same service where it is published, if the host is one of the Compose file."""
        service = self._compose.named(host) if self._compose else None
        if service is not None and (port := service.published(inside)) and (host, inside) != (port.host, port.port):
            yield self._at(part, said, port, {})

    def _at(self, part: Part, section: Section, port: Published, more: Mapping[str, object]) -> Way:
        place = {"host": port.host, "port": port.port}
        changes: dict[Key, object] = {(part.value, name): value for name, value in (place | dict(more)).items()}
        return self._way(part, section.model_copy(update=place), f"{port.host}:{port.port}", port, changes)

    def _way(self, part: Part, section: Section, where: str, port: Published, changes: Mapping[Key, object]) -> Way:
        assert self._compose is not None
        return Way(part, section, where, self._compose.place(port.line), (port.host, port.port), changes)

    def _outside(self, url: str) -> tuple[str, Published] | None:
        """A URL of the Compose network as it is published; None where it names no service, or one that is not."""
        parts = urlsplit(url)
        service = self._compose.named(parts.hostname or "") if self._compose else None
        port = service.published(_address(url)[1]) if service else None
        return (f"{parts.scheme}://{port.host}:{port.port}{parts.path}", port) if port else None

    def _role(self, *images: str) -> Service | None:
        """The service that runs one of these images, or is called so."""
        for word in images:
            for service in self._compose.services if self._compose else ():
                if service.name == word or word in service.image.rpartition(":")[0] or word == service.image:
                    return service
        return None

    def _origin(self, key: Key) -> str:
        return self._entries[key].origin if key in self._entries else "default"


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _SCHEME_PORTS.get(parts.scheme, 0)
