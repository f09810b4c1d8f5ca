"""Which photos are meant: the language of filters for people who review.

reason:blurry blur>40               both must hold
reason:blurry,no_face age<2d        one of the reasons, uploaded in the last two days
porn>0.4 porn<0.6                   a band of scores
user:5f0c… not policy:local@1       `not` before a term, or `-` in front of it
"reaches below"                     a word that is no term is looked for in ids, the reason and the grounds
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from lomi_ops.domain.pile import pile_of
from lomi_ops.domain.terms import Field, Kind, Language, Term
from lomi_ops.domain.verdict import NEEDS_REVIEW, FailureCode, Reason


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


_REASONS = (*Reason, *FailureCode, NEEDS_REVIEW)
FIELDS: Mapping[str, Field[Photo]] = {
    "reason": Field(Kind.WORD, ", ".join(_REASONS[:5]) + ", …", lambda photo, _: (photo.reason or "",)),
    "ground": Field(
        Kind.WORD,
        "a reason that spoke, if only beside another",
        lambda photo, _: tuple(str(each.get("reason", "")) for each in grounds(photo.scores)),
    ),
    "pile": Field(Kind.WORD, "waiting, rejected, failed, minors", _pile),
    "user": Field(Kind.WORD, "user id", lambda photo, _: (str(photo.user_id),)),
    "batch": Field(Kind.WORD, "batch id", lambda photo, _: (str(photo.batch_id or ""),)),
    "photo": Field(Kind.WORD, "media id", lambda photo, _: (str(photo.media_id),)),
    "policy": Field(Kind.WORD, "policy that judged it, e.g. default or default@2", _policy),
    "age": Field(Kind.SPAN, "since the upload", lambda photo, now: _since(photo.created_at, now)),
    "decided": Field(Kind.SPAN, "since it was decided", lambda photo, now: _since(photo.moderated_at, now)),
    "blur": Field(Kind.MEASURE, "sharpness; higher is sharper", _score("blur_variance")),
    "years": Field(Kind.MEASURE, "estimated age of the youngest", _score("estimated_age")),
    "porn": Field(Kind.MEASURE, "score, 0 to 1", _score("nsfw_scores", "porn")),
    "sexy": Field(Kind.MEASURE, "score, 0 to 1", _score("nsfw_scores", "sexy")),
    "hentai": Field(Kind.MEASURE, "score, 0 to 1", _score("nsfw_scores", "hentai")),
    "faces": Field(Kind.NUMBER, "people in front", _score("face_count")),
    "retries": Field(Kind.NUMBER, "attempts beyond the first", lambda photo, _: float(photo.retry_count)),
}
_LANGUAGE: Language[Photo] = Language(
    "photo",
    FIELDS,
    words_of,
    values={"reason": _REASONS, "ground": tuple(Reason), "pile": ("waiting", "rejected", "failed", "minors")},
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
class Bounds:
    """Reasons, users, batches and photos that alone can match, and the time of upload; None for any."""

    reasons: tuple[str, ...] | None = None
    users: tuple[UUID, ...] | None = None
    batches: tuple[UUID, ...] | None = None
    photos: tuple[UUID, ...] | None = None
    start: datetime | None = None
    end: datetime | None = None

    def narrowed(self, term: Term, now: datetime) -> Bounds:
        if term.negated or not term.name:
            return self
        reasons, users, batches, photos = self.reasons, self.users, self.batches, self.photos
        start, end = self.start, self.end
        match term.name:
            case "reason" if not any("*" in word for word in term.words):
                reasons = term.words
            case "user":
                users = _ids(term.words) or users
            case "batch":
                batches = _ids(term.words) or batches
            case "photo":
                photos = _ids(term.words) or photos
            case "age" if term.sign in ("<", "<="):
                start = max(start or now - _FOREVER, now - timedelta(seconds=min(term.number, _FOREVER_S)))
            case "age" if term.sign in (">", ">="):
                end = min(end or now + _FOREVER, now - timedelta(seconds=min(term.number, _FOREVER_S), microseconds=-1))
        return Bounds(reasons, users, batches, photos, start, end)


_FOREVER_S = 3650 * 86_400.0
_FOREVER = timedelta(seconds=_FOREVER_S)


def _ids(words: Iterable[str]) -> tuple[UUID, ...] | None:
    """None where one of them is no whole id."""
    try:
        return tuple(UUID(word) for word in words)
    except ValueError:
        return None


def parse(words: Sequence[str]) -> ReviewFilter:
    """The filter that was typed, in one argument or in many. Raises UsageError with the nearest field or value."""
    return ReviewFilter(_LANGUAGE.parse(words), " ".join(words))


def by_id(media_ids: Iterable[UUID]) -> ReviewFilter:
    """These photos."""
    ids = tuple(str(each) for each in media_ids)
    return ReviewFilter((Term("photo", ":", ids),), " ".join(ids))
