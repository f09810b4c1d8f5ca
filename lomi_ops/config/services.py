"""Whether the settings say where the services are: all of it, a part, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lomi_ops.config.env import names_of
from lomi_ops.config.keys import Key, closest, dotted
from lomi_ops.config.layers import Entry, Rank
from lomi_ops.config.problems import Problem
from lomi_ops.config.schema import Settings
from lomi_ops.errors import ConfigError

_NOWHERE_HINT = "lomi up, which runs everything here; or name your own: lomi init, --env-file FILE or --config FILE"


@dataclass(frozen=True, slots=True)
class Service:
    """What says where a service is: `whole` alone, all of `instead`, or all of `parts`. `more` belongs to the parts,
    with defaults."""

    name: str
    whole: Key
    whole_variable: str
    parts: tuple[Key, ...]
    more: tuple[Key, ...] = ()
    instead: tuple[Key, ...] = ()

    @property
    def keys(self) -> tuple[Key, ...]:
        return (self.whole, *self.instead, *self.parts, *self.more)


def _keys(section: str, *names: str) -> tuple[Key, ...]:
    return tuple((section, name) for name in names)


SERVICES = (
    Service(
        "redis",
        ("redis", "url"),
        "LOMI_REDIS_URL",
        _keys("redis", "host"),
        _keys("redis", "port", "username", "password", "db", "tls"),
        _keys("redis", "sentinels"),
    ),
    Service(
        "database",
        ("database", "url"),
        "LOMI_DATABASE_URL",
        _keys("database", "host", "user", "password", "name"),
        _keys("database", "port", "ssl_mode"),
    ),
    Service(
        "objects",
        ("objects", "directory"),
        "LOMI_OBJECTS",
        _keys("objects", "endpoint", "access_key", "secret_key"),
    ),
)
NAMES = frozenset(service.name for service in SERVICES)


def value_at(settings: Settings, key: Key) -> object:
    value: object = settings
    for name in key:
        value = value[name] if isinstance(value, Mapping) else getattr(value, name)
    return value


def said(service: Service, entries: Mapping[Key, Entry], settings: Settings, plain: Settings) -> list[Key]:
    """The keys with which somebody says where this service is.

    In the configuration file a value that is the default says nothing: a copy of `config.example.yaml` names no
    service. A variable says something whatever its value.
    """
    return [
        key
        for key in service.keys
        if (entry := entries.get(key)) is not None
        and (entry.rank > Rank.FILE or value_at(settings, key) != value_at(plain, key))
    ]


def missing(service: Service, settings: Settings, blank: Collection[Key]) -> list[Key]:
    """The parts that nobody gave; none where the whole is given. A part that is there and empty is given."""
    if value_at(settings, service.whole) is not None:
        return []
    if service.instead and all(value_at(settings, key) for key in service.instead):
        return []
    return [key for key in service.parts if value_at(settings, key) is None and key not in blank]


def gaps(
    needs: Iterable[str],
    settings: Settings,
    entries: Mapping[Key, Entry],
    blank: Collection[Key],
    seen: Collection[str],
) -> Iterator[Problem]:
    """One problem for each needed service that is not wholly configured. `seen` are the names of all variables."""
    plain = Settings()
    others = [s.name for s in SERVICES if said(s, entries, settings, plain)]
    for service in SERVICES:
        if service.name not in needs or not (lacks := missing(service, settings, blank)):
            continue
        given = said(service, entries, settings, plain)
        if given:
            source, state = entries[given[0]].origin, "is configured only in part"
        else:
            source, state = "", f"is not configured, while {' and '.join(others)} is"
        parts = ", ".join(_spelled(key, seen) for key in lacks)
        yield Problem(source, f"{state}: missing {parts} (or all in one: {service.whole_variable})", service.name)


def without_effect(entries: Mapping[Key, Entry], settings: Settings) -> Iterator[str]:
    """Warnings: parts beside a whole that wins over them."""
    plain = Settings()
    for service in SERVICES[:2]:
        if service.whole not in entries:
            continue
        for key in said(service, entries, settings, plain):
            if key != service.whole:
                winner = f"{dotted(service.whole)} ({entries[service.whole].origin})"
                yield f"{entries[key].origin}: {dotted(key)} has no effect, {winner} wins"


def require_some(needs: Collection[str], absent: tuple[Path, str] | None, *, nowhere: bool, profile: str) -> None:
    """Raises ConfigError where a command needs services and nobody says where they are, or where the stack that is
    named does not exist. `absent` is the folder without a stack, and who names it; `profile` is the chosen one."""
    if not needs:
        return
    folder, origin = absent or (None, "")
    if folder is not None and origin:
        raise ConfigError(f"there is no local stack in {folder} ({origin})", hint=f"lomi up --data {folder}")
    if not nowhere:
        return
    ordered = [service.name for service in SERVICES if service.name in needs]
    listed = ", ".join(ordered[:-1]) + " and " + ordered[-1] + " are" if len(ordered) > 1 else f"{ordered[0]} is"
    if profile:
        hint = f"give it an env_file, or settings, below profiles.{profile}"
        raise ConfigError(f"profile {profile} does not say where {listed}", hint=hint)
    looked = f", and there is no local stack in {folder}" if folder else ""
    raise ConfigError(f"nothing says where {listed}{looked}", hint=_NOWHERE_HINT)


def _spelled(key: Key, seen: Collection[str]) -> str:
    name = names_of(key)[0]
    similar = closest(name, [other for other in seen if other not in names_of(key)], 0.75)
    return f"{name} ({dotted(key)})" + (f" [{similar} is set, but it is not read]" if similar else "")
