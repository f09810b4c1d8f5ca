"""What the backend says, parsed at the edge. Unknown keys are ignored, no order is expected, Go's null for an empty
list or map is one.

The contract gives the shape of every answer but one: of a photo's row it says what is in it, not how it is called. So a
row may use the words of the queue (`media_id`, `status`) or those of the table (`id`, `moderation_status`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import AliasChoices, BeforeValidator, Field, TypeAdapter, ValidationError

T = TypeVar("T")


class Unreadable(ValueError):
    """The answer is not what the contract says; the text goes on after "the backend at <URL>" and holds no value."""


def _or_nothing(value: Any) -> Any:
    return {} if value is None else value


def _or_empty(value: Any) -> Any:
    return [] if value is None else value


def _or_blank(value: Any) -> Any:
    return "" if value is None else value


Count = Annotated[int, Field(ge=0)]
Counts = Annotated[Mapping[str, Count], BeforeValidator(_or_nothing)]
Anything = Annotated[Mapping[str, Any], BeforeValidator(_or_nothing)]
Text = Annotated[str, BeforeValidator(_or_blank)]
Named = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Login:
    access_token: Annotated[str, Field(min_length=1, repr=False)] = field(repr=False)
    """A JWT."""


@dataclass(frozen=True, slots=True)
class UploadTarget:
    """Where one photo goes."""

    upload_url: Named = field(repr=False)
    """Presigned: whoever has it may write there."""
    file_key: Named


@dataclass(frozen=True, slots=True)
class BatchAccepted:
    """What `upload-complete` answers."""

    batch_id: UUID
    photos_count: Count
    message: Text = ""


@dataclass(frozen=True, slots=True)
class PhotoStatus:
    """A photo as the app sees it."""

    media_id: Annotated[UUID, Field(validation_alias=AliasChoices("media_id", "id"))]
    status: Annotated[Text, Field(validation_alias=AliasChoices("status", "moderation_status"))]
    reason: Annotated[Text, Field(validation_alias=AliasChoices("reason", "moderation_reason"))] = ""
    scores: Annotated[Anything, Field(validation_alias=AliasChoices("scores", "moderation_scores"))] = field(
        default_factory=dict
    )
    batch_id: UUID | None = None
    key: Annotated[Text, Field(validation_alias=AliasChoices("file_key", "url", "r2_key"))] = ""
    """Of the object; empty where the backend does not show it."""


Photos = Annotated[tuple[PhotoStatus, ...], BeforeValidator(_or_empty)]


@dataclass(frozen=True, slots=True)
class PhotoList:
    photos: Annotated[Photos, Field(validation_alias=AliasChoices("photos", "media", "data"))]


@dataclass(frozen=True, slots=True)
class QueueCounts:
    length: Count
    """`LLEN` of the list."""
    pending_media: Count
    """Rows that are pending."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided in the last 24 hours."""

    total: Count
    approved: Count
    rejected: Count
    failed: Count
    rejection_reasons: Counts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueueStats:
    queue: QueueCounts
    last_24h: Decided
    timestamp: Text = ""
    """As the backend writes it."""


@dataclass(frozen=True, slots=True)
class Pagination:
    page: Annotated[int, Field(ge=1)]
    limit: Annotated[int, Field(ge=1)]
    total: Count
    total_pages: Count


@dataclass(frozen=True, slots=True)
class Filters:
    status: Text = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page of the moderation dashboard."""

    media: Photos
    pagination: Pagination
    filters: Filters = field(default_factory=Filters)


_LOGIN = TypeAdapter(Login)
_UPLOAD_TARGET = TypeAdapter(UploadTarget)
_ACCEPTED = TypeAdapter(BatchAccepted)
_PHOTO_LIST = TypeAdapter(PhotoList)
_BARE_LIST = TypeAdapter(Photos)
_QUEUE_STATS = TypeAdapter(QueueStats)
_DASHBOARD = TypeAdapter(Dashboard)


def login(body: bytes) -> Login:
    return _read(_LOGIN, body)


def upload_target(body: bytes) -> UploadTarget:
    return _read(_UPLOAD_TARGET, body)


def accepted(body: bytes) -> BatchAccepted:
    return _read(_ACCEPTED, body)


def photos(body: bytes) -> tuple[PhotoStatus, ...]:
    """A list of photos, bare or in an object."""
    return _read(_BARE_LIST, body) if body.lstrip()[:1] == b"[" else _read(_PHOTO_LIST, body).photos


def queue_stats(body: bytes) -> QueueStats:
    return _read(_QUEUE_STATS, body)


def dashboard(body: bytes) -> Dashboard:
    return _read(_DASHBOARD, body)


def _read(shape: TypeAdapter[T], body: bytes) -> T:
    """Raises Unreadable."""
    try:
        return shape.validate_json(body)
    except ValidationError as error:
        # No chain: an answer may hold a token, and pydantic's texts quote it.
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        raise Unreadable("sent JSON that ends too early" if body.lstrip()[:1] in (b"{", b"[") else "sent no JSON")
    place = ".".join(str(part) for part in first["loc"]) or "body"
    raise Unreadable(f"sent another answer than the contract has: {place}: {first['msg']}")
