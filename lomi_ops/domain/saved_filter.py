"""Filters that somebody gave a name: looked for as a word, and laid out as a pile."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review_filter import ReviewFilter, parse
from lomi_ops.errors import UsageError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """One name, and the terms that it stands for."""

    name: str
    text: str
    own: bool = False
    """Kept by this person, and by no configuration."""

    @property
    def wanted(self) -> ReviewFilter:
        return parse([self.text])

    @property
    def pile(self) -> Pile:
        """Which one its terms name; else all but suspected minors."""
        for term in self.wanted.terms:
            if term.name == "pile" and not term.negated and len(term.words) == 1 and term.words[0] in tuple(Pile):
                return Pile(term.words[0])
        return Pile.ALL


def check(name: str, text: str) -> None:
    """Raises UsageError for a name that nobody could type or that means something else, and for terms that say
    nothing."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a filter", hint="up to 40 of a-z, 0-9, - and _")
    if name in tuple(Pile):
        raise UsageError(f"{name!r} is a pile already", hint="another name")
    if not parse([text]).terms:
        raise UsageError(f"the filter {name} says nothing", hint="reason:blurry 'blur>40'")


def named(saved: Iterable[SavedFilter], name: str) -> SavedFilter | None:
    return next((each for each in saved if each.name == name.strip()), None)


def required(saved: Iterable[SavedFilter], text: str) -> SavedFilter:
    """A filter by its name, or terms that were typed in its place. Raises UsageError for words that are neither: they
    would be looked for everywhere, where somebody meant a name."""
    known = tuple(saved)
    if found := named(known, text):
        return found
    typed = SavedFilter("", text)
    terms = typed.wanted.terms
    if not terms:
        # What a shell makes of "$FILTER" where there is none: it would mean every photo.
        raise UsageError("an empty filter admits every photo", hint="a name, or terms: lomi help photo-filters")
    if not any(term.name for term in terms):
        word = text.strip()
        names = [each.name for each in known]
        close = difflib.get_close_matches(word, names, 1, 0.5)
        listed = f"there are: {', '.join(names)}" if names else "lomi review filters keep NAME FILTER"
        hint = f"did you mean {close[0]}? {listed}" if close else listed
        raise UsageError(f"there is no filter {word!r}", hint=hint)
    return typed
