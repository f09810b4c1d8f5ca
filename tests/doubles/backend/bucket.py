"""The bucket behind presigned addresses: an endpoint of its own over a real object store, as R2 is to the backend."""

from __future__ import annotations

import time
from urllib.parse import quote, unquote

from lomi_ops.clients.objects import ObjectMissing, ObjectStore
from lomi_ops.errors import LomiError
from tests.doubles.backend.tokens import signature
from tests.doubles.messages import Request, Response

MAX_BYTES = 50_000_000


class Bucket:
    """PUT and GET of one object each, with a signature and nothing else."""

    def __init__(self, store: ObjectStore, secret: str) -> None:
        self._store = store
        self._secret = secret
        self.url = ""
        """Set once it listens."""

    def presigned(self, method: str, bucket: str, key: str, life_s: int) -> str:
        """An address that is good for one method and one key until its time is over."""
        expires = int(time.time()) + life_s
        mark = signature(self._secret, method, bucket, key, expires)
        query = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires={expires}&X-Amz-Signature={mark}"
        return f"{self.url}/{bucket}/{quote(key)}?{query}"

    def remove(self, bucket: str, key: str) -> None:
        self._store.delete(bucket, key)

    def answer(self, request: Request) -> Response:
        _, bucket, key = unquote(request.path).split("/", 2)
        if "authorization" in request.headers:
            return _error(400, "InvalidArgument", "Only one auth mechanism allowed")
        expires = request.query.get("X-Amz-Expires", "0")
        if request.query.get("X-Amz-Signature") != signature(self._secret, request.method, bucket, key, expires):
            return _error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match")
        if time.time() > int(expires):
            return _error(403, "AccessDenied", "Request has expired")
        try:
            if request.method == "PUT":
                self._store.put(bucket, key, request.body, request.content_type)
                return Response(200)
            return Response(200, self._store.get(bucket, key, MAX_BYTES), "application/octet-stream")
        except ObjectMissing:
            return _error(404, "NoSuchKey", "The specified key does not exist.")
        except LomiError:
            return _error(500, "InternalError", "We encountered an internal error. Please try again.")


def _error(status: int, code: str, message: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(status, body.encode(), "application/xml")
