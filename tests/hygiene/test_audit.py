"""One way into the audit, and every command that acts in somebody's name goes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from lomi_ops.db.queries import blocks
from lomi_ops.domain.audit import Action
from lomi_ops.domain.reconcile import Repair
from tests.hygiene.test_docs import DOCS, root, rows, words

SILENT = {"lomi backup create"}
"""Takes a name for the archive, and changes nothing."""
PAGE = DOCS / "audit.md"
OF_QUEUE = re.compile(r"queue\.[a-z]+")


def in_a_name(command: Any, path: str = "lomi") -> Iterator[str]:
    """Commands that ask who acts."""
    children = getattr(command, "commands", None)
    if children is None:
        if any("--as" in parameter.opts for parameter in command.params):
            yield path
        return
    for name, child in children.items():
        yield from in_a_name(child, f"{path} {name}")


def test_rows_get_into_the_audit_by_two_statements_of_one_file() -> None:
    into = {name for name, block in blocks().items() if re.search(r"INSERT INTO lomi\.audit\b", block.text)}
    assert into == {"audit_insert", "audit_insert_many"}
    for name in blocks():
        touched = re.search(r"(?:INSERT INTO|UPDATE|DELETE FROM) lomi\.audit(?:_chain|_head)?\b", blocks()[name].text)
        assert touched is None or name in into | {"privacy_erase_audit"}, name


def test_every_command_that_asks_who_acts_is_explained_with_its_entries() -> None:
    explained = {word for row in rows(PAGE, "## What is an entry") for word in words(row[0])}
    covered = {each for each in in_a_name(root()) if any(f"{each} ".startswith(f"{word} ") for word in explained)}
    assert set(in_a_name(root())) - covered == SILENT
    assert len(covered) > 20


def test_every_action_is_explained() -> None:
    explained = {word for row in rows(PAGE, "## What is an entry") for word in words(row[1])}
    kinds: tuple[type[StrEnum], ...] = (Action, Repair)
    known = {action.value for kind in kinds for action in kind}
    assert {word for word in explained if not OF_QUEUE.fullmatch(word)} == known
