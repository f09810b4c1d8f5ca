"""Proving that nothing in the audit was changed, removed or put elsewhere: in the database, or in an export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from lomi_ops.db import audit
from lomi_ops.db.pool import Database
from lomi_ops.domain.audit_chain import Fault, Finding, Head, Link, Walk
from lomi_ops.errors import UsageError
from lomi_ops.ops.audit.lines import CHASES, BadLine, End, parsed
from lomi_ops.ops.audit.look import require_audit

KEPT = 1_000
"""Findings that are told one by one."""
TOLD_EVERY = 10_000


@dataclass(frozen=True, slots=True)
class Verdict:
    entries: int
    """Links."""
    erased: int
    """Of them without words, by somebody's right."""
    head: Head
    findings: tuple[Finding, ...]
    """The first ones."""
    wrong: int
    """All."""

    @property
    def sound(self) -> bool:
        return not self.wrong


def verify(database: Database, anchor: Head | None, tell: Callable[[int], None] = lambda done: None) -> Verdict:
    """Reads all of it, in chunks; `tell` hears how far it is. Raises NoAudit, DatabaseUnavailable."""
    require_audit(database)
    walk = Walk(anchor)

    def findings() -> Iterator[Finding]:
        yield from _walked(walk, audit.links(database), tell)
        head = audit.head(database)
        for _ in range(CHASES):
            if head is None or head.seq <= walk.head.seq:
                break
            yield from _walked(walk, audit.links(database, after=walk.head.seq), tell)
            head = audit.head(database)
        yield from walk.end(head, audit.beside(database))

    return _verdict(walk, findings())


def verify_file(path: Path, anchor: Head | None, tell: Callable[[int], None] = lambda done: None) -> Verdict:
    """The same of an export. Raises UsageError for a file that is none."""
    walk = Walk(anchor)

    def findings(lines: Iterable[bytes]) -> Iterator[Finding]:
        end = None
        for each in parsed(lines):
            if end is not None:
                yield Finding(None, Fault.HEAD, "there is more after the line with the head")
                break
            match each:
                case End():
                    end = each
                case BadLine():
                    yield Finding(None, Fault.LINK, str(each))
                case Link():
                    yield from _walked(walk, [each], tell)
        if end is None:
            yield Finding(None, Fault.HEAD, "the file ends before the line with the head: it was cut")
            end = End(walk.head, ())
        yield from walk.end(end.head, end.beside)

    try:
        with path.open("rb") as file:
            first = file.readline()
            if isinstance(next(parsed([first]), BadLine()), BadLine):
                raise UsageError(f"{path} is no export of the audit", hint="lomi audit export --out FILE makes one")
            return _verdict(walk, findings(chain([first], file)))
    except OSError as failure:
        raise UsageError(f"{path} cannot be read: {failure.strerror}", hint="--from FILE") from failure


def _walked(walk: Walk, links: Iterable[Link], tell: Callable[[int], None]) -> Iterator[Finding]:
    for link in links:
        yield from walk.step(link)
        if walk.entries % TOLD_EVERY == 0:
            tell(walk.entries)


def _verdict(walk: Walk, findings: Iterable[Finding]) -> Verdict:
    kept: list[Finding] = []
    wrong = 0
    for each in findings:
        wrong += 1
        if len(kept) < KEPT:
            kept.append(each)
    return Verdict(walk.entries, walk.erased, walk.head, tuple(kept), wrong)
