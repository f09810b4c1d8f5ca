"""Decisions that people make again and again, with the words that the user gets, in every language of the app."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.errors import UsageError


@dataclass(frozen=True, slots=True)
class Macro:
    """One template."""

    name: str
    because: Reason | None
    """None approves."""
    note: str
    """Why, for the record."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """For the user, by language."""

    @property
    def status(self) -> MediaStatus:
        return MediaStatus.REJECTED if self.because else MediaStatus.APPROVED


SHIPPED = (
    Macro("fine", None, "looked at, and fine for the app"),
    Macro("misjudged", None, "what was found in it is not there"),
    Macro("borderline", None, "a borderline case, let through"),
    Macro("blurry", Reason.BLURRY, "the photo is blurred", {"am": "ፎቶው ብዥ ነው!", "en": "The photo is blurry!"}),
    Macro("no_face", Reason.NO_FACE, "no face can be seen", {"am": "ፊትሽን/ፊቱን አሳይን!", "en": "Show us your face!"}),
    Macro(
        "group_photo",
        Reason.GROUP_PHOTO,
        "several people are in front",
        {"am": "አንድ ሰው ብቻ ያለው ፎቶ ይፈልጋሉ", "en": "We need a photo with only one person."},
    ),
    Macro(
        "underage",
        Reason.UNDERAGE,
        "may be younger than 18",
        {"am": "መታወቂያ ማረጋገጥ አለብህ (18+)", "en": "You have to verify your ID (18+)."},
    ),
    Macro("nsfw", Reason.NSFW, "not fit for the app", {"am": "ፎቶው ተገቢ አይደለም", "en": "The photo is not appropriate."}),
)
"""Rejections have the words that the backend uses; an approval it tells in its own."""


def approving(macros: Iterable[Macro]) -> tuple[Macro, ...]:
    return tuple(macro for macro in macros if macro.because is None)


def first_for(macros: Iterable[Macro], reason: Reason) -> Macro | None:
    """What the key of a reason means."""
    return next((macro for macro in macros if macro.because is reason), None)


def laid_out(macros: Iterable[Macro], reasons: Iterable[Reason]) -> tuple[Macro, ...]:
    """The first one of each reason, in their order, so that a key means the same wherever it is pressed; then the other
    ones that reject, then those that approve."""
    known = tuple(macros)
    first = tuple(macro for reason in reasons if (macro := first_for(known, reason)))
    return (*first, *(macro for macro in known if macro.because and macro not in first), *approving(known))


def named(macros: Iterable[Macro], name: str) -> Macro:
    """Raises UsageError with the names that there are."""
    known = {macro.name: macro for macro in macros}
    if name not in known:
        raise UsageError(f"there is no macro {name!r}", hint=f"--macro with one of: {', '.join(known)}")
    return known[name]
