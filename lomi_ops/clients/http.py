"""What our HTTP clients of CompreFace and the backend share. Bytes in, bytes out; every fault becomes one of ours."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx

from lomi_ops.errors import ConfigError, Transient

MAX_ANSWER = 1 << 20
"""Bytes. A face with its age is about 300, a photo's row some 500."""

_LONGEST_WISH_S = 3600.0

T = TypeVar("T")

# It writes each address whole at level INFO, and those of webhooks and bots hold tokens.
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer, whatever its status."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""

    @property
    def retry_after_s(self) -> float | None:
        """Seconds that the other side asks to wait, capped at an hour; None where it names none that makes sense.

        A date is read against the answer's own Date, so that clocks need not agree.
        """
        wish = self.headers.get("retry-after", "").strip()
        try:
            if wish.isdecimal():
                return min(float(wish), _LONGEST_WISH_S)
            gap = parsedate_to_datetime(wish) - parsedate_to_datetime(self.headers["date"])
        except (ValueError, TypeError, KeyError):
            return None
        return min(max(gap.total_seconds(), 0.0), _LONGEST_WISH_S)


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom we talk to, for texts and errors."""

    name: str
    """As in "CompreFace at http://…"."""
    unavailable: type[Transient]
    """What its faults become."""
    setting: str
    """Where its URL stands."""
    example: str
    """A URL as it may look."""
    hint: str = ""
    """What to do where it does not answer."""


class Transport:
    """Connections to one base URL, kept open and shared by threads.

    Follows no redirects, takes no proxy from the environment (photos of users go where the settings say and nowhere
    else) and reads no answer beyond MAX_ANSWER.
    """

    def __init__(self, url: str, peer: Peer, *, connect_timeout_s: float, connections: int) -> None:
        """Raises ConfigError for what is no URL. Connects to nothing."""
        base = _base(url, peer)
        self._peer = peer
        self.label = str(base.copy_with(userinfo=b"", query=None, fragment=None))
        """The URL without user, password and query: what messages and logs may show."""
        self._connect_timeout_s = connect_timeout_s
        self._client = httpx.Client(
            base_url=base.copy_with(userinfo=b""),
            auth=(base.username, base.password) if base.userinfo else None,
            # Loading the CA bundle costs 20 ms and a plain connection never becomes a TLS one without redirects.
            verify=base.scheme == "https",
            follow_redirects=False,
            trust_env=False,
            headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "lomi"},
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        )

    @property
    def where(self) -> str:
        return f"{self._peer.name} at {self.label}"

    def close(self) -> None:
        self._client.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        timeout_s: float,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        content: bytes | None = None,
    ) -> Reply:
        """`path` may be a full URL. Raises the peer's error.

        The library's timeouts are per read, so the body is read against a deadline of its own: a call lasts less
        than twice `timeout_s`, and only a head that trickles byte by byte could last longer.
        """
        deadline = time.monotonic() + timeout_s
        timeout = httpx.Timeout(timeout_s, connect=min(self._connect_timeout_s, timeout_s))
        try:
            request = self._client.build_request(
                method, path, params=params, headers=headers, files=files, content=content, timeout=timeout
            )
            response = self._client.send(request, stream=True)
            try:
                return Reply(response.status_code, self._body(response, deadline, timeout_s), dict(response.headers))
            finally:
                response.close()
        except httpx.TimeoutException as error:
            raise self.too_slow(timeout_s, error) from error
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            raise self.unavailable(f"{self.where}: {_what(error)}", hint=self._peer.hint) from error

    def unavailable(self, text: str, *, hint: str = "") -> Transient:
        return self._peer.unavailable(text, hint=hint)

    def too_slow(self, timeout_s: float, error: Exception | None = None) -> Transient:
        if isinstance(error, httpx.ConnectTimeout):
            text = f"{self.where}: no connection within {self._connect_timeout_s:g} s"
        else:
            text = f"{self.where} gave no complete answer within {timeout_s:g} s"
        return self.unavailable(text, hint=self._peer.hint)

    def _body(self, response: httpx.Response, deadline: float, timeout_s: float) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise self.unavailable(f"{self.where} sent a packed answer that nobody asked for")
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > MAX_ANSWER:
                raise self.unavailable(f"{self.where} sent more than {MAX_ANSWER} bytes")
            if time.monotonic() > deadline:
                raise self.too_slow(timeout_s)
        return bytes(body)


def within(seconds: float, call: Callable[[], T], late: Callable[[], Exception]) -> T:
    """What `call` gives, or `late()` once that many seconds are over, whatever the call is doing.

    For a name server that never answers, and a head that trickles byte by byte: the library has no timeout for these.
    The call runs on a thread of its own, which is left to itself when it is late.
    """
    given: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            given.append(call())
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits for it
            failed.append(error)

    thread = threading.Thread(target=run, name="lomi-http", daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not given:
        raise late() from TimeoutError(f"nothing within {seconds:g} s")
    return given[0]


def _base(url: str, peer: Peer) -> httpx.URL:
    """Raises ConfigError; the URL is not repeated, since it may hold a password."""
    hint = f"set {peer.setting} to something like {peer.example}"
    try:
        base = httpx.URL(url.strip().rstrip("/"))
    except httpx.InvalidURL as error:
        raise ConfigError(f"{peer.setting}: this is not a URL", hint=hint) from error
    if base.scheme not in ("http", "https") or not base.host:
        raise ConfigError(f"{peer.setting}: a URL needs http:// or https:// and a host", hint=hint)
    return base


def _what(error: Exception) -> str:
    match error:
        case httpx.ConnectError():
            return f"no connection ({error})"
        case httpx.RemoteProtocolError() | httpx.ReadError() | httpx.WriteError():
            return "the connection broke off"
        case _:
            return f"{type(error).__name__}"
