"""What an HTTP answer of CompreFace means for the photo and for the endpoint. Pure.

Both faces of CompreFace say much with 400, so status alone decides nothing (reference: 1.2.0, `_endpoints.py`,
`CommonExceptionCode.java`). The server's own words are repeated only where they cannot hold a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lomi_ops.clients.compreface.answers import Answer, read_answer, read_object
from lomi_ops.clients.compreface.transport import Reply
from lomi_ops.errors import FacesUnavailable


class Mode(StrEnum):
    """Which face of CompreFace an endpoint shows."""

    CORE = "core"
    """compreface-core itself: no key, and it tells a photo without faces from a broken one."""
    API = "api"
    """compreface-api or the gateway before it: a key, and every 400 of the core becomes code 28."""


class Kind(StrEnum):
    """What to do with an answer."""

    FACES = "faces"
    NO_FACE = "no_face"
    """True only of an image that was decoded before it was sent."""
    UNAVAILABLE = "unavailable"
    THROTTLED = "throttled"
    UNDEFINED = "undefined"
    """`Something went wrong, please try again`: worth exactly one more try."""
    MISCONFIGURED = "misconfigured"
    """Our request or our key is wrong; no retry helps."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The meaning of one answer."""

    kind: Kind
    detail: str = ""
    answer: Answer | None = None
    retry_after_s: float | None = None
    hint: str = ""

    @property
    def answered(self) -> bool:
        """Whether the endpoint is alive and speaks sense, be it about faces or about our mistakes."""
        return self.kind in (Kind.FACES, Kind.NO_FACE, Kind.MISCONFIGURED)


_KEY_HINT = "set compreface.api_key to the key of a service of type DETECTION"
_PROGRAM_HINT = "this CompreFace may be of another version than 1.2.0; report it with the version"

_API_MISTAKES = {
    5: ("the body held no image", _PROGRAM_HINT),
    10: ("the API key is unknown or belongs to a service of another type", _KEY_HINT),
    20: ("an API key is required", _KEY_HINT),
    21: ("the file name was refused", _PROGRAM_HINT),
    26: ("the API key is not a UUID, or a parameter was refused", _KEY_HINT),
    34: ("the upload held no file", _PROGRAM_HINT),
}
_NO_FACE_CODE, _SYNC_CODE, _UNDEFINED_CODE = 28, 41, 0

_CORE_NO_FACE = "no face is found"
_CORE_BROKEN = ("incorrect format or is broken", "only one dimension")
_CORE_MISTAKES = ("no file is", "threshold incorrect", "limit format", "limit value")

_SETUP_STATUS = {
    401: "asks for a login",
    403: "forbids access",
    404: "has no such path",
    405: "refuses the method",
    413: "takes no image of this size",
    415: "refuses the content type",
}
_SIZE_HINT = "lower images.canonical_side or images.canonical_quality, or raise the limits of the gateway"
_URL_HINT = "check compreface.urls and compreface.mode"


def classify(reply: Reply, mode: Mode) -> Outcome:
    """The meaning of a detection's answer in this mode."""
    if reply.status == 200:
        return _faces(reply)
    if throttles(reply):
        return Outcome(Kind.THROTTLED, "asks to slow down", retry_after_s=reply.retry_after_s)
    if 300 <= reply.status < 400:
        return Outcome(Kind.UNAVAILABLE, f"redirects elsewhere ({reply.status})", hint=_URL_HINT)
    said = read_object(reply.body)
    spoken = _core(reply, said) if mode is Mode.CORE else _api(reply, said)
    return spoken or _by_status(reply, said)


def throttles(reply: Reply) -> bool:
    """Whether it answers but wants fewer calls. A 503 that names no time says that it is out."""
    return reply.status == 429 or (reply.status == 503 and reply.retry_after_s is not None)


def another_try(outcomes: Sequence[Outcome], attempts: int) -> bool:
    """Whether a photo with these outcomes so far is tried once more."""
    match outcomes[-1].kind:
        case Kind.UNAVAILABLE | Kind.THROTTLED:
            return len(outcomes) < attempts
        case Kind.UNDEFINED:
            return sum(outcome.kind is Kind.UNDEFINED for outcome in outcomes) < 2
        case _:
            return False


def _faces(reply: Reply) -> Outcome:
    try:
        return Outcome(Kind.FACES, answer=read_answer(reply.body))
    except FacesUnavailable as fault:
        return Outcome(Kind.UNAVAILABLE, fault.message)


def _core(reply: Reply, said: dict[str, object]) -> Outcome | None:
    message = said.get("message")
    if reply.status != 400 or not isinstance(message, str):
        return None
    lowered = message.lower()
    if _CORE_NO_FACE in lowered:
        return Outcome(Kind.NO_FACE)
    if any(part in lowered for part in _CORE_BROKEN):
        return Outcome(Kind.UNAVAILABLE, f"calls an image unreadable that we decoded ({_short(message)})")
    if any(part in lowered for part in _CORE_MISTAKES):
        return Outcome(Kind.MISCONFIGURED, f"refuses the request ({_short(message)})", hint=_PROGRAM_HINT)
    return Outcome(Kind.UNDEFINED, f"answers 400 ({_short(message)})")


def _api(reply: Reply, said: dict[str, object]) -> Outcome | None:
    code = said.get("code")
    if not isinstance(code, int) or isinstance(code, bool):
        return None
    if reply.status == 400 and code == _NO_FACE_CODE:
        return Outcome(Kind.NO_FACE)
    if code == _SYNC_CODE:
        return Outcome(Kind.UNAVAILABLE, f"its core fails ({_short(str(said.get('message', '')))})")
    if code in _API_MISTAKES:
        detail, hint = _API_MISTAKES[code]
        return Outcome(Kind.MISCONFIGURED, f"{detail} (code {code})", hint=hint)
    if reply.status == 400:
        # Code 0 hides passing faults as well as an image beyond its size limit.
        return Outcome(Kind.UNDEFINED, f"answers 400 with code {code}")
    return None


def _by_status(reply: Reply, said: dict[str, object]) -> Outcome:
    """For HTML from a proxy, empty bodies, and messages that nobody listed."""
    if reply.status in _SETUP_STATUS:
        hint = _SIZE_HINT if reply.status == 413 else _URL_HINT
        return Outcome(Kind.MISCONFIGURED, f"{_SETUP_STATUS[reply.status]} ({reply.status})", hint=hint)
    message = said.get("message")
    text = f" ({_short(message)})" if isinstance(message, str) and reply.status >= 500 else ""
    kind = Kind.UNDEFINED if reply.status == 400 else Kind.UNAVAILABLE
    return Outcome(kind, f"answers {reply.status}{text}")


def _short(message: str) -> str:
    return " ".join(message.split())[:160]
