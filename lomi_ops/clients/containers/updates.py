"""How a Swarm gets on with the update of a service, and having it take one back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lomi_ops.clients.containers.engine import Engine
from lomi_ops.domain.container import one_line
from lomi_ops.errors import ContainerError

_NAMED = "com.docker.stack.image"
_DONE, _UNDER_WAY = "completed", ("updating", "rollback_started", "")


@dataclass(frozen=True, slots=True)
class Update:
    """Of one service."""

    state: str
    """Docker's own word: updating, completed, paused, rollback_started, rollback_completed; empty before the first."""
    message: str

    @property
    def over(self) -> bool:
        return self.state not in _UNDER_WAY

    @property
    def went_back(self) -> bool:
        """To the description from before: by itself, or since somebody told it to."""
        return self.state == "rollback_completed"

    @property
    def failed(self) -> bool:
        return self.over and self.state != _DONE


class Updates:
    """Names are full ones. Every method raises DockerUnavailable and ContainerError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def image(self, service: str) -> str:
        """As the file of its stack names it, else as the service does, without a digest."""
        spec = self._said(service)["Spec"]
        named = (spec.get("Labels") or {}).get(_NAMED) or spec["TaskTemplate"]["ContainerSpec"]["Image"]
        return str(named).partition("@")[0]

    def update(self, service: str) -> Update:
        said = self._said(service).get("UpdateStatus") or {}
        return Update(str(said.get("State") or ""), one_line(str(said.get("Message") or "")))

    def take_back(self, service: str) -> None:
        """To the description from before the last change."""
        said = self._said(service)
        if not said.get("PreviousSpec"):
            raise ContainerError(f"{service} has no description from before", hint=f"docker service inspect {service}")
        with self._engine.connection.asking() as api:
            url = f"{api.base_url}/v{api.api_version}/services/{said['ID']}/update"
            asked = {"version": said["Version"]["Index"], "rollback": "previous"}
            with api.post(url, params=asked, json=said["Spec"], timeout=api.timeout) as answer:
                if not answer.ok:
                    from lomi_ops.clients.containers.connection import words

                    text = f"{service} cannot be taken back: {words(answer)}"
                    raise ContainerError(text, hint=f"docker service rollback {service}")

    def _said(self, service: str) -> dict[str, Any]:
        from docker.errors import NotFound

        with self._engine.connection.asking() as api:
            try:
                found: dict[str, Any] = api.inspect_service(service)
            except NotFound:
                raise ContainerError(f"there is no service {service}", gone=True, hint="docker service ls") from None
        return found
