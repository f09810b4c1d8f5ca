"""`lomi review approve|reject`: a person's decision, whatever was decided before."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import options, review_choice, review_saved, review_step, session
from lomi_ops.cli.output import Format
from lomi_ops.domain.pile import Pile
from lomi_ops.errors import UsageError

if TYPE_CHECKING:
    from lomi_ops.cli.review_choice import Chosen
    from lomi_ops.config.sections.operating import ReviewSection
    from lomi_ops.ops.reviews.desk import Choice

Note = Annotated[str, typer.Option("--reason", help="Why, for the audit trail; a macro has one.", metavar="TEXT")]
MacroName = Annotated[
    str | None, typer.Option("--macro", help="Template with its reason and the user's text.", metavar="NAME")
]
Because = Annotated[
    str | None, typer.Option(help="blurry, no_face, group_photo, underage or nsfw; a macro has one.", metavar="REASON")
]
Grace = Annotated[
    str | None,
    typer.Option("--grace", help="Tell nobody for so long; 0s: at once. Else review.grace_s.", metavar="SPAN"),
]
Unseen = Annotated[bool, typer.Option("--unseen", help="Also what could not be judged, and nobody may have seen.")]
Force = Annotated[bool, typer.Option("--force", help="Also what somebody else looks at now.")]


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed."""

    verb: str
    chosen: Chosen
    because: str | None
    note: str
    macro: str | None
    grace: str | None
    force: bool
    dry_run: bool
    confirm: int | None
    actor: str | None
    terms: tuple[str, ...]
    unseen: bool = False

    @property
    def again(self) -> str:
        """The same command without its confirmation."""
        words = ["lomi", "review", self.verb, *self.terms]
        if self.chosen.pile is not Pile.ALL:
            words += ["--queue", self.chosen.pile.value]
        for option, value in (
            ("--filter", self.chosen.named),
            ("--because", self.because), ("--reason", self.note), ("--macro", self.macro), ("--grace", self.grace),
        ):  # fmt: skip
            words += [option, value] if value else []
        words += [option for option, given in (("--force", self.force), ("--unseen", self.unseen)) if given]
        return shlex.join(words)


@options.with_common
def review_approve(
    common: options.Common, terms: review_choice.Terms = None, note: Note = "",
    queue: review_choice.Queue = Pile.ALL, named: review_saved.Named = None, macro: MacroName = None,
    grace: Grace = None, force: Force = False,
    unseen: Unseen = False, dry_run: review_choice.DryRun = False, confirm: review_choice.Confirm = None,
    actor: review_choice.As = None, format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """Approve photos, whatever was decided before.

    The app and the user hear of it after a grace window, in which `lomi review undo` is silent. Exit 5 when a photo
    stands like that already, changed in between, is looked at by somebody else, or could not be judged.
    """
    picked = review_choice.chosen("approve", terms, queue, named)
    review_choice.refuse_minors(picked)
    wish = Wish("approve", picked, None, note, macro, grace, force, dry_run, confirm, actor, tuple(terms or ()), unseen)
    return _decide(common, wish, format_)


@options.with_common
def review_reject(
    common: options.Common, terms: review_choice.Terms = None, because: Because = None, note: Note = "",
    queue: review_choice.Queue = Pile.ALL, named: review_saved.Named = None, macro: MacroName = None,
    grace: Grace = None, force: Force = False,
    dry_run: review_choice.DryRun = False, confirm: review_choice.Confirm = None, actor: review_choice.As = None,
    format_: options.Output = Format.TEXT,
) -> int:  # fmt: skip
    """Reject photos, whatever was decided before.

    The app and the user hear of it after a grace window, in which `lomi review undo` is silent. Exit 5 when a photo
    stands like that already, changed in between, or is looked at by somebody else.
    """
    picked = review_choice.chosen("reject", terms, queue, named)
    wish = Wish("reject", picked, because, note, macro, grace, force, dry_run, confirm, actor, tuple(terms or ()))
    return _decide(common, wish, format_)


def _decide(common: options.Common, wish: Wish, format_: Format) -> int:
    from lomi_ops.domain.confirm import require_count
    from lomi_ops.ops.reviews.desk import Desk
    from lomi_ops.ops.reviews.stepping import require_schema

    grace_s = None if wish.grace is None else options.seconds("--grace", wish.grace)
    if wish.macro is None:
        _check(wish)
    with session.opened(common, "redis", "database", changes=not wish.dry_run) as runtime:
        choice = _choice(wish, runtime.settings.review)
        picked = wish.chosen.narrowed(runtime.settings.review)
        if wish.verb == "approve":
            review_choice.refuse_minors(picked)
        desk = Desk(runtime.database, runtime.queue, options.actor(wish.actor), runtime.settings.review)
        media_ids = picked.media_ids(desk)
        if wish.dry_run:
            return review_step.report_plan(wish.verb, media_ids, format_, texts=choice.texts, note=choice.note)
        require_schema(runtime.database)
        require_count(len(media_ids), wish.confirm, noun="photo", again=wish.again, none="lomi review list")
        seen, refused = desk.standing(media_ids)
        step = desk.decide(seen, choice, grace_s=grace_s, over_claims=wish.force)
    return review_step.report(replace(step, refused=(*refused, *step.refused)), format_, texts=choice.texts)


def _check(wish: Wish) -> None:
    """Raises UsageError for what a macro would have said."""
    from lomi_ops.domain.review import REASONS

    if not wish.note.strip():
        hint = f'lomi review {wish.verb} … --reason "a few words": an override is on record'
        raise UsageError("--reason says nothing" if wish.note else "why? --reason is missing", hint=hint)
    if wish.verb == "reject" and wish.because is None:
        raise UsageError("--because is missing: the user is told", hint=f"--because with one of: {', '.join(REASONS)}")
    if wish.because is not None and wish.because not in REASONS:
        raise UsageError(f"{wish.because!r} is no reason that a user can be told", hint=f"one of: {', '.join(REASONS)}")


def _choice(wish: Wish, section: ReviewSection) -> Choice:
    """Raises UsageError where the macro is for something else."""
    from lomi_ops.config.macros import read_macros
    from lomi_ops.domain import macro
    from lomi_ops.domain.review import REASONS
    from lomi_ops.domain.verdict import MediaStatus
    from lomi_ops.ops.reviews.desk import Choice

    status = MediaStatus.APPROVED if wish.verb == "approve" else MediaStatus.REJECTED
    reason = next((reason for reason in REASONS if reason == wish.because), None)
    if wish.macro is None:
        return Choice(status, reason, wish.note, vouched=wish.unseen)
    found = macro.named(read_macros(section.macros), wish.macro)
    if found.status is not status or (wish.because and found.because != wish.because):
        means = f"rejects with {found.because}" if found.because else "approves"
        raise UsageError(f"the macro {found.name} {means}", hint="leave --because out, or take another --macro")
    note = wish.note.strip() or found.note
    return Choice(status, found.because, note, found.name, found.texts, wish.unseen)
