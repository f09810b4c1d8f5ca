"""compreface-api and the gateway before it: the key, the checks in their order, and what becomes of core's errors."""

from __future__ import annotations

import base64
import binascii
import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.doubles.messages import Request, Response, jackson_json, nginx_page

DETECTION_KEY = "00000000-0000-0000-0000-000000000003"
OTHER_KEYS = ("00000000-0000-0000-0000-000000000002", "00000000-0000-0000-0000-000000000004")
"""Of the recognition and the verification service that every install has too."""

EXTENSIONS = frozenset(["tif", "tiff", "jpg", "jpeg", "png", "bmp", "ico", "gif", "webp"])
MAX_FILE = 5 * 1024 * 1024
MAX_REQUEST = 10 * 1024 * 1024

_DETECT = "/api/v1/detection/detect"


class CoreGone(Exception):
    """The core did not answer; the text is what the HTTP client of the API says."""


class Refusal(Exception):
    """An error body of the API."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def undefined() -> Refusal:
    return Refusal(400, 0, "Something went wrong, please try again")


Forward = Callable[[Request], Response]
"""To the core. Raises CoreGone."""


@dataclass
class Api:
    forward: Forward
    keys: set[str] = field(default_factory=lambda: {DETECTION_KEY})
    extra_keys: bool = False
    """Adds keys that no documentation knows, and shuffles all."""

    def answer(self, request: Request) -> Response:
        try:
            return self._route(request)
        except Refusal as refusal:
            return jackson_json({"message": refusal.message, "code": refusal.code}, refusal.status)

    def _route(self, request: Request) -> Response:
        match request.method, request.path:
            case "GET", "/api/v1/consistence/status":
                return jackson_json(
                    {
                        "demoFaceCollectionIsInconsistent": False,
                        "dbIsInconsistent": False,
                        "saveImagesToDB": True,
                        "status": "OK",
                    }
                )
            case "GET", "/api/v1/config":
                return jackson_json({"clientMaxFileSize": MAX_FILE, "clientMaxBodySize": MAX_REQUEST})
        self._check_key(request)
        if request.path != _DETECT:
            raise undefined()
        if request.method != "POST":
            raise Refusal(404, 0, f"Request method '{request.method}' not supported")
        return self._detect(request)

    def _check_key(self, request: Request) -> None:
        key = request.headers.get("x-api-key")
        if key is None:
            raise Refusal(400, 20, "Missing header: x-api-key")
        try:
            if len(key) < 36:
                raise ValueError
            uuid.UUID(key)
        except ValueError:
            raise Refusal(400, 26, "Service API key should be UUID") from None
        if key not in self.keys:
            raise Refusal(404, 10, f"Detection service with API Key {key} not found")

    def _detect(self, request: Request) -> Response:
        match request.content_type:
            case "multipart/form-data":
                self._check_upload(request)
                inner = Request("POST", "/find_faces", _query(request), request.headers, request.body)
            case "application/json":
                body = self._checked_json(request)
                inner = Request("POST", "/find_faces_base64", _query(request), request.headers, body)
            case _:
                return Response(415, b"", "application/json")
        return self._pass_on(inner, status=request.query.get("status") == "true")

    def _check_upload(self, request: Request) -> None:
        form = request.form()
        if form.file is None:
            raise Refusal(400, 34, "Required part file is missing")
        _check_parameters(request)
        name = form.file.filename
        if "." not in name or name.rsplit(".", 1)[1].lower() not in EXTENSIONS:
            raise Refusal(400, 21, f"File [{name}] has an unavailable extension")
        if len(form.file.data) > MAX_FILE:
            raise undefined()

    def _checked_json(self, request: Request) -> bytes:
        try:
            body = json.loads(request.body)
        except ValueError:
            raise undefined() from None
        text = body.get("file") if isinstance(body, dict) else None
        if not text:
            raise Refusal(400, 5, "Field content cannot be empty")
        _check_parameters(request)
        try:
            image = base64.b64decode(str(text), validate=True)
        except binascii.Error:
            raise Refusal(400, 21, "Provided value is not Base64") from None
        if len(image) > MAX_FILE:
            raise undefined()
        return json.dumps({"file": text}).encode()

    def _pass_on(self, inner: Request, *, status: bool) -> Response:
        """Every 400 of the core becomes `no face`, whatever it was about; all other trouble becomes code 41."""
        method = "findFacesBase64" if inner.path.endswith("base64") else "findFaces"
        try:
            said = self.forward(inner)
        except CoreGone as gone:
            text = f"{gone} executing POST http://compreface-core:3000{inner.path}"
            raise _out_of_sync(text) from None
        if said.status == 400:
            raise Refusal(400, 28, "No face is found in the given image")
        if said.status != 200:
            raise _out_of_sync(
                f"[{said.status} {_PHRASES.get(said.status, 'ERROR')}] during [POST] to "
                f"[http://compreface-core:3000{inner.path}] [FacesFeignClient#{method}(MultipartFile,Integer,Double,"
                f"String)]: [{said.body.decode(errors='replace').strip()}]"
            )
        return jackson_json(self._dressed(json.loads(said.body), status=status))

    def _dressed(self, body: dict[str, Any], *, status: bool) -> dict[str, Any]:
        """What the API's own classes keep of the core's answer."""
        faces = [
            {key: value for key, value in face.items() if status or key != "execution_time"} for face in body["result"]
        ]
        answer: dict[str, Any] = {"result": faces}
        if status:
            versions = body["plugins_versions"]
            answer["plugins_versions"] = {slug: versions[slug] for slug in versions if slug != "landmarks"}
        return _with_surprises(answer) if self.extra_keys else answer


_PHRASES = {500: "INTERNAL SERVER ERROR", 404: "NOT FOUND", 405: "METHOD NOT ALLOWED"}


def _out_of_sync(text: str) -> Refusal:
    return Refusal(500, 41, f"Error during synchronization between servers: {text}")


def _query(request: Request) -> dict[str, str]:
    """What the API passes on; the rest is lost."""
    return {key: request.query[key] for key in ("limit", "det_prob_threshold", "face_plugins") if key in request.query}


def _check_parameters(request: Request) -> None:
    try:
        limit = int(request.query.get("limit") or 0)
        float(request.query.get("det_prob_threshold") or 0)
    except ValueError:
        raise undefined() from None
    if limit < 0:
        raise Refusal(400, 26, "Limit should be equal or greater than 0; ")


def _with_surprises(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_surprises(item) for item in value]
    if not isinstance(value, dict):
        return value
    items = [(key, _with_surprises(item)) for key, item in value.items()]
    items.append(("a_key_of_tomorrow", {"nested": [1, None, "x"]}))
    random.Random(len(items)).shuffle(items)
    return dict(items)


@dataclass
class Gateway:
    """nginx of compreface-fe. `core` raises CoreGone."""

    api: Api
    core: Forward

    def answer(self, request: Request) -> Response:
        if len(request.body) > MAX_REQUEST:
            return nginx_page(413)
        if request.path.startswith("/core/"):
            try:
                return self.core(request.below("/core"))
            except CoreGone as gone:
                return nginx_page(504 if "timed out" in str(gone) else 502)
        if request.path.startswith("/api/v1/"):
            return self.api.answer(request)
        if request.path == "/admin/status":
            return jackson_json({"status": "OK"})
        # The web application answers every other path with its page.
        return Response(200, b"<!doctype html><html><head><title>CompreFace</title></head></html>", "text/html")
