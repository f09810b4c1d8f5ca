"""The job as it travels: the producer's JSON bytes in, a `Job` out, and back in exactly the producer's shape.

What a photo cannot be judged without must be there and right. What nothing depends on (`created_at`, `priority`,
`retry_count`, `r2_url`, unknown keys) never makes a job poison.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import from_json

from lomi_ops.domain.job import MAX_JOB_BYTES, MAX_PHOTOS, Job, PhotoRef, Priority
from lomi_ops.errors import JobError


class JobErrorCode(StrEnum):
    """Why a job is poison."""

    NOT_JSON = "not_json"
    TOO_LARGE = "too_large"
    MISSING_KEYS = "missing_keys"
    NO_PHOTOS = "no_photos"
    TOO_MANY_PHOTOS = "too_many_photos"
    BAD_VALUE = "bad_value"


_CHANGED = "the producer changed: compare the element with the contract"
ADVICE = {
    JobErrorCode.NOT_JSON: "find out who pushed it; no retry helps",
    JobErrorCode.TOO_LARGE: "find out who pushed it; no retry helps",
    JobErrorCode.MISSING_KEYS: _CHANGED,
    JobErrorCode.BAD_VALUE: _CHANGED,
    JobErrorCode.NO_PHOTOS: "there is nothing to judge: it can be deleted",
    JobErrorCode.TOO_MANY_PHOTOS: "the backend passed its own limit; as jobs of nine: lomi reconcile --include-dead",
}
"""What a person can do about a dead letter of each kind."""

INT64 = 2**63
ID_SHAPE = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)
"""What a `job_id` must look like to name a job; `claim.lua` has the same."""
GO_ZERO_TIME = "0001-01-01T00:00:00Z"
"""What Go writes for a time that was never set."""
RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)
GO_ESCAPES = {"&": r"\u0026", "<": r"\u003c", ">": r"\u003e", "\u2028": r"\u2028", "\u2029": r"\u2029"}
"""Go's encoder writes these so; none of them occurs in JSON outside of a string."""
Text = Annotated[str, Field(min_length=1, max_length=2048)]


class _Wire(BaseModel):
    """Strict: a number in quotes is not a number. Inputs never appear in error texts."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, hide_input_in_errors=True)


class _Photo(_Wire):
    media_id: UUID
    r2_url: str = ""
    r2_key: Text
    bucket: Text

    @field_validator("r2_url", mode="before")
    @classmethod
    def _unread(cls, value: Any) -> str:
        return value if isinstance(value, str) else ""


class _Job(_Wire):
    job_id: Annotated[str, Field(pattern=f"^{ID_SHAPE.pattern}$")] | None = None
    batch_id: UUID
    user_id: UUID
    telegram_id: Annotated[int, Field(ge=-INT64, lt=INT64)]
    photos: Annotated[list[_Photo], Field(min_length=1, max_length=MAX_PHOTOS)]
    created_at: Any = None
    retry_count: Any = 0
    priority: Any = 1

    @field_validator("photos", mode="before")
    @classmethod
    def _go_nil(cls, value: Any) -> Any:
        """Go writes a nil slice as null."""
        return [] if value is None else value


def parse_job(raw: bytes) -> Job:
    """The job in an element of the list. Raises JobError with a JobErrorCode; its message names the key."""
    if len(raw) > MAX_JOB_BYTES:
        raise _poison(JobErrorCode.TOO_LARGE, f"the job has {len(raw)} bytes, the limit is {MAX_JOB_BYTES}")
    try:
        wire = _Job.model_validate_json(raw)
    except ValidationError as error:
        raise _explain(error) from None
    photos = tuple(PhotoRef(photo.media_id, photo.r2_key, photo.bucket, photo.r2_url) for photo in wire.photos)
    if len({photo.media_id for photo in photos}) < len(photos):
        raise _poison(JobErrorCode.BAD_VALUE, "photos: a media_id occurs twice")
    return Job(
        job_id=wire.job_id or _digest(raw),
        batch_id=wire.batch_id,
        user_id=wire.user_id,
        telegram_id=wire.telegram_id,
        photos=photos,
        created_at=parse_time(wire.created_at),
        retry_count=_counter(wire.retry_count),
        priority=Priority.HIGH if wire.priority == Priority.HIGH else Priority.NORMAL,
    )


def identity(raw: bytes) -> str:
    """The queue's name for an element, whether or not it is a job: its `job_id`, else its SHA-1.

    For every element that `parse_job` accepts, `claim.lua` finds the same.
    """
    try:
        found = from_json(raw)
    except ValueError:
        return _digest(raw)
    job_id = found.get("job_id") if isinstance(found, dict) else None
    return job_id if isinstance(job_id, str) and ID_SHAPE.fullmatch(job_id) else _digest(raw)


def created_at(raw: bytes) -> datetime | None:
    """When an element was made, whether or not it is a job; None where it does not say."""
    try:
        found = from_json(raw)
    except ValueError:
        return None
    return parse_time(found.get("created_at")) if isinstance(found, dict) else None


def dump_job(job: Job) -> bytes:
    """The element that the Go producer would push for this job: its keys, their order, its escapes. Bulk is the queue's
    own and not in there."""
    photos = [
        {"media_id": str(photo.media_id), "r2_url": photo.url, "r2_key": photo.key, "bucket": photo.bucket}
        for photo in job.photos
    ]
    body = {
        "job_id": job.job_id,
        "batch_id": str(job.batch_id),
        "user_id": str(job.user_id),
        "telegram_id": job.telegram_id,
        "photos": photos,
        "created_at": format_time(job.created_at),
        "retry_count": job.retry_count,
        "priority": int(Priority.HIGH if job.priority is Priority.HIGH else Priority.NORMAL),
    }
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return "".join(GO_ESCAPES.get(char, char) for char in text).encode()


def parse_time(value: Any) -> datetime | None:
    """An aware time from Go's RFC 3339 (nanoseconds are cut to microseconds), or None where it is none or unset."""
    match = RFC3339.fullmatch(value) if isinstance(value, str) and len(value) < 64 else None
    if match is None or value == GO_ZERO_TIME:
        return None
    *clock, fraction, _zulu, sign, hours, minutes = match.groups()
    try:
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
        year, month, day, hour, minute, second = (int(part) for part in clock)
        micros = int((fraction or "0")[:6].ljust(6, "0"))
        return datetime(year, month, day, hour, minute, second, micros, timezone(offset))
    except ValueError:
        return None


def format_time(at: datetime | None) -> str:
    """As Go's RFC3339Nano: no trailing zeros in the fraction, `Z` for UTC."""
    if at is None:
        return GO_ZERO_TIME
    offset = at.utcoffset() or timedelta()
    zone = "Z" if not offset else at.strftime("%z")
    if offset:
        zone = f"{zone[:3]}:{zone[3:5]}"
    fraction = f".{at.microsecond:06d}".rstrip("0") if at.microsecond else ""
    return f"{at.replace(microsecond=0, tzinfo=None).isoformat()}{fraction}{zone}"


def _digest(raw: bytes) -> str:
    return hashlib.sha1(raw, usedforsecurity=False).hexdigest()


def _counter(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 2**31 else 0


def _poison(code: JobErrorCode, message: str) -> JobError:
    return JobError(message, code=code.value, hint=ADVICE[code])


def _explain(error: ValidationError) -> JobError:
    """One error for many findings: missing keys first, for they explain the rest."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    places = [(".".join(str(part) for part in item["loc"]), item["type"], item["msg"]) for item in found]
    if any(kind in ("json_invalid", "model_type") and not place for place, kind, _ in places):
        return _poison(JobErrorCode.NOT_JSON, "the element is not a JSON object")
    if missing := [place for place, kind, _ in places if kind == "missing"]:
        return _poison(JobErrorCode.MISSING_KEYS, f"missing: {', '.join(missing[:5])}")
    if any(place == "photos" and kind == "too_short" for place, kind, _ in places):
        return _poison(JobErrorCode.NO_PHOTOS, "photos is empty")
    if any(place == "photos" and kind == "too_long" for place, kind, _ in places):
        return _poison(JobErrorCode.TOO_MANY_PHOTOS, f"photos has more than {MAX_PHOTOS} entries")
    place, _, said = places[0]
    return _poison(JobErrorCode.BAD_VALUE, f"{place}: {said}")
