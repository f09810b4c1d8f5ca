"""`lomi review note|notes`: what people say to each other about photos and users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import diagnostics, options, output, review_choice, review_step, session
from lomi_ops.cli.output import Format
from lomi_ops.domain.shown import shown
from lomi_ops.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from lomi_ops.db.notes import Note

Photo = Annotated[str | None, typer.Option("--photo", help="About this photo, by media id.", metavar="ID")]
User = Annotated[str | None, typer.Option("--user", help="About this user and all their photos.", metavar="ID")]


@options.with_common
def review_note(
    common: options.Common,
    text: Annotated[str, typer.Argument(help="What to say; never shown to the user.", metavar="TEXT")],
    photo: Photo = None,
    user: Annotated[str | None, typer.Option("--user", help="About this user.", metavar="ID")] = None,
    actor: review_choice.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Add a note about a photo, or about a user.

    Notes stay among people who review. They are kept until the user's data are erased.
    """
    from lomi_ops.ops.reviews.desk import Desk

    if (photo is None) is (user is None):
        raise UsageError("what is the note about?", hint='lomi review note "TEXT" --photo ID, or --user ID')
    media_id = review_choice.media_id(photo) if photo else None
    user_id = review_choice.user_id(user) if user else None
    with session.opened(common, "database", changes=True) as runtime:
        desk = Desk(runtime.database, None, options.actor(actor), runtime.settings.review)
        number = desk.note(text, media_id=media_id, user_id=user_id)
        review_step.send_due(runtime)
    if format_ is Format.TEXT:
        output.text(f"note {number}")
    else:
        output.document({"note": number}, schema="lomi.review.note/v1", format_=format_)
    return int(ExitCode.OK)


@options.with_common
def review_notes(
    common: options.Common,
    search: Annotated[str | None, typer.Option("--search", help="Only with this text in it.", metavar="TEXT")] = None,
    user: User = None,
    photo: Photo = None,
    by: Annotated[str | None, typer.Option("--by", help="Only what this person said.", metavar="NAME")] = None,
    limit: Annotated[
        int | None, typer.Option(help="At most so many; else 50, with -o jsonl all.", min=1, metavar="N")
    ] = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """List notes, the latest first; `-o jsonl` exports them."""
    from lomi_ops.db.notes import NoteFilter
    from lomi_ops.ops.reviews.desk import Desk

    wanted = NoteFilter(
        review_choice.user_id(user) if user else None, review_choice.media_id(photo) if photo else None, by, search
    )
    most = limit or (None if format_ is Format.JSONL else 50)
    with session.opened(common, "database") as runtime:
        desk = Desk(runtime.database, None, "reader", runtime.settings.review)
        found = desk.notes(wanted, limit=None if most is None else most + 1)
        if format_ is Format.JSONL:
            for at, note in enumerate(found):
                if most is None or at < most:
                    output.line(record(note))
            return int(ExitCode.OK)
        notes = list(found)
    more, notes = most is not None and len(notes) > most, notes[:most]
    if format_ is Format.JSON:
        output.document({"notes": [record(note) for note in notes], "more": more}, schema="lomi.review.notes/v1")
    else:
        show(notes)
    if more:
        diagnostics.note(f"there are more than these {most}: --limit N, or -o jsonl for all")
    return int(ExitCode.OK)


def record(note: Note) -> dict[str, Any]:
    return {
        "id": note.id,
        "at": note.at,
        "actor": note.actor,
        "user_id": str(note.user_id),
        "media_id": str(note.media_id) if note.media_id else None,
        "text": note.text,
    }


def show(notes: list[Note]) -> None:
    """As a table; what people typed is shown, never obeyed."""
    if not notes:
        output.text("no notes")
        return
    rows = [
        (
            f"{note.at:%Y-%m-%d %H:%M}",
            shown(note.actor),
            f"photo {note.media_id}" if note.media_id else f"user {note.user_id}",
            shown(note.text),
        )
        for note in notes
    ]
    output.table(("when", "who", "about", "note"), rows)
