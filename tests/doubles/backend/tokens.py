"""JWTs and Telegram's initData, signed and checked by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

INIT_DATA_S = 24 * 3600
"""How old initData may be."""


class Invalid(Exception):
    """The token or the data is not what we signed."""


@dataclass(frozen=True)
class Claims:
    user_id: str
    admin: bool


def issue(secret: str, user_id: str, *, admin: bool, now: float, life_s: float = 3600) -> str:
    """A JWT, HS256."""
    body = {"sub": user_id, "role": "admin" if admin else "user", "iat": int(now), "exp": int(now + life_s)}
    head = _packed(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    signed = f"{head}.{_packed(json.dumps(body).encode())}"
    return f"{signed}.{_packed(_mac(secret.encode(), signed.encode()))}"


def claims_of(secret: str, token: str, *, now: float) -> Claims:
    """Raises Invalid for a foreign, a changed, an expired token, and for one of another algorithm."""
    try:
        head, body, mark = token.split(".")
        algorithm = json.loads(_unpacked(head))["alg"]
        said = json.loads(_unpacked(body))
        good = hmac.compare_digest(_unpacked(mark), _mac(secret.encode(), f"{head}.{body}".encode()))
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid("malformed token") from error
    if algorithm != "HS256" or not good:
        raise Invalid("signature is invalid")
    if said["exp"] <= now:
        raise Invalid("token is expired")
    return Claims(said["sub"], said.get("role") == "admin")


def sign_init_data(bot_token: str, user: Mapping[str, Any], *, now: float) -> str:
    """What Telegram hands to a mini app (core.telegram.org/bots/webapps, "Validating data")."""
    fields = {
        "query_id": "AAHdF6IQAAAAAN0XohDhrOrc",
        "user": json.dumps(dict(user), separators=(",", ":"), ensure_ascii=False),
        "auth_date": str(int(now)),
    }
    return urlencode(fields | {"hash": _init_data_mark(bot_token, fields)})


def user_of_init_data(bot_token: str, init_data: str, *, now: float) -> dict[str, Any]:
    """Raises Invalid."""
    fields = dict(parse_qsl(init_data, keep_blank_values=True))
    mark = fields.pop("hash", "")
    if not hmac.compare_digest(mark, _init_data_mark(bot_token, fields)):
        raise Invalid("initData hash mismatch")
    if now - int(fields.get("auth_date", "0")) > INIT_DATA_S:
        raise Invalid("initData is too old")
    user: dict[str, Any] = json.loads(fields["user"])
    return user


def signature(secret: str, *parts: object) -> str:
    """Of a presigned address."""
    return _mac(secret.encode(), "\n".join(map(str, parts)).encode()).hex()


def _init_data_mark(bot_token: str, fields: Mapping[str, str]) -> str:
    key = _mac(b"WebAppData", bot_token.encode())
    return _mac(key, "\n".join(f"{name}={fields[name]}" for name in sorted(fields)).encode()).hex()


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
