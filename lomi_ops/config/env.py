"""Settings from variables: the names of the existing system and our own, in the environment or in an env file.

Four layers, weakest first: the existing system's names in the file, the same in the environment, `LOMI_` names in the
file, `LOMI_` names in the environment. A variable that is set but empty counts as not set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lomi_ops.config.keys import Key, Leaf, closest, leaves, node_at, split
from lomi_ops.config.layers import Entry, Rank
from lomi_ops.config.problems import Problem
from lomi_ops.config.values import objects_at, typed

CONTRACT = {
    "REDIS_HOST": "redis.host",
    "REDIS_PORT": "redis.port",
    "REDIS_PASSWORD": "redis.password",
    "REDIS_DB": "redis.db",
    "DB_HOST": "database.host",
    "DB_PORT": "database.port",
    "DB_USER": "database.user",
    "DB_PASSWORD": "database.password",
    "DB_NAME": "database.name",
    "DB_SSL_MODE": "database.ssl_mode",
    "S3_ENDPOINT": "objects.endpoint",
    "S3_ACCESS_KEY": "objects.access_key",
    "S3_SECRET_KEY": "objects.secret_key",
    "S3_REGION": "objects.region",
    "S3_USE_SSL": "objects.use_ssl",
    "S3_BUCKET_PHOTOS": "objects.bucket_photos",
    "COMPREFACE_URL": "compreface.urls",
    "TELEGRAM_BOT_TOKEN": "telegram.bot_token",
}
"""Names that the existing system uses, and the settings that they are."""

SHORT = {
    "LOMI_REDIS_URL": "redis.url",
    "LOMI_REDIS_SENTINELS": "redis.sentinels",
    "LOMI_DATABASE_URL": "database.url",
    "LOMI_COMPREFACE_URL": "compreface.urls",
    "LOMI_DATA": "stack.data",
    "LOMI_MODELS": "models.dir",
    "LOMI_POLICY": "policy.active",
    "LOMI_COLOUR": "colour",
}
OBJECTS = "LOMI_OBJECTS"
"""Where the bytes are, in one text; several settings at once."""

CONFIG = "LOMI_CONFIG"
ENV_FILE = "LOMI_ENV_FILE"
PROFILE = "LOMI_ENV"
NO_SETTINGS = {
    CONFIG: "the configuration file",
    ENV_FILE: "the env file",
    PROFILE: "the profile of the configuration file that holds",
    "LOMI_ACTOR": "who acts, for the audit",
    "LOMI_ASCII": "1: no signs outside ASCII",
    "LOMI_BINARIES": "where the local stack's programs come from: system, wheel or auto",
    "LOMI_DEBUG": "1: show tracebacks",
    "LOMI_NO_COLOR": "1: no colours",
    "LOMI_MODELS_FROM": "the folder or volume of models that Compose mounts into workers",
    "LOMI_WORKERS": "how many workers Compose is to run",
}
"""Variables of ours that are no settings, and what they mean."""

_PREFIX = "LOMI_"
_FILE = "_FILE"
_SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT(_.+)?)$|_PORT_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?$|_PORT$")
"""What Kubernetes and Docker links set for every service in sight: one named `lomi-redis` or `redis` is no mistake."""
_LINK_VALUE = re.compile(r"(tcp|udp)://")
_MAX_SECRET_FILE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable and where it stands."""

    name: str
    value: str = field(repr=False)
    source: str
    """`environment`, or `FILE:LINE`."""
    unset: bool = False
    """Whether its value refers to a variable that nobody has set."""

    @property
    def origin(self) -> str:
        return f"{self.source} {self.name}"


@dataclass(slots=True)
class Variables:
    """What the variables of one source say."""

    contract: dict[Key, Entry] = field(default_factory=dict)
    own: dict[Key, Entry] = field(default_factory=dict)
    blank: set[Key] = field(default_factory=set)
    """Settings whose variable is there and empty: somebody says that there is no value."""
    names: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


def read_variables(variables: Iterable[Variable], rank: Rank, base: Path, environ: Mapping[str, str]) -> Variables:
    """Sorts the variables into settings; relative paths start at `base`. Variables of other programs are ignored."""
    given = {variable.name: variable for variable in variables}
    reading = _Reading(given, rank, base, environ)
    for name in sorted(given, key=_strength):
        reading.read(given[name])
    return reading.found


def generic_name(key: Key) -> str:
    """`redis.host` is LOMI_REDIS__HOST. A profile is chosen by a name that is quick to type."""
    if key == ("profile",):
        return PROFILE
    return _PREFIX + "__".join(key).upper()


def names_of(key: Key) -> tuple[str, ...]:
    """Every variable that sets this, the shortest way first."""
    short = [name for table in (CONTRACT, SHORT) for name, dotted in table.items() if split(dotted) == key]
    return (*short, generic_name(key))


def _strength(name: str) -> tuple[bool, str]:
    """The full name is the more exact one and wins over a short one."""
    return ("__" in name, name)


class _Reading:
    """One pass over the variables of one source."""

    def __init__(self, given: Mapping[str, Variable], rank: Rank, base: Path, environ: Mapping[str, str]) -> None:
        self.found = Variables(names=set(given))
        self._given = given
        self._rank = rank
        self._base = base
        self._environ = environ

    def read(self, variable: Variable) -> None:
        if variable.name in NO_SETTINGS:
            if self._rank is Rank.ENV_FILE and variable.name in (CONFIG, ENV_FILE, PROFILE):
                self._problem(variable, "has no effect inside an env file")
            return
        name, from_file = _base_name(variable.name)
        key = _key(name)
        if _is_link(variable):
            return
        if key is None and name != OBJECTS:
            if variable.name.startswith(_PREFIX):
                self.found.problems.append(_unknown(variable))
            return
        if variable.unset:
            # The name may be a part of a password: it is not repeated.
            self._problem(variable, "refers to a variable that nobody has set; if ${…} is meant literally, use ' '")
        elif from_file and variable.value and name in self._given and self._given[name].value:
            self._problem(variable, f"is set beside {name}; set only one of them")
        else:
            self._value(variable, name, key, from_file=from_file)

    def _value(self, variable: Variable, name: str, key: Key | None, *, from_file: bool) -> None:
        try:
            value = _content(self._base / variable.value) if from_file and variable.value else variable.value
            if value.strip():
                into = self.found.contract if name in CONTRACT else self.found.own
                into.update(self._entries(variable, key, value))
            elif key is not None:
                self.found.blank.add(key)
        except ValueError as problem:
            self._problem(variable, str(problem))

    def _entries(self, variable: Variable, key: Key | None, value: str) -> dict[Key, Entry]:
        """What one variable sets; without a key it is the place of the objects. Raises ValueError."""
        if key is None:
            settings = objects_at(value.strip(), self._base, self._environ)
        else:
            leaf = node_at(key)
            assert isinstance(leaf, Leaf)
            settings = {key: typed(value, leaf, self._base, self._environ)}
        return {key: Entry(part, variable.origin, self._rank) for key, part in settings.items()}

    def _problem(self, variable: Variable, what: str) -> None:
        self.found.problems.append(Problem(variable.source, what, variable.name))


def _base_name(name: str) -> tuple[str, bool]:
    """The name, and whether it says in which file the value is (`REDIS_PASSWORD_FILE`); for secrets only."""
    if not name.endswith(_FILE) or _key(name) is not None:
        return name, False
    base = name.removesuffix(_FILE)
    key = _key(base)
    leaf = node_at(key) if key else None
    secret = base == OBJECTS or (isinstance(leaf, Leaf) and leaf.secret)
    return (base, True) if secret else (name, False)


def _key(name: str) -> Key | None:
    """The setting that a variable names; None for a name that is none."""
    if dotted := CONTRACT.get(name) or SHORT.get(name):
        return split(dotted)
    if not name.startswith(_PREFIX) or "__" not in name:
        return None
    key = tuple(name.removeprefix(_PREFIX).lower().split("__"))
    return key if isinstance(node_at(key), Leaf) else None


def _is_link(variable: Variable) -> bool:
    if not _SERVICE_LINK.search(variable.name) or variable.source != "environment":
        return False
    return not variable.name.endswith("_PORT") or bool(_LINK_VALUE.match(variable.value))


def _unknown(variable: Variable) -> Problem:
    base = variable.name.removesuffix(_FILE)
    if base != variable.name and _key(base) is not None:
        return Problem(variable.source, f"is only for secrets; {base} is none", variable.name)
    meant = closest(variable.name, list(all_names()), 0.7)
    return Problem(variable.source, "is no variable of lomi", variable.name, meant)


def all_names() -> Iterator[str]:
    """Every variable that is read."""
    yield from (*CONTRACT, *SHORT, OBJECTS, *NO_SETTINGS)
    for key, _ in leaves():
        yield generic_name(key)


def _content(path: Path) -> str:
    """A secret from its file, without the newline at the end. Raises ValueError."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_SECRET_FILE + 1)
    except OSError as problem:
        raise ValueError(f"cannot read {path}: {problem.strerror}") from None
    if len(data) > _MAX_SECRET_FILE:
        raise ValueError(f"{path} is too large for a secret")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")
