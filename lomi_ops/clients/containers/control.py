"""The only place that changes something on a Docker Engine: containers, and services of a Swarm.

What the engine refuses is a ContainerError in its own words; where it does not answer, DockerUnavailable. The SDK takes
80 ms to import: it is imported with the first change.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from lomi_ops.clients.containers import answers, clones
from lomi_ops.clients.containers.engine import Engine
from lomi_ops.domain.compose import NUMBER, PROJECT, SERVICE
from lomi_ops.domain.container import SHORT_ID, one_line
from lomi_ops.errors import ContainerError, Refused

RELOADS = 10
"""So often a change of a Swarm service is tried on what others have made of it meanwhile."""
_NAMES = 5
"""Names that may be taken by strangers."""
_SAID = 200
"""Characters of a health check that are told."""
_OUT_OF_SEQUENCE = "update out of sequence"
_NO_MANAGER = "not a swarm manager"
_GONE, _TAKEN = 404, 409


@dataclass(frozen=True, slots=True)
class Clone:
    """A container that was made and not started."""

    id: str
    name: str
    number: int
    notes: tuple[str, ...] = ()
    """What its model has and it has not, in words."""

    @property
    def short_id(self) -> str:
        return self.id[:SHORT_ID]


@dataclass(frozen=True, slots=True)
class Probe:
    """What a health check says that was made just now."""

    passed: bool
    said: str = ""
    """Its first words."""


class Control:
    """Changes what an engine runs. May be used by several threads. Every method raises DockerUnavailable and
    ContainerError."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def clone(self, model: str) -> Clone:
        """Makes the next container of a service, just like the container `model`; start it.

        It runs the image that its model runs, wherever the tag points by now. Raises Refused where there can be no
        second one.
        """
        with self._changing(f"no container like {model[:SHORT_ID]} can be made") as api:
            said = api.inspect_container(model)
            wanted, was, notes = _image(api, said, "")
            for number in itertools.islice(clones.free_numbers(_taken(api, said)), _NAMES):
                order = clones.order(said, number, image=wanted, was=was)
                if made := _created(api, order):
                    return Clone(made, order.name, number, (*notes, *order.notes))
        text = f"{order.name} and the {_NAMES - 1} names before it are taken by other containers"
        raise ContainerError(text, hint="docker ps -a")

    def succeed(self, model: str, *, image: str, labels: Mapping[str, str]) -> Clone:
        """Makes the container that takes the place of `model`, with its number, as Compose does it: until the old one
        is removed and the new one renamed, `ID_` of the old one stands before its name. Raises Refused as `clone`."""
        with self._changing(f"no container like {model[:SHORT_ID]} can be made") as api:
            said = api.inspect_container(model)
            wanted, was, notes = _image(api, said, image)
            number = int(said["Config"]["Labels"].get(NUMBER) or 1)
            order = clones.order(said, number, image=wanted, labels=labels, was=was)
            order = replace(order, name=f"{model[:SHORT_ID]}_{order.name}")
            if made := _created(api, order):
                return Clone(made, order.name, number, (*notes, *order.notes))
        raise ContainerError(f"{order.name} is there already", hint=f"docker rm {order.name}")

    def rename(self, container: str, name: str) -> None:
        with self._changing(f"{container[:SHORT_ID]} cannot be called {name}") as api:
            api.rename(container, name)

    def foresee(self, model: str) -> tuple[str, ...]:
        """What a clone of this container will not have; makes nothing. Raises Refused as `clone` would."""
        with self._changing(f"no container like {model[:SHORT_ID]} can be made") as api:
            said = api.inspect_container(model)
            wanted, was, notes = _image(api, said, "")
            return (*notes, *clones.order(said, 0, image=wanted, was=was).notes)

    def start(self, container: str) -> None:
        """Also one that runs already."""
        with self._changing(f"{container[:SHORT_ID]} cannot be started") as api:
            api.start(container)

    def stop(self, container: str, grace_s: float) -> int:
        """SIGTERM, and SIGKILL where it has not ended after the grace; its exit code. Also of one that has ended."""
        with self._changing(f"{container[:SHORT_ID]} cannot be stopped") as api:
            api.stop(container, timeout=math.ceil(grace_s))
            return int(api.inspect_container(container)["State"]["ExitCode"])

    def restart(self, container: str, grace_s: float) -> None:
        """Stop and start; the container stays the same one."""
        with self._changing(f"{container[:SHORT_ID]} cannot be restarted") as api:
            api.restart(container, timeout=math.ceil(grace_s))

    def kill(self, container: str, signal: str = "SIGKILL") -> None:
        with self._changing(f"{container[:SHORT_ID]} cannot be sent {signal}") as api:
            api.kill(container, signal=signal)

    def probe(self, container: str) -> Probe:
        """Makes the container's health check, once and now, instead of when its interval is over; passed where it has
        none. Docker's own count of it is not touched."""
        with self._changing(f"the health check of {container[:SHORT_ID]} cannot be made") as api:
            command = answers.health_command(api.inspect_container(container))
            if not command:
                return Probe(passed=True)
            made = api.exec_create(container, command)["Id"]
            said = api.exec_start(made)
            code = api.exec_inspect(made)["ExitCode"]
            return Probe(code == 0, one_line(said.decode(errors="replace"), _SAID))

    def remove(self, container: str, *, force: bool = False) -> bool:
        """With its anonymous volumes; False where it was gone already. `force` kills it first."""
        try:
            with self._changing(f"{container[:SHORT_ID]} cannot be removed") as api:
                api.remove_container(container, v=True, force=force)
        except ContainerError as refusal:
            if refusal.gone:
                return False
            raise
        return True

    def scale_service(self, name: str, replicas: int) -> None:
        """Tells a Swarm how many tasks of a service it should run; it starts and stops them by itself, and leaves the
        others alone. `name` is the full one. Raises Refused for a service that has no such number."""

        def change(spec: dict[str, Any]) -> None:
            if "Replicated" not in spec["Mode"]:
                kind = ", ".join(spec["Mode"]).lower()
                text = f"{name} is a {kind} service: how many tasks it has is not for us to say"
                raise Refused(text, hint=f"docker service inspect --pretty {name}")
            spec["Mode"]["Replicated"]["Replicas"] = replicas

        self._update_service(name, change)

    def roll_service(self, name: str, image: str = "") -> None:
        """Has a Swarm replace the tasks of a service one after another, as its update settings say; with another image
        where one is named."""

        def change(spec: dict[str, Any]) -> None:
            task = spec["TaskTemplate"]
            task["ForceUpdate"] = int(task.get("ForceUpdate") or 0) + 1
            if image:
                task["ContainerSpec"]["Image"] = image

        self._update_service(name, change)

    def _update_service(self, name: str, change: Callable[[dict[str, Any]], None]) -> None:
        """The whole description goes back as it came, but for the change.

        The SDK's own update fills in defaults first. A Swarm takes that for a change of every task, and restarts all.
        """
        for _ in range(RELOADS):
            with self._changing(f"the service {name} cannot be changed") as api:
                said = api.inspect_service(name)
                spec = copy.deepcopy(said["Spec"])
                change(spec)
                if _sent(api, said, spec):
                    return
        text = f"the service {name} is changed by others all the time, {RELOADS} tries were one too late"
        raise ContainerError(text, hint=f"docker service inspect --pretty {name}")

    @contextmanager
    def _changing(self, what: str) -> Iterator[Any]:
        """The SDK's low-level client; what the engine refuses begins with these words."""
        with self.engine.connection.asking() as api:
            from docker.errors import APIError

            try:
                yield api
            except APIError as refusal:
                raise _refused(what, refusal) from refusal


def _refused(what: str, refusal: Any) -> ContainerError:
    from lomi_ops.clients.containers.connection import words

    said = words(refusal.response)
    if _NO_MANAGER in said:
        hint = "docker.host, DOCKER_HOST=ssh://USER@MANAGER: an engine that manages the Swarm"
        return ContainerError(f"{what}: this engine is not a manager of the Swarm", hint=hint)
    return ContainerError(f"{what}: {said}", gone=refusal.response.status_code == _GONE, hint="docker ps -a")


def _taken(api: Any, said: Mapping[str, Any]) -> list[int]:
    """The numbers of a container's siblings."""
    labels = said["Config"].get("Labels") or {}
    wanted = [f"{key}={labels[key]}" for key in (PROJECT, SERVICE) if key in labels]
    listed = api.containers(all=True, filters={"label": wanted})
    numbers = [(each.get("Labels") or {}).get(NUMBER, "") for each in listed]
    return [int(number) for number in numbers if number.isdecimal()]


def _image(api: Any, said: Mapping[str, Any], other: str) -> tuple[str, Mapping[str, Any] | None, tuple[str, ...]]:
    """What to make the container from; where that is another image, what the old one said; and a word about it."""
    from docker.errors import ImageNotFound

    named, own = str(said["Config"]["Image"]), str(said["Image"])
    if other:
        return other, api.inspect_image(own).get("Config") or {}, ()
    with suppress(ImageNotFound):
        if api.inspect_image(named)["Id"] == own:
            return named, None, ()
    return own, None, (f"{named} names another image by now; it runs the one that the others run",)


def _created(api: Any, order: clones.Order) -> str:
    """The id, or nothing where the name is taken."""
    from docker.errors import APIError

    try:
        made = str(api.create_container_from_config(dict(order.body), name=order.name)["Id"])
    except APIError as refusal:
        if refusal.response.status_code == _TAKEN:
            return ""
        raise
    try:
        for network, endpoint in order.joins.items():
            _join(api, made, network, endpoint)
    except BaseException:
        with suppress(APIError):
            api.remove_container(made, v=True)
        raise
    return made


def _join(api: Any, container: str, network: str, endpoint: Mapping[str, Any]) -> None:
    api.connect_container_to_network(
        container,
        network,
        aliases=endpoint.get("Aliases"),
        links=[tuple(link.split(":", 1)) for link in endpoint.get("Links") or ()] or None,
        link_local_ips=(endpoint.get("IPAMConfig") or {}).get("LinkLocalIPs"),
        driver_opt=endpoint.get("DriverOpts"),
    )


def _sent(api: Any, said: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
    """False where somebody has changed the service since it was read."""
    from docker.errors import create_api_error_from_http_exception
    from requests import HTTPError

    from lomi_ops.clients.containers.connection import words

    url = f"{api.base_url}/v{api.api_version}/services/{said['ID']}/update"
    asked = {"version": said["Version"]["Index"], "registryAuthFrom": "spec"}
    with api.post(url, params=asked, json=spec, timeout=api.timeout) as answer:
        if answer.ok:
            return True
        if _OUT_OF_SEQUENCE in words(answer):
            return False
        try:
            answer.raise_for_status()
        except HTTPError as failure:
            create_api_error_from_http_exception(failure)
    return False
