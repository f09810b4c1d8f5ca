"""The line to a Docker Engine, and the one place where the SDK's errors become ours."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import docker
import requests
import urllib3
from docker.errors import APIError, DockerException

from lomi_ops.clients.containers import place
from lomi_ops.clients.containers.tunnel import Tunnel
from lomi_ops.config.sections.services import DockerSection
from lomi_ops.domain.container import one_line
from lomi_ops.errors import DockerUnavailable

_HEADROOM = 2
_CHUNK = 64 * 1024
_LONGEST_WORDS = 400


class Connection:
    """Opens nothing before its first use, and may be used by several threads."""

    def __init__(self, section: DockerSection, environ: Mapping[str, str]) -> None:
        self.place = place.place(section, environ)
        """The engine's URL, or `context:NAME`; None where nobody named one and this machine has none."""
        self._environ = dict(environ)
        self._timeout_s = section.timeout_s
        self._lock = threading.Lock()
        self._api: Any = None
        self._tunnel: Tunnel | None = None

    def close(self) -> None:
        if self._api is not None:
            self._api.close()
        if self._tunnel is not None:
            self._tunnel.close()

    @contextmanager
    def asking(self) -> Iterator[Any]:
        """The SDK's low-level client. Whatever fails inside raises DockerUnavailable."""
        try:
            yield self._client()
        except (DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as found:
            raise self._unavailable(found) from _root(found)

    @contextmanager
    def stream(self, path: str, params: Mapping[str, object]) -> Iterator[Iterator[bytes]]:
        """The bytes of a long answer, as they come: each read within the timeout, all of them within twice that.

        The SDK's own calls for logs either hold a whole log in memory or switch the timeout off.
        """
        with self.asking() as api:
            url = f"{api.base_url}/v{api.api_version}{path}"
            with api.get(url, params=dict(params), timeout=self._timeout_s, stream=True) as answer:
                self._check(answer)
                yield self._bounded(answer.iter_content(_CHUNK))

    def flow(self, path: str, params: Mapping[str, object], *, idle_s: float | None = None) -> Iterator[bytes]:
        """The bytes of an answer that may go on for ever, as they come.

        With `idle_s` it ends quietly where nothing has come for so long, as one does whose other side is gone without a
        word: whoever follows asks anew. Without it each read may take the timeout.
        """
        with self.asking() as api:
            url = f"{api.base_url}/v{api.api_version}{path}"
            patience = (self._timeout_s, idle_s or self._timeout_s)
            try:
                with api.get(url, params=dict(params), timeout=patience, stream=True) as answer:
                    self._check(answer)
                    yield from answer.iter_content(_CHUNK)
            except (requests.RequestException, urllib3.exceptions.HTTPError) as found:
                if idle_s is None or not isinstance(_root(found), TimeoutError):
                    raise

    def _check(self, answer: requests.Response) -> None:
        if not answer.ok:
            raise DockerUnavailable(f"the Docker Engine at {self.place} says: {words(answer)}", hint="docker ps -a")

    def _bounded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        deadline = time.monotonic() + _HEADROOM * self._timeout_s
        for chunk in chunks:
            yield chunk
            if time.monotonic() > deadline:
                raise TimeoutError("the answer is too long")

    def _client(self) -> Any:
        """Making it asks the engine for its version, which is the one that is spoken: no other is ever asked for."""
        with self._lock:
            if self._api is None:
                self._api = self._connected()
            return self._api

    def _connected(self) -> Any:
        if self.place is None:
            text = "no Docker Engine is configured, and this machine has no socket of one"
            raise DockerUnavailable(text, hint=place.START_HINT)
        place.knock(self.place, self._timeout_s)
        environ = dict(self._environ)
        if not self.place.startswith(place.CONTEXT):
            environ["DOCKER_HOST"] = self._url(self.place)
        return docker.DockerClient.from_env(environment=environ, timeout=self._timeout_s).api

    def _url(self, named: str) -> str:
        if not named.startswith("ssh://"):
            return named
        if self._tunnel is None:
            self._tunnel = Tunnel(named)
        return self._tunnel.url

    def _unavailable(self, problem: Exception) -> DockerUnavailable:
        at = self.place or ""
        if isinstance(problem, APIError) and problem.response is not None:
            return DockerUnavailable(f"the Docker Engine at {at} says: {words(problem.response)}", hint="docker ps -a")
        if self._tunnel is not None and (said := self._tunnel.said()):
            return DockerUnavailable(f"the Docker Engine at {at}: {said}", hint=f"ssh {at} docker version")
        if isinstance(problem, requests.exceptions.ChunkedEncodingError):
            text = f"the Docker Engine at {at} broke off its answer"
            return DockerUnavailable(text, hint="sudo systemctl status docker")
        return place.unreachable(at, self._timeout_s, _root(problem))


def words(answer: requests.Response) -> str:
    """The engine's own words for what it refuses."""
    try:
        return one_line(str(answer.json()["message"]), _LONGEST_WORDS)
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"


def _root(problem: BaseException) -> BaseException:
    """The operating system's error under those of the libraries, else that an answer did not come in time."""
    found = list(_inside(problem))
    system = next((each for each in found if isinstance(each, OSError) and each.errno is not None), None)
    if system is not None:
        return system
    late = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
    # Whatever kept urllib3 from connecting is a timeout to it.
    if any(isinstance(each, late) and not isinstance(each, urllib3.exceptions.NewConnectionError) for each in found):
        return TimeoutError("no answer in time")
    return problem


def _inside(problem: BaseException) -> Iterator[BaseException]:
    """The libraries keep what happened as a cause, as a context, or among the arguments."""
    left, seen = [problem], {id(problem)}
    while left:
        each = left.pop(0)
        yield each
        for part in (each.__cause__, each.__context__, *each.args, getattr(each, "reason", None)):
            if isinstance(part, BaseException) and id(part) not in seen:
                seen.add(id(part))
                left.append(part)
