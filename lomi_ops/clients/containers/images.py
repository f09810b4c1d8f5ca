"""The images of an engine: what a name stands for, other names for them, and getting new ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lomi_ops.clients.containers.engine import Engine
from lomi_ops.domain.container import one_line
from lomi_ops.domain.rollout import short
from lomi_ops.errors import ContainerError

_PULL_S = 300.0
"""Without a word. A registry may take its time, and so may unpacking."""
_HINT = "docker pull {}, and docker login where it asks for one"


class Images:
    """May be used by several threads. Every method raises DockerUnavailable and ContainerError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def id_of(self, name: str) -> str:
        """`sha256:…`; empty where the engine has no such image."""
        from docker.errors import ImageNotFound

        with self._asking(f"{name} cannot be looked at") as api:
            try:
                return str(api.inspect_image(name)["Id"])
            except ImageNotFound:
                return ""

    def tag(self, image_id: str, name: str) -> None:
        """From now on the name means this image, whatever it meant before."""
        repository, _, tag = name.rpartition(":")
        with self._asking(f"{image_id[:19]} cannot be called {name}") as api:
            api.tag(image_id, repository, tag)

    def exact(self, name: str, image_id: str) -> str:
        """A name that will always mean this image: with the digest that a registry knows it by, else a tag of its own.

        What a Swarm goes back to must not have moved meanwhile.
        """
        repository, tag = _parts(name)
        with self._asking(f"{name} cannot be looked at") as api:
            digests = api.inspect_image(image_id).get("RepoDigests") or ()
        found = next((each for each in digests if each.partition("@")[0] == repository), None)
        if found:
            return f"{repository}:{tag}@{found.partition('@')[2]}"
        own = f"{repository}:lomi-{short(image_id)}"
        self.tag(image_id, own)
        return own

    def pull(self, name: str, tell: Callable[[str], None]) -> None:
        """Gets what the registry has under this name; `tell` hears of its layers, each state once."""
        from docker.auth import get_config_header, resolve_repository_name

        with self._asking(f"{name} cannot be pulled") as api:
            repository, tag = _parts(name)
            headers = {}
            if auth := get_config_header(api, resolve_repository_name(repository)[0]):
                headers["X-Registry-Auth"] = auth
            url = f"{api.base_url}/v{api.api_version}/images/create"
            asked = {"fromImage": repository, "tag": tag}
            with api.post(url, params=asked, headers=headers, timeout=_PULL_S, stream=True) as answer:
                if not answer.ok:
                    raise ContainerError(f"{name} cannot be pulled: {_words(answer)}", hint=_HINT.format(name))
                for said in _progress(answer.iter_lines()):
                    if problem := said.get("error"):
                        text = f"{name} cannot be pulled: {one_line(str(problem))}"
                        raise ContainerError(text, hint=_HINT.format(name))
                    if "progressDetail" not in said or not said["progressDetail"]:
                        tell(" ".join(str(said[key]) for key in ("id", "status") if said.get(key)))

    @contextmanager
    def _asking(self, what: str) -> Iterator[Any]:
        """The SDK's low-level client; what the engine refuses begins with these words."""
        with self._engine.connection.asking() as api:
            from docker.errors import APIError

            try:
                yield api
            except APIError as refusal:
                raise ContainerError(f"{what}: {_words(refusal.response)}", hint="docker images") from refusal


def _words(answer: Any) -> str:
    from lomi_ops.clients.containers.connection import words

    return words(answer)


def _parts(name: str) -> tuple[str, str]:
    """Repository and tag; a name without a tag means `latest`, and not all of them."""
    if "@" in name:
        repository, _, digest = name.partition("@")
        return repository, digest
    head, colon, tag = name.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (name, "latest")


def _progress(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict):
            yield said
