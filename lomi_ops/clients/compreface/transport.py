"""The only module that knows which HTTP library is in use. Bytes in, bytes out; every fault is a FacesUnavailable."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import httpx

from lomi_ops.errors import ConfigError, FacesUnavailable

MAX_ANSWER = 1 << 20
"""Bytes. A face with its age is about 300, so this is some three thousand faces."""

_LONGEST_WISH_S = 3600.0


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


class Transport:
    """Connections to one base URL, kept open and shared by threads.

    Follows no redirects, takes no proxy from the environment (photos of users go where the settings say and nowhere
    else) and reads no answer beyond MAX_ANSWER.
    """

    def __init__(self, url: str, *, connect_timeout_s: float, connections: int) -> None:
        base = _base(url)
        self.label = str(base.copy_with(userinfo=b""))
        """The URL without user and password: what messages and logs may show."""
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

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, *, timeout_s: float) -> Reply:
        """`path` may be a full URL. Raises FacesUnavailable."""
        return self._send("GET", path, timeout_s=timeout_s)

    def post_photo(
        self, path: str, jpeg: bytes, *, params: Mapping[str, str], headers: Mapping[str, str], timeout_s: float
    ) -> Reply:
        """One multipart upload with the part `file`. Raises FacesUnavailable."""
        files = {"file": ("photo.jpg", jpeg, "image/jpeg")}
        return self._send("POST", path, timeout_s=timeout_s, params=params, headers=headers, files=files)

    def _send(
        self,
        method: str,
        path: str,
        *,
        timeout_s: float,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
    ) -> Reply:
        """The library's timeouts are per read, so the body is read against a deadline of its own: a call lasts less
        than twice `timeout_s`, and only a head that trickles byte by byte could last longer."""
        deadline = time.monotonic() + timeout_s
        timeout = httpx.Timeout(timeout_s, connect=min(self._connect_timeout_s, timeout_s))
        try:
            request = self._client.build_request(
                method, path, params=params, headers=headers, files=files, timeout=timeout
            )
            response = self._client.send(request, stream=True)
            try:
                return Reply(response.status_code, self._body(response, deadline, timeout_s), dict(response.headers))
            finally:
                response.close()
        except httpx.TimeoutException as error:
            raise self._too_slow(timeout_s, error) from error
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            raise FacesUnavailable(f"CompreFace at {self.label}: {_what(error)}") from error

    def _body(self, response: httpx.Response, deadline: float, timeout_s: float) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise FacesUnavailable(f"CompreFace at {self.label} sent a packed answer that nobody asked for")
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > MAX_ANSWER:
                raise FacesUnavailable(f"CompreFace at {self.label} sent more than {MAX_ANSWER} bytes")
            if time.monotonic() > deadline:
                raise self._too_slow(timeout_s)
        return bytes(body)

    def _too_slow(self, timeout_s: float, error: Exception | None = None) -> FacesUnavailable:
        if isinstance(error, httpx.ConnectTimeout):
            return FacesUnavailable(f"CompreFace at {self.label}: no connection within {self._connect_timeout_s:g} s")
        return FacesUnavailable(f"CompreFace at {self.label} gave no complete answer within {timeout_s:g} s")


def _base(url: str) -> httpx.URL:
    """Raises ConfigError; the URL is not repeated, since it may hold a password."""
    hint = "set compreface.urls to something like http://compreface-core:3000"
    try:
        base = httpx.URL(url.strip().rstrip("/"))
    except httpx.InvalidURL as error:
        raise ConfigError("compreface.urls: this is not a URL", hint=hint) from error
    if base.scheme not in ("http", "https") or not base.host:
        raise ConfigError("compreface.urls: a URL needs http:// or https:// and a host", hint=hint)
    return base


def _what(error: Exception) -> str:
    match error:
        case httpx.ConnectError():
            return f"no connection ({error})"
        case httpx.RemoteProtocolError() | httpx.ReadError() | httpx.WriteError():
            return "the connection broke off"
        case _:
            return f"{type(error).__name__}"
