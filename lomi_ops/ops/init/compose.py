"""Reading a Compose file: which services there are, and where they are published. Nothing is executed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lomi_ops.config.text_file import read_text
from lomi_ops.errors import ConfigError
from lomi_ops.ops.init.interpolation import Interpolated, interpolated

LOOPBACK = "127.0.0.1"
_EVERYWHERE = ("", "0.0.0.0", "::", "[::]", "*")
_BRACED = re.compile(r"\$\{[^{}]*\}")
_PORT = re.compile(r"(?:(?P<host>.*):)?(?P<published>[\d-]*):(?P<target>[\d-]+)(?:/(?P<protocol>\w+))?")


class _Loader(yaml.SafeLoader):
    """Words stay words, as in YAML 1.2: `22:22` is no number in base sixty, and `on` no yes."""


class _Lines(dict[str, Any]):
    """A mapping that knows the line of each of its keys."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}

    def fill(self, loader: _Loader, node: yaml.MappingNode) -> None:
        loader.flatten_mapping(node)
        for key, value in node.value:
            name = str(key.value)
            self.lines[name] = key.start_mark.line + 1
            self[name] = loader.construct_object(value, deep=True)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Iterator[_Lines]:
    found = _Lines()
    yield found
    found.fill(loader, node)


def _tagged(loader: _Loader, _: str, node: yaml.Node) -> Any:
    """`!reset` and `!override` are Compose's own; what they stand before is all that matters here."""
    if isinstance(node, yaml.MappingNode):
        found = _Lines()
        found.fill(loader, node)
        return found
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_KEPT = ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:null")
_Loader.yaml_implicit_resolvers = {
    first: kept
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    if (kept := [rule for rule in rules if rule[0] in _KEPT])
}
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_multi_constructor("!", _tagged)


@dataclass(frozen=True, slots=True)
class Published:
    """One port of a service, as this machine sees it."""

    target: int
    """Inside the network."""
    host: str
    port: int
    """On this machine."""
    line: int


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the file, its variables replaced."""

    name: str
    line: int
    image: str = ""
    ports: tuple[Published, ...] = ()
    names: frozenset[str] = frozenset()
    """What other containers call it."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    replicas: int = 1
    replicas_line: int = 0
    replicas_text: str = ""
    """As it is written, variables and all; empty where nothing is."""
    password: Interpolated | None = field(default=None, repr=False)
    """What `--requirepass` says, None where it is not there."""
    password_line: int = 0

    def published(self, target: int) -> Published | None:
        """Where a port of the container is from here. A number that no port of it has may be the outer one already, or,
        with one port only, an old one."""
        inside = [port for port in self.ports if port.target == target]
        outside = [port for port in self.ports if port.port == target]
        return next(iter(inside or outside or (self.ports if len(self.ports) == 1 else ())), None)


@dataclass(frozen=True, slots=True)
class ComposeFile:
    """What a Compose file says."""

    path: Path
    services: tuple[Service, ...] = ()
    missing: tuple[str, ...] = ()
    """Variables that it refers to and that nobody has set."""

    def named(self, name: str) -> Service | None:
        """The service that containers reach under this name."""
        return next((service for service in self.services if name in service.names), None)

    def place(self, line: int) -> str:
        return f"{self.path}:{line}" if line else str(self.path)


def read_compose(path: Path, known: Mapping[str, str]) -> ComposeFile:
    """Raises ConfigError for what is no Compose file; the text repeats nothing of it."""
    hint = "name the right one: --compose FILE"
    try:
        # A loader of our own that is a safe one: it makes words, lists and mappings.
        tree = yaml.load(read_text(path), Loader=_Loader)  # noqa: S506
    except ValueError as problem:
        raise ConfigError(f"the Compose file {path} {problem}", hint=hint) from None
    except (yaml.YAMLError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"the Compose file {place} is not valid YAML", hint=hint) from None
    services = _inside(tree, "services")
    if not services:
        raise ConfigError(f"the Compose file {path} has no services", hint=hint)
    reading = _Reading(known)
    found = tuple(reading.service(name, services) for name in services)
    return ComposeFile(path, found, tuple(dict.fromkeys(reading.missing)))


class _Reading:
    """One pass over the services. Whatever is not as it should be counts as not there."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self.missing: list[str] = []

    def service(self, name: str, services: _Lines) -> Service:
        body = _inside(services, name)
        password, password_line = self._requirepass(body)
        deploy = _inside(body, "deploy")
        place = deploy if "replicas" in deploy else body
        written = deploy.get("replicas", body.get("scale", ""))
        count = self._text(written)
        return Service(
            name=name,
            line=_line(services, name),
            image=self._text(body.get("image")),
            ports=tuple(self._ports(body)),
            names=frozenset({name, self._text(body.get("container_name")), *self._aliases(body)} - {""}),
            environment=self._environment(body),
            replicas=int(count) if count.isdecimal() else 1,
            replicas_line=_line(place, "replicas" if place is deploy else "scale") or _line(services, name),
            replicas_text=written if isinstance(written, str) else "",
            password=password,
            password_line=password_line,
        )

    def _text(self, value: object) -> str:
        if not isinstance(value, str):
            return ""
        found = interpolated(value, self._known)
        self.missing += found.missing
        return found.text.strip()

    def _ports(self, body: _Lines) -> Iterator[Published]:
        line = _line(body, "ports")
        for entry in _list(body.get("ports")):
            if isinstance(entry, _Lines):
                given = {name: self._text(entry.get(name)) for name in ("host_ip", "published", "target", "protocol")}
                host, published, target = given["host_ip"], given["published"], given["target"]
                protocol = given["protocol"]
            else:
                match = _PORT.fullmatch(self._text(entry))
                if match is None:  # a target alone gets a port of Docker's choice
                    continue
                host, published, target = match["host"] or "", match["published"], match["target"]
                protocol = match["protocol"] or ""
            if protocol in ("", "tcp"):
                yield from _pairs(LOOPBACK if host in _EVERYWHERE else host.strip("[]"), published, target, line)

    def _aliases(self, body: _Lines) -> Iterator[str]:
        networks = body.get("networks")
        for network in networks.values() if isinstance(networks, dict) else ():
            yield from map(self._text, _list(_inside({"": network}, "").get("aliases")))
        yield self._text(body.get("hostname"))

    def _environment(self, body: _Lines) -> dict[str, str]:
        given = body.get("environment")
        if isinstance(given, dict):
            return {name: self._text(value) for name, value in given.items()}
        pairs = (self._text(entry).partition("=") for entry in _list(given))
        return {name: value for name, _, value in pairs}

    def _requirepass(self, body: _Lines) -> tuple[Interpolated | None, int]:
        """The word after `--requirepass`. Split before its variables are replaced: a value may hold spaces."""
        command = body.get("command")
        words = _split(command) if isinstance(command, str) else [word for word in _list(command) if word]
        words = [inner for word in words for inner in (_split(word) if " " in word else [word])]
        for index, word in enumerate(words):
            if word == "--requirepass" and index + 1 < len(words):
                found = interpolated(words[index + 1], self._known)
                self.missing += found.missing
                return found, _line(body, "command")
        return None, 0


def _split(text: str) -> list[str]:
    """Into words, as a shell does; what stands in `${…}` stays together."""
    whole = _BRACED.sub(lambda match: match[0].replace(" ", "\0"), text)
    try:
        words = shlex.split(whole)
    except ValueError:
        words = whole.split()
    return [word.replace("\0", " ") for word in words]


def _pairs(host: str, published: str, target: str, line: int) -> Iterator[Published]:
    """Each port of `8000-8002:9000-9002`."""
    outer, inner = _range(published), _range(target)
    if len(outer) == len(inner):
        yield from (Published(inside, host, outside, line) for outside, inside in zip(outer, inner, strict=True))


def _range(text: str) -> range:
    first, _, last = text.partition("-")
    if not first.isdecimal() or (last and not last.isdecimal()):
        return range(0)
    numbers = range(int(first), int(last or first) + 1)
    return numbers if numbers and numbers[0] > 0 and numbers[-1] < 65536 else range(0)


def _inside(mapping: object, name: str) -> _Lines:
    """The mapping below a name; an empty one where there is none."""
    below = mapping.get(name) if isinstance(mapping, dict) else None
    return below if isinstance(below, _Lines) else _Lines()


def _line(mapping: _Lines, name: str) -> int:
    return mapping.lines.get(name, 0)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
