"""The desk behind `lomi review`, in a process of its own (`tui/review/forked.py`)."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from lomi_ops.cli import diagnostics
from lomi_ops.cli.common import Common
from lomi_ops.domain.pile import Pile
from lomi_ops.tui import garbage
from lomi_ops.tui.review import drawing
from lomi_ops.tui.review.forked import Forked, Opening, forked

_ahead: list[Forked] = []


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for."""

    common: Common
    actor: str
    pile: Pile
    named: str
    """A filter by its name, or its terms; empty for all."""


def begin_ahead(arguments: Sequence[str]) -> None:
    """What takes long to get ready begins before the command line is read, where that will ask for the app: the other
    cores have nothing to do by then. The darkroom has what it needs first, and is out of everybody's way."""
    if all(map(os.isatty, (0, 1))) and asks_for_the_app(arguments):
        garbage.put_off()
        drawing.begin_ahead()
        _import_what_both_need()
        _ahead.append(forked(_ready, diagnostics.scrubbed))


def asks_for_the_app(arguments: Sequence[str]) -> bool:
    """Whether that is likely: to be wrong does no harm."""
    first, *rest = arguments or [""]
    return first == "review" and all(word.startswith("-") for word in rest[:1]) and not {"--help", "-h"} & {*rest}


def _import_what_both_need() -> None:
    """Here and in the process that is forked: a quarter of what either imports, and the cores are all at work then."""
    import asyncio  # noqa: F401

    import lomi_ops.tui.review.far_work  # noqa: F401


def begun() -> Forked:
    """The process that was begun ahead, else one that begins now."""
    return _ahead.pop() if _ahead else forked(_ready, diagnostics.scrubbed)


def _ready() -> Opening:
    """What is imported before anybody says what is wanted, as far as the pile can be looked at with it."""
    drawing.forget()
    import lomi_ops.ops.reviews.front
    import lomi_ops.runtime  # noqa: F401

    return _opened


@contextmanager
def _opened(wish: Wish) -> Iterator[tuple[object, object]]:
    from lomi_ops.cli import session
    from lomi_ops.config.paths import state_folder
    from lomi_ops.config.saved_filters import saved_filters
    from lomi_ops.domain.review_filter import typed
    from lomi_ops.domain.saved_filter import required
    from lomi_ops.ops.reviews.front import Front

    with session.opened(wish.common, "database", "objects", changes=True) as runtime:
        saved = saved_filters(runtime.settings.review, state_folder(os.environ))
        pile, terms = wish.pile, wish.named
        if terms:
            found = required(saved, terms)
            pile, terms = (found.pile if pile is Pile.ALL else pile), found.text
        front = Front(runtime.database, random.random)
        front.expect(pile, typed(terms), runtime.database.now)
        from lomi_ops.tui.review.desk_side import served  # the database is at work meanwhile

        with served(runtime, front, wish.actor, pile, terms, saved) as desk:
            yield desk
