"""Requests and answers between the server and what it plays."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from werkzeug.formparser import FormDataParser


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes = b""

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    def below(self, prefix: str) -> Request:
        """As the gateway passes it on."""
        return Request(self.method, self.path.removeprefix(prefix), self.query, self.headers, self.body)

    def form(self) -> Form:
        mimetype, _, options = self.headers.get("content-type", "").partition(";")
        pairs = dict(part.strip().split("=", 1) for part in options.split(";") if "=" in part)
        pairs = {key: value.strip('"') for key, value in pairs.items()}
        # In memory: the parser's own temporary files are never closed.
        parser = FormDataParser(stream_factory=lambda *_, **__: io.BytesIO())
        _, fields, files = parser.parse(io.BytesIO(self.body), mimetype.strip().lower(), len(self.body), pairs)
        part = files.get("file")
        upload = Upload(part.filename or "", part.read()) if part is not None else None
        return Form({**fields.to_dict(), **self.query}, upload)


@dataclass(frozen=True)
class Upload:
    filename: str
    data: bytes


@dataclass(frozen=True)
class Form:
    values: Mapping[str, str]
    """Query and form fields; the query wins, as in Flask's `request.values`."""
    file: Upload | None = None
    """None where no part `file` carries a filename (it may be empty)."""


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = field(default=())


def parse_target(target: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(target)
    return parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))


def flask_json(value: object, status: int = 200) -> Response:
    """As `jsonify` does outside of debug mode: compact, keys sorted, a new line at the end."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True) + "\n"
    return Response(status, text.encode())


def jackson_json(value: object, status: int = 200) -> Response:
    """As the API pretty-prints."""
    text = json.dumps(value, indent=2, separators=(",", " : "))
    return Response(status, text.encode())


_TITLES = {
    404: "Not Found",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}


def nginx_page(status: int) -> Response:
    title = f"{status} {_TITLES.get(status, 'Error')}"
    text = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Response(status, text.encode(), "text/html")
