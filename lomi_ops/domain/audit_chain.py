"""The chain of the audit: what is hashed, and what is wrong with a chain that was changed.

Each entry is a link: a commitment to what the entry says, which is a salted hash, and the hash of the link before.
docs/audit.md states the bytes; the database computes the same ones in `lomi.committed` and `lomi.linked`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lomi_ops.domain.audit import Action
from lomi_ops.errors import UsageError

SAYING = "lomi.audit/1"
LINK = "lomi.audit.chain/1"
START = bytes(32)
"""What the first link has for the hash of the one before."""
GONE = "{}"
"""`before` and `after` of an erased entry."""
_ANCHOR = re.compile(r"(\d{1,19}):([0-9a-fA-F]{64})")


@dataclass(frozen=True, slots=True)
class Said:
    """What an entry says, as it is hashed."""

    at_us: int
    """Microseconds since 1970."""
    actor: str
    action: str
    subject: str
    reason: str
    before: str
    """The text that Postgres makes of the document."""
    after: str
    salt: bytes | None
    erased: bool


@dataclass(frozen=True, slots=True)
class Link:
    """One row of the chain, and its entry where that is still there."""

    seq: int
    at_us: int
    action: str
    commitment: bytes
    previous: bytes
    hash: bytes
    said: Said | None


@dataclass(frozen=True, slots=True)
class Head:
    """A link by its place and hash. Kept elsewhere, it is an anchor."""

    seq: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash.hex()}"


class Fault(StrEnum):
    """What can be wrong."""

    EDITED = "edited"
    """The entry does not say what it said."""
    REMOVED = "removed"
    """There is a link and no entry."""
    UNNAMED = "erased_unnamed"
    """The entry was erased, and no `privacy.erase` says so."""
    GAP = "gap"
    """Links are missing."""
    LINK = "link"
    """The link's own hash is not that of what it holds."""
    BROKEN = "broken"
    """The link does not follow the one before."""
    BESIDE = "beside"
    """There is an entry and no link."""
    HEAD = "head"
    """The last link is not the one that the head names."""
    ANCHOR = "anchor"
    """The chain is not the one of which the anchor was kept."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    seq: int | None
    """None for an entry that has none."""
    fault: Fault
    what: str


def framed(*parts: str) -> bytes:
    """Each part as its length in bytes, in four bytes with the highest first, and its UTF-8."""
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def committed(said: Said) -> bytes:
    """The commitment to what an entry says that has not been erased."""
    words = (said.actor, said.action, said.subject, said.reason, said.before, said.after)
    return hashlib.sha256((said.salt or b"") + framed(SAYING, str(said.at_us), *words)).digest()


def linked(link: Link) -> bytes:
    """The hash of a link."""
    hexed = (link.commitment.hex(), link.previous.hex())
    return hashlib.sha256(framed(LINK, str(link.seq), str(link.at_us), link.action, *hexed)).digest()


def anchor(text: str) -> Head:
    """Of `SEQ:HASH`. Raises UsageError."""
    match = _ANCHOR.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is no anchor", hint="SEQ:HASH, as lomi audit verify prints it")
    return Head(int(match[1]), bytes.fromhex(match[2]))


def erased_by(after: Mapping[str, Any]) -> Iterator[range]:
    """The places in the chain that an entry `privacy.erase` or `retention.trim` names. Raises ValueError."""
    for first, last in after.get("seqs", []):
        yield range(int(first), int(last) + 1)


def ranges(seqs: Iterable[int]) -> list[tuple[int, int]]:
    """The same places as first and last of each run, for such an entry."""
    found: list[tuple[int, int]] = []
    for seq in sorted(set(seqs)):
        if found and found[-1][1] == seq - 1:
            found[-1] = (found[-1][0], seq)
        else:
            found.append((seq, seq))
    return found


class Walk:
    """Follows a chain link by link, in its order, and tells what is wrong at each. Keeps nothing but the last link, and
    the places of erased entries until it meets what names them."""

    def __init__(self, anchor: Head | None = None) -> None:
        self._anchor = anchor
        self._last: Head | None = None
        self._unnamed: set[int] = set()
        self._met = False
        self.entries = 0
        self.erased = 0

    @property
    def head(self) -> Head:
        """The last link so far."""
        return self._last or Head(0, START)

    def step(self, link: Link) -> Iterator[Finding]:
        """What is wrong with the next link, and with its entry."""
        yield from self._place(link)
        if linked(link) != link.hash:
            yield Finding(link.seq, Fault.LINK, "its hash is not that of what it holds: the link was changed")
        yield from self._entry(link)
        if self._anchor and link.seq == self._anchor.seq:
            self._met = True
            if link.hash != self._anchor.hash:
                text = (
                    f"it was {self._anchor.hash.hex()} and is {link.hash.hex()}: the chain up to here was written anew"
                )
                yield Finding(link.seq, Fault.ANCHOR, text)
        self._last = Head(link.seq, link.hash)
        self.entries += 1

    def end(self, head: Head | None, beside: Iterable[str] = ()) -> Iterator[Finding]:
        """What is wrong with the whole, after the last link. `head` is what the database keeps as the last one, None
        where there is none; `beside` are entries that no link leads to."""
        for seq in sorted(self._unnamed):
            yield Finding(seq, Fault.UNNAMED, "it was erased, and no entry privacy.erase or retention.trim names it")
        for entry in beside:
            yield Finding(None, Fault.BESIDE, f"entry {entry} has no link: it was not added the ordinary way")
        if head is None:
            yield Finding(None, Fault.HEAD, "there is no head: whether the last links are missing cannot be told")
        elif head != self.head:
            yield Finding(head.seq, Fault.HEAD, _apart(head, self.head))
        if self._anchor and self._anchor.seq and not self._met:
            text = f"the chain ends at {self.head.seq}, or has no such link: what was there is gone"
            yield Finding(self._anchor.seq, Fault.ANCHOR, text)

    def _place(self, link: Link) -> Iterator[Finding]:
        before = self.head
        if link.seq < 1:
            yield Finding(link.seq, Fault.GAP, "it stands before the first place of the chain")
        elif link.seq != before.seq + 1:
            first, last = before.seq + 1, link.seq - 1
            missing = f"{first}" if first == last else f"{first} to {last}"
            yield Finding(link.seq, Fault.GAP, f"before it {missing} {'is' if first == last else 'are'} missing")
        elif link.previous != before.hash:
            yield Finding(
                link.seq, Fault.BROKEN, "it does not follow the link before: one of the two was changed or moved"
            )

    def _entry(self, link: Link) -> Iterator[Finding]:
        said = link.said
        if said is None:
            yield Finding(link.seq, Fault.REMOVED, "its entry is gone")
        elif (said.at_us, said.action) != (link.at_us, link.action):
            yield Finding(link.seq, Fault.EDITED, "its entry has another time or action than the link")
        elif said.erased:
            self.erased += 1
            self._unnamed.add(link.seq)
            if (said.subject, said.reason, said.before, said.after, said.salt) != ("", "", GONE, GONE, None):
                yield Finding(link.seq, Fault.EDITED, "it is marked as erased and still says something")
        elif said.salt is None:
            yield Finding(link.seq, Fault.EDITED, "its salt is gone, and it is not marked as erased")
        elif committed(said) != link.commitment:
            yield Finding(link.seq, Fault.EDITED, "its entry does not say what it said when it was added")
        elif said.action in (Action.ERASE, Action.TRIM):
            self._name(said)

    def _name(self, said: Said) -> None:
        try:
            for run in erased_by(json.loads(said.after)):
                self._unnamed.difference_update(seq for seq in list(self._unnamed) if seq in run)
        except (ValueError, TypeError, AttributeError):
            return  # an entry that names nothing in this way; whatever was erased for it stays unnamed


def _apart(head: Head, last: Head) -> str:
    if head.seq > last.seq:
        return f"the head is {head.seq} and the last link {last.seq}: the latest ones are missing"
    if head.seq < last.seq:
        return f"the head is {head.seq} and the last link {last.seq}: links were added past it, or it was set back"
    return "the head has another hash than the last link"
