"""A container just like another one: what the engine says of the one, as its order for the next. Pure.

The environment goes from an answer of the engine into the question after it and nowhere else: it may hold secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lomi_ops.domain.compose import NUMBER, SWARM_SERVICE
from lomi_ops.domain.container import SHORT_ID
from lomi_ops.errors import Refused

_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
"""The name of a volume that nobody named."""
_NUMBERED = re.compile(r"(?:[0-9a-f]{12}_)?(?P<head>.+[_-])(?P<number>\d+)")
"""docker-compose 1.29 leaves `ID_` before a name where it was interrupted while it replaced a container."""
_ENGINES_OWN = ("bridge", "host", "none")
"""Networks in which there is nothing to be said about a container."""
_OF_THE_MODEL = ("com.docker.compose.replace", "com.docker.compose.slug")
"""Labels of Compose that say something about one container only."""
_DEFAULTS = ("Cmd", "Entrypoint", "Healthcheck", "Shell", "StopSignal", "User", "WorkingDir")
"""What an image may say and a container may say otherwise."""


@dataclass(frozen=True, slots=True)
class Order:
    """A container that is to be made."""

    name: str
    body: Mapping[str, Any] = field(repr=False)
    """As `POST /containers/create` takes it."""
    joins: Mapping[str, Mapping[str, Any]] = field(repr=False)
    """Further networks, which it joins before its start: older engines take only one with the order."""
    notes: tuple[str, ...] = ()
    """What the model has and a second container cannot have, in words."""


def order(
    said: Mapping[str, Any],
    number: int,
    *,
    image: str,
    labels: Mapping[str, str] | None = None,
    was: Mapping[str, Any] | None = None,
) -> Order:
    """A container like the one that `GET /containers/ID/json` describes, as number `number` of its service.

    With another `image`, `was` is the configuration of the old one: what came from there must not hold any more.
    `labels` win over those of the model. Raises Refused where there can be no second one.
    """
    config, host = dict(said["Config"]), dict(said["HostConfig"])
    if SWARM_SERVICE in (config.get("Labels") or {}):
        raise Refused("a container of a Swarm is made by its manager only", hint="docker service ls")
    name = sibling(said, number)
    _refuse_fixed_ports(said, host)
    if was is not None:
        config = _own(config, was)
    networks = _endpoints(said, name)
    mode = str(host.get("NetworkMode") or "default")
    notes = tuple(_notes(said))
    config["Image"] = image
    config["Labels"] = _labels(config, number) | dict(labels or {})
    _forget_identity(config, said, mode)
    _share_no_anonymous_volumes(config, host)
    host.pop("ContainerIDFile", None)
    host["Links"] = [_link(each) for each in host.get("Links") or ()] or None
    first = {mode: networks.pop(home)} if (home := _home(said, mode)) in networks else {}
    body = config | {"HostConfig": host, "NetworkingConfig": {"EndpointsConfig": first}}
    return Order(name, body, networks, notes)


def sibling(said: Mapping[str, Any], number: int) -> str:
    """`app_worker_4` and `app-worker-4` from their neighbours. Raises Refused for a name without a number."""
    name = str(said["Name"]).lstrip("/")
    found = _NUMBERED.fullmatch(name)
    own = (said["Config"].get("Labels") or {}).get(NUMBER, "")
    if found is None or found["number"] != own:
        text = f"{name} has a name of its own, so there can be no second one"
        raise Refused(
            text, hint="take `container_name` out of the service in the Compose file, then docker-compose up -d"
        )
    return f"{found['head']}{number}"


def free_numbers(taken: Iterable[int]) -> Iterator[int]:
    """From the lowest on."""
    known = set(taken)
    number = 1
    while True:
        if number not in known:
            yield number
        number += 1


def _refuse_fixed_ports(said: Mapping[str, Any], host: Mapping[str, Any]) -> None:
    fixed = sorted(
        {
            str(door["HostPort"])
            for doors in (host.get("PortBindings") or {}).values()
            for door in doors or ()
            if str(door.get("HostPort") or "0").isdecimal() and int(door.get("HostPort") or 0)
        }
    )
    if fixed:
        name = str(said["Name"]).lstrip("/")
        text = f"{name} is published as port {', '.join(fixed)} of the host, which only one can have"
        raise Refused(text, hint="take the port of the host out of `ports:` of the service, then docker-compose up -d")


def _own(config: Mapping[str, Any], was: Mapping[str, Any]) -> dict[str, Any]:
    """What the container says itself, without what its image said."""
    own = dict(config)
    for key in _DEFAULTS:
        if own.get(key) == was.get(key):
            own.pop(key, None)
    own["Env"] = [each for each in own.get("Env") or () if each not in (was.get("Env") or ())]
    for key in ("ExposedPorts", "Volumes"):
        own[key] = {each: {} for each in own.get(key) or {} if each not in (was.get(key) or {})}
    theirs = was.get("Labels") or {}
    own["Labels"] = {key: value for key, value in (own.get("Labels") or {}).items() if theirs.get(key) != value}
    return own


def _labels(config: Mapping[str, Any], number: int) -> dict[str, str]:
    kept = {key: value for key, value in (config.get("Labels") or {}).items() if key not in _OF_THE_MODEL}
    return kept | {NUMBER: str(number)}


def _forget_identity(config: dict[str, Any], said: Mapping[str, Any], mode: str) -> None:
    """A host name that is only its id, and an address on the wire, are the model's own."""
    config.pop("MacAddress", None)
    borrowed = mode == "host" or mode.startswith("container:")
    if borrowed or config.get("Hostname") == str(said["Id"])[:SHORT_ID]:
        config.pop("Hostname", None)
    if mode.startswith("container:"):
        config.pop("ExposedPorts", None)


def _share_no_anonymous_volumes(config: dict[str, Any], host: dict[str, Any]) -> None:
    """Compose carries them from a container to its successor by name; a sibling gets new ones of its own."""
    volumes = dict(config.get("Volumes") or {})
    binds = []
    for each in host.get("Binds") or ():
        source, _, target = each.partition(":")
        if _ANONYMOUS.fullmatch(source):
            volumes[target.partition(":")[0]] = {}
        else:
            binds.append(each)
    mounts = [_fresh(each) for each in host.get("Mounts") or ()]
    host["Binds"], host["Mounts"], config["Volumes"] = binds or None, mounts or None, volumes or None


def _fresh(mount: Mapping[str, Any]) -> dict[str, Any]:
    anonymous = mount.get("Type") == "volume" and _ANONYMOUS.fullmatch(str(mount.get("Source") or ""))
    return {key: value for key, value in mount.items() if not (anonymous and key == "Source")}


def _networks(said: Mapping[str, Any]) -> Mapping[str, Any]:
    return (said.get("NetworkSettings") or {}).get("Networks") or {}


def _home(said: Mapping[str, Any], mode: str) -> str:
    """The name of the network that it is made in: the mode may be its id."""
    for network, each in _networks(said).items():
        if mode in (network, (each or {}).get("NetworkID")):
            return str(network)
    return ""


def _endpoints(said: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """Of the networks that it joins: the engine's own ones go with the mode."""
    return {
        network: _endpoint(said, each or {}, name)
        for network, each in _networks(said).items()
        if network not in _ENGINES_OWN
    }


def _endpoint(said: Mapping[str, Any], endpoint: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Aliases name the service for everybody, and the container for those that mean it alone."""
    own = str(said["Name"]).lstrip("/")
    aliases = dict.fromkeys(
        name if alias == own else alias
        for alias in endpoint.get("Aliases") or ()
        if alias != str(said["Id"])[:SHORT_ID]
    )
    local = (endpoint.get("IPAMConfig") or {}).get("LinkLocalIPs")
    wanted = {
        "Aliases": list(aliases),
        "Links": endpoint.get("Links"),
        "DriverOpts": endpoint.get("DriverOpts"),
        "IPAMConfig": {"LinkLocalIPs": local} if local else None,
    }
    return {key: value for key, value in wanted.items() if value}


def _link(said: str) -> str:
    """`/redis:/app_worker_1/cache`, as the engine tells it, is `redis:cache`."""
    target, _, alias = said.partition(":")
    return f"{target.lstrip('/')}:{alias.rpartition('/')[2]}"


def _notes(said: Mapping[str, Any]) -> Iterable[str]:
    for network, each in _networks(said).items():
        ipam = (each or {}).get("IPAMConfig") or {}
        fixed = [ipam[key] for key in ("IPv4Address", "IPv6Address") if ipam.get(key)]
        if fixed:
            yield f"the fixed address {', '.join(fixed)} in {network} stays with {str(said['Name']).lstrip('/')}"
    if said["Config"].get("MacAddress"):
        yield f"the MAC address {said['Config']['MacAddress']} stays with {str(said['Name']).lstrip('/')}"
