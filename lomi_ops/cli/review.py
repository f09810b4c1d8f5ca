"""`lomi review`: what people should look at, and their decisions. The app need not wait for the commands beside it."""

from __future__ import annotations

import typer

from lomi_ops.cli.late import Entry, Late, group_of
from lomi_ops.cli.review_app import review

COMMANDS: dict[str, Entry] = {
    "list": Late("review_list:review_list", "List photos that wait, or were rejected or failed"),
    "show": Late("review_show:review_show", "Show one photo, or one user, and everything beside it"),
    "similar": Late("review_similar:review_similar", "List photos of anybody that look the same as one"),
    "approve": Late("review_decide:review_approve", "Approve photos, whatever was decided before"),
    "reject": Late("review_decide:review_reject", "Reject photos, whatever was decided before"),
    "undo": Late("review_undo:review_undo", "Take back decisions: photos, a step, or my last step"),
    "note": Late("review_notes:review_note", "Add a note about a photo, or about a user"),
    "notes": Late("review_notes:review_notes", "List notes, the latest first; `-o jsonl` exports them"),
    "release": Late("review_undo:review_release", "Free photos that somebody holds"),
    "sample": Late("review_sample:app", "Have decided photos judged again, unseen"),
    "filters": Late("review_saved:app", "Filters that have names"),
}
app = typer.Typer(
    cls=group_of(COMMANDS),
    rich_markup_mode=None,
    epilog="A FILTER is made of terms such as reason:blurry 'blur>40' 'age<2d': `lomi help photo-filters`.",
)
app.callback(invoke_without_command=True)(review)
