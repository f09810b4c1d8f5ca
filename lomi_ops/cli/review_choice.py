"""Which photos a command of `lomi review` is about: ids, or a filter over a pile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from lomi_ops.cli import review_saved
from lomi_ops.domain.pile import Pile
from lomi_ops.errors import Refused, UsageError

if TYPE_CHECKING:
    from lomi_ops.config.sections.operating import ReviewSection
    from lomi_ops.domain.review_filter import ReviewFilter
    from lomi_ops.ops.reviews.desk import Desk

Terms = Annotated[
    list[str] | None, typer.Argument(help="Media ids, or a filter: `lomi help photo-filters`.", metavar="ID|FILTER...")
]
Queue = Annotated[Pile, typer.Option("--queue", help="The pile that a filter goes through.")]
As = Annotated[str | None, typer.Option("--as", help="Who decides; else LOMI_ACTOR, else the login.", metavar="NAME")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say which photos.")]
Confirm = Annotated[
    int | None,
    typer.Option("--confirm-count", help="Do it only if exactly so many match; needed for more than ten.", metavar="N"),
]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was typed: ids, or a filter where there are none."""

    ids: tuple[UUID, ...]
    wanted: ReviewFilter
    pile: Pile
    named: str = ""
    """What `--filter` said."""

    def narrowed(self, section: ReviewSection) -> Chosen:
        """With the filter that was named. Raises UsageError, ConfigError."""
        if not self.named:
            return self
        found = review_saved.meant(section, self.named)
        if not found.name:
            _refuse_bare(found.wanted, hint="lomi review filters list")
        return replace(self, wanted=found.wanted.joined(self.wanted), pile=review_saved.pile_of(self.pile, found))

    def media_ids(self, desk: Desk) -> tuple[UUID, ...]:
        """All that match now."""
        from lomi_ops.ops.reviews import piles

        if self.ids:
            return self.ids
        found = piles.every(desk.database, self.pile, self.wanted, now=desk.now())
        return tuple(photo.media_id for photo in found)


def chosen(verb: str, terms: list[str] | None, pile: Pile, named: str | None = None) -> Chosen:
    """For a command that changes what it finds. Raises UsageError for what says nothing, and for words that are neither
    ids nor terms: they would be looked for everywhere."""
    from lomi_ops.domain import review_filter

    typed = terms or []
    hint = f"lomi review {verb} ID, or a filter: lomi help photo-filters"
    if named is not None and not named.strip():
        raise UsageError("which photos? an empty --filter names none", hint=hint)
    if named and not typed:
        return Chosen((), review_filter.parse([]), pile, named)
    if not typed:
        raise UsageError("which photos?", hint=hint)
    if not all(each.strip() for each in typed):
        # What a shell makes of "$ID" where there is none: as a filter it would mean every photo.
        raise UsageError("which photos? an empty word names none", hint=hint)
    ids = _ids(typed)
    if ids and named:
        raise UsageError("ids name the photos already: --filter has nothing to choose from", hint=hint)
    wanted = review_filter.parse([] if ids else typed)
    if not ids:
        _refuse_bare(wanted, hint="lomi review list")
    return Chosen(tuple(dict.fromkeys(ids)), wanted, pile, named or "")


def _refuse_bare(wanted: ReviewFilter, *, hint: str) -> None:
    for term in wanted.terms:
        if not term.name:
            raise UsageError(f"{term.words[0]!r} is neither a media id nor a term of a filter", hint=hint)


def refuse_minors(picked: Chosen) -> None:
    """Raises Refused where a filter would approve suspected minors whom nobody has looked at one by one."""
    if picked.pile is Pile.MINORS and not picked.ids:
        text = "suspected minors are approved one by one, by their ids; nothing was changed"
        raise Refused(text, hint="lomi review list --queue minors")


def media_id(text: str) -> UUID:
    """Raises UsageError."""
    return _uuid(text, "media id")


def user_id(text: str) -> UUID:
    """Raises UsageError."""
    return _uuid(text, "user id")


def step_id(text: str) -> UUID:
    """Raises UsageError."""
    return _uuid(text, "step")


def _uuid(text: str, what: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise UsageError(f"{text!r} is no {what}", hint="lomi review list") from None


def _ids(typed: Sequence[str]) -> list[UUID]:
    """Empty where something else than ids was typed."""
    try:
        return [UUID(text) for text in typed]
    except ValueError:
        return []
