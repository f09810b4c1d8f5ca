"""Which photos are meant: the language of filters for people who review.

reason:blurry blur>40               both must hold
reason:blurry,no_face age<2d        one of the reasons, uploaded in the last two days
porn>0.4 porn<0.6                   a band of scores
status:approved decided<1h          however it stands, where not only a pile is gone through
user:5f0c… not policy:local@1       `not` before a term, or `-` in front of it
"reaches below"                     a word that is no term is looked for in ids, the reason and the grounds
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from lomi_ops.domain.pile import pile_of
from lomi_ops.domain.terms import Field, Kind, Language, Term
from lomi_ops.domain.verdict import NEEDS_REVIEW, FailureCode, MediaStatus, Reason


class Photo(Protocol):
    """What a filter can ask about: a row of `media`, whoever judged it."""

    @property
    def media_id(self) -> UUID: ...
    @property
    def user_id(self) -> UUID: ...
    @property
    def batch_id(self) -> UUID | None: ...
    @property
    def url(self) -> str: ...
    @property
    def status(self) -> str | None: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def scores(self) -> dict[str, Any] | None: ...
    @property
    def retry_count(self) -> int: ...
    @property
    def created_at(self) -> datetime | None: ...
    @property
    def moderated_at(self) -> datetime | None: ...


def _score(*path: str) -> Any:
    """A number in the scores, whoever wrote them; None where there is none."""

    def of(photo: Photo, _: int) -> float | None:
        found: Any = photo.scores
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None

    return of


def _since(moment: datetime | None, now_ms: int) -> float | None:
    return None if moment is None else now_ms / 1000 - moment.timestamp()


def grounds(scores: object) -> list[Mapping[str, Any]]:
    """The grounds of the verdict that our workers write beside the scores; none where others wrote them."""
    found = scores.get("grounds") if isinstance(scores, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def words_of(photo: Photo) -> str:
    """Everything that a bare word is looked for in."""
    said = [str(each.get("text", "")) for each in grounds(photo.scores)]
    failure = photo.scores.get("failure") if isinstance(photo.scores, Mapping) else None
    detail = str(failure.get("detail", "")) if isinstance(failure, Mapping) else ""
    ids = (str(photo.media_id), str(photo.user_id), str(photo.batch_id or ""), photo.url)
    return " ".join((*ids, photo.reason or "", *said, detail)).casefold()


def _policy(photo: Photo, _: int) -> Sequence[str]:
    ref = str((photo.scores or {}).get("policy", "")) if isinstance(photo.scores, Mapping) else ""
    return (ref, ref.split("@", 1)[0])


def _pile(photo: Photo, _: int) -> Sequence[str]:
    found = pile_of(photo.status, photo.reason, photo.scores)
    return (found.value,) if found else ()


def _status(photo: Photo, _: int) -> Sequence[str]:
    """What waits for a person is pending as well."""
    waits = photo.status == MediaStatus.PENDING and photo.reason == NEEDS_REVIEW
    return (photo.status or "", *((WAITING,) if waits else ()))


WAITING = "waiting"
"""The status of what waits for a person, as lists show it."""
_SCORES: Mapping[str, tuple[str, ...]] = {
    "blur": ("blur_variance",),
    "years": ("estimated_age",),
    "porn": ("nsfw_scores", "porn"),
    "sexy": ("nsfw_scores", "sexy"),
    "hentai": ("nsfw_scores", "hentai"),
    "faces": ("face_count",),
}
"""Where in the scores a field is."""
_STATUSES = (*MediaStatus, WAITING)
_REASONS = (*Reason, *FailureCode, NEEDS_REVIEW)
FIELDS: Mapping[str, Field[Photo]] = {
    "reason": Field(Kind.WORD, ", ".join(_REASONS[:5]) + ", …", lambda photo, _: (photo.reason or "",)),
    "ground": Field(
        Kind.WORD,
        "a reason that spoke, if only beside another",
        lambda photo, _: tuple(str(each.get("reason", "")) for each in grounds(photo.scores)),
    ),
    "pile": Field(Kind.WORD, "waiting, rejected, failed, minors", _pile),
    "status": Field(Kind.WORD, ", ".join(_STATUSES), _status),
    "user": Field(Kind.WORD, "user id", lambda photo, _: (str(photo.user_id),)),
    "batch": Field(Kind.WORD, "batch id", lambda photo, _: (str(photo.batch_id or ""),)),
    "photo": Field(Kind.WORD, "media id", lambda photo, _: (str(photo.media_id),)),
    "policy": Field(Kind.WORD, "policy that judged it, e.g. default or default@2", _policy),
    "age": Field(Kind.SPAN, "since the upload", lambda photo, now: _since(photo.created_at, now)),
    "decided": Field(Kind.SPAN, "since it was decided", lambda photo, now: _since(photo.moderated_at, now)),
    "blur": Field(Kind.MEASURE, "sharpness; higher is sharper", _score(*_SCORES["blur"])),
    "years": Field(Kind.MEASURE, "estimated age of the youngest", _score(*_SCORES["years"])),
    "porn": Field(Kind.MEASURE, "score, 0 to 1", _score(*_SCORES["porn"])),
    "sexy": Field(Kind.MEASURE, "score, 0 to 1", _score(*_SCORES["sexy"])),
    "hentai": Field(Kind.MEASURE, "score, 0 to 1", _score(*_SCORES["hentai"])),
    "faces": Field(Kind.NUMBER, "people in front", _score(*_SCORES["faces"])),
    "retries": Field(Kind.NUMBER, "attempts beyond the first", lambda photo, _: float(photo.retry_count)),
}
_LANGUAGE: Language[Photo] = Language(
    "photo",
    FIELDS,
    words_of,
    values={
        "reason": _REASONS,
        "ground": tuple(Reason),
        "pile": ("waiting", "rejected", "failed", "minors"),
        "status": _STATUSES,
    },
    example="reason:blurry",
)


@dataclass(frozen=True, slots=True)
class ReviewFilter:
    """Terms that must all hold. Without any, every photo of a pile is meant."""

    terms: tuple[Term, ...] = ()
    text: str = field(default="", compare=False)
    """As it was typed."""

    def matches(self, photo: Photo, now_ms: int) -> bool:
        return all(_LANGUAGE.holds(term, photo, now_ms) for term in self.terms)

    def with_reason(self, reason: str) -> ReviewFilter:
        """The same for one reason more, whatever another program may have written there."""
        return ReviewFilter((*self.terms, Term("reason", ":", (reason.casefold(),))), self.text)

    def joined(self, other: ReviewFilter) -> ReviewFilter:
        """What both admit."""
        return ReviewFilter((*self.terms, *other.terms), f"{self.text} {other.text}".strip())

    def bounds(self, now: datetime) -> Bounds:
        """What a database can be asked for: never fewer photos than match."""
        found = Bounds()
        for term in self.terms:
            found = found.narrowed(term, now)
        return found


@dataclass(frozen=True, slots=True)
class Band:
    """A number in the scores must be there, and within these; None for no end."""

    path: tuple[str, ...]
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """Reasons, users, batches and photos that alone can match, and the time of upload; None for any."""

    reasons: tuple[str, ...] | None = None
    users: tuple[UUID, ...] | None = None
    batches: tuple[UUID, ...] | None = None
    photos: tuple[UUID, ...] | None = None
    start: datetime | None = None
    end: datetime | None = None
    statuses: tuple[str, ...] | None = None
    decided_start: datetime | None = None
    decided_end: datetime | None = None
    bands: tuple[Band, ...] = ()

    def narrowed(self, term: Term, now: datetime) -> Bounds:
        if term.negated or not term.name:
            return self
        match term.name:
            case "reason" if not any("*" in word for word in term.words):
                return replace(self, reasons=term.words)
            case "status" if not any("*" in word for word in term.words):
                statuses = {MediaStatus.PENDING.value if word == WAITING else word for word in term.words}
                return replace(self, statuses=tuple(sorted(statuses)))
            case "user":
                return replace(self, users=_ids(term.words) or self.users)
            case "batch":
                return replace(self, batches=_ids(term.words) or self.batches)
            case "photo":
                return replace(self, photos=_ids(term.words) or self.photos)
            case "age":
                start, end = _between(self.start, self.end, term, now)
                return replace(self, start=start, end=end)
            case "decided":
                start, end = _between(self.decided_start, self.decided_end, term, now)
                return replace(self, decided_start=start, decided_end=end)
            case name if name in _SCORES:
                return replace(self, bands=(*self.bands, _band(_SCORES[name], term)))
        return self


def _between(
    start: datetime | None, end: datetime | None, term: Term, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """Narrowed by a span that lies back; the end is excluded."""
    then = now - timedelta(seconds=min(term.number, _FOREVER_S))
    if term.sign in ("<", "<="):
        start = max(start, then) if start else then
    elif term.sign in (">", ">="):
        later = then + timedelta(microseconds=1)
        end = min(end, later) if end else later
    return start, end


def _band(path: tuple[str, ...], term: Term) -> Band:
    low = term.number if term.sign in (">", ">=", "=", ":") else None
    high = term.number if term.sign in ("<", "<=", "=", ":") else None
    return Band(path, low, high)


_FOREVER_S = 3650 * 86_400.0


def _ids(words: Iterable[str]) -> tuple[UUID, ...] | None:
    """None where one of them is no whole id."""
    try:
        return tuple(UUID(word) for word in words)
    except ValueError:
        return None


def parse(words: Sequence[str]) -> ReviewFilter:
    """The filter that was typed, in one argument or in many. Raises UsageError with the nearest field or value."""
    return ReviewFilter(_LANGUAGE.parse(words), " ".join(words))


def typed(text: str) -> ReviewFilter:
    """As `parse`, of one line; nothing admits every photo."""
    return parse([text]) if text.strip() else ReviewFilter()


def by_id(media_ids: Iterable[UUID]) -> ReviewFilter:
    """These photos."""
    ids = tuple(str(each) for each in media_ids)
    return ReviewFilter((Term("photo", ":", ids),), " ".join(ids))
