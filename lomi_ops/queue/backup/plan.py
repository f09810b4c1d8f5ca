"""From what was read to what a queue should be after a restore. Pure: pages in, pages out.

Nothing of the queue is lost: every job that was ready, running, delayed or dead is so again, but a running one is
ready, next in line and with its attempt given back, for its worker is not coming back. What spoke of processes and of
the moment stays behind: leases, slots, workers, breakers, rates, the pause.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lomi_ops.queue.backup.pages import Kind, Page, Pages
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.wire import identity

READY_TTL_MS = 7 * 24 * 3600 * 1000
"""As in common.lua: the record of a job that waits in the list."""
PAGE = 500
"""Elements or members in one page that is made here."""

Record = dict[bytes, bytes]


@dataclass(slots=True)
class Survey:
    """What has to be known of the whole before the first page can be written."""

    listed: set[str] = field(default_factory=set)
    """Jobs that a list holds."""
    states: dict[str, bytes] = field(default_factory=dict)
    """Of jobs that wait, run or died; what is over is left out, there are many."""
    scores: dict[str, dict[bytes, float]] = field(default_factory=dict)
    """Of the sorted sets that go by records: due times and times of death."""
    lists: set[str] = field(default_factory=set)
    """Those that hold anything."""


def survey(pages: Iterable[Page], keys: Keys) -> Survey:
    """One pass over the file."""
    found = Survey(scores={keys.delayed: {}, keys.dead: {}})
    for page in pages:
        if page.key in (keys.ready, keys.high, keys.bulk):
            found.listed.update(map(identity, page.items))
            found.lists.add(page.key)
        elif page.key in found.scores:
            found.scores[page.key].update(dict(page.items))
        elif page.key.startswith(keys.job_prefix):
            state = dict(page.items).get(b"state", b"")
            if state in (b"ready", b"running", b"delayed", b"dead"):
                found.states[page.key.removeprefix(keys.job_prefix)] = state
    return found


def restored(pages: Pages, keys: Keys) -> Iterator[Page]:
    """What to write, in this order: records first, then what names them, the lists last. So whoever looks at it half
    done finds no job without its record, and no worker anything to take."""
    known = survey(pages(), keys)
    extra = _Extra(keys, known)
    for page in pages():
        if page.key.startswith(keys.job_prefix):
            yield extra.record(page)
    for name, scores in extra.scores.items():
        yield from _paged(name, scores)
    for page in pages():
        if (kept := _kept(page, keys, known)) is not None:
            yield kept
    lists = {keys.high, keys.bulk, keys.ready}
    yield from (page for page in pages() if page.key in lists)
    yield from extra.elements()


class _Extra:
    """Jobs that no list holds and that will be ready: those that ran, and those that moved while they were read."""

    def __init__(self, keys: Keys, known: Survey) -> None:
        self._keys = keys
        self._known = known
        self._found: list[tuple[bool, int, bytes, bytes]] = []
        """Whether it ran, when it was claimed, its lane, its element."""
        self.scores = {name: dict[bytes, float]() for name in (*known.scores, keys.done)}
        """Members of sorted sets that go by records; of `done` only what was cancelled here."""

    def record(self, page: Page) -> Page:
        """As it should be, noting what else the job needs."""
        job_id = page.key.removeprefix(self._keys.job_prefix)
        fields: Record = dict(page.items)
        state = fields.get(b"state", b"")
        if state == b"running":
            return self._stopped(page, job_id, fields)
        if state == b"ready" and b"raw" in fields:
            self._add(job_id, fields, ran=False)
        for name, word, time in ((self._keys.delayed, b"delayed", b"due_ms"), (self._keys.dead, b"dead", b"dead_ms")):
            if state == word:
                known = self._known.scores[name].get(job_id.encode())
                self.scores[name][job_id.encode()] = float(fields.get(time) or 0) if known is None else known
        return page

    def _stopped(self, page: Page, job_id: str, fields: Record) -> Page:
        """A job that ran; one that somebody had cancelled is over."""
        fields[b"token"] = b""
        if fields.pop(b"cancel", None) is not None:
            fields[b"state"] = b"cancelled"
            fields.pop(b"raw", None)
            self.scores[self._keys.done][job_id.encode()] = float(fields.get(b"claimed_ms") or 0)
        else:
            fields[b"state"] = b"ready"
            fields[b"attempt"] = b"%d" % max(0, int(fields.get(b"attempt") or 0) - 1)
            fields.pop(b"due_ms", None)
            self._add(job_id, fields, ran=True)
        # A bulk job may wait for longer than any life time.
        return Page(
            page.key, Kind.HASH, tuple(fields.items()), None if fields.get(b"priority") == b"0" else READY_TTL_MS
        )

    def _add(self, job_id: str, fields: Record, *, ran: bool) -> None:
        if job_id not in self._known.listed and b"raw" in fields:
            claimed = int(fields.get(b"claimed_ms") or 0)
            self._found.append((ran, claimed, fields.get(b"priority", b"1"), fields[b"raw"]))

    def elements(self) -> Iterator[Page]:
        """At the end that is taken from: what was claimed first comes first. Which list, `list_for` in common.lua says:
        idle workers watch `ready` alone."""
        lists = set(self._known.lists)
        for _, _, lane, raw in sorted(self._found, key=lambda found: (found[0], -found[1])):
            name = self._keys.ready
            if lane == b"2" and self._keys.ready in lists:
                name = self._keys.high
            elif lane == b"0" and lists:
                name = self._keys.bulk
            lists.add(name)
            yield Page(name, Kind.LIST, (raw,))


def _paged(name: str, scores: Mapping[bytes, float]) -> Iterator[Page]:
    members = list(scores.items())
    for at in range(0, len(members), PAGE):
        yield Page(name, Kind.ZSET, tuple(members[at : at + PAGE]))


def left_behind(key: str, keys: Keys) -> bool:
    """Whether a key speaks of processes, or of a moment that has passed."""
    alone = (
        keys.lease, keys.slots, keys.workers, keys.tick, keys.server, keys.paused, keys.holds, keys.limits,
        keys.samples, keys.restoring, keys.fleet, keys.autoscale, keys.autoscale_lease,
    )  # fmt: skip
    return key in alone or key.startswith((keys.seq(""), keys.worker(""), keys.scratch))


def _kept(page: Page, keys: Keys, known: Survey) -> Page | None:
    """A page of any other key as it should be; None for one that is not wanted, or that was made before."""
    written = (keys.ready, keys.high, keys.bulk, keys.delayed, keys.dead)
    if page.key in written or page.key.startswith(keys.job_prefix) or left_behind(page.key, keys):
        return None
    if page.key == keys.stats:
        # Where the reaper's scan stands means nothing on another server.
        counters = tuple(pair for pair in page.items if pair[0] != b"scan")
        return Page(page.key, page.kind, counters, page.ttl_ms) if counters else None
    if page.key == keys.doubt:
        dead = tuple(pair for pair in page.items if known.states.get(pair[0].decode("utf-8", "replace")) == b"dead")
        return Page(page.key, page.kind, dead, page.ttl_ms) if dead else None
    return page


@dataclass(frozen=True, slots=True)
class Likeness:
    """Enough of one key, or of all records, to see whether two are the same."""

    kind: Kind
    count: int
    """Elements, members, fields; of the records how many there are."""
    digest: str


RECORDS = "records of jobs"


def likenesses(pages: Iterable[Page], keys: Keys) -> dict[str, Likeness]:
    """By key: lists and streams in their order, everything else whatever its order. What is left of a life does not
    count, it passes. All records of jobs are one entry, and what is left behind is none."""
    found: dict[str, _Digest] = {}
    for page in pages:
        if page.key.startswith(keys.job_prefix):
            digest = found.setdefault(RECORDS, _Digest(Kind.SET))
            digest.add(_packed((page.key.encode("utf-8", "surrogateescape"), *sorted(page.items))))
        elif not left_behind(page.key, keys):
            digest = found.setdefault(page.key, _Digest(page.kind))
            for item in page.items:
                digest.add(_packed(item))
    return {key: Likeness(digest.kind, digest.count, digest.text) for key, digest in found.items()}


class _Digest:
    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.count = 0
        self._ordered = hashlib.sha256()
        self._sum = 0

    def add(self, item: bytes) -> None:
        self.count += 1
        if self.kind in (Kind.LIST, Kind.STREAM, Kind.STRING):
            self._ordered.update(len(item).to_bytes(8, "big") + item)
        else:
            self._sum += int.from_bytes(hashlib.sha256(item).digest(), "big")

    @property
    def text(self) -> str:
        ordered = self.kind in (Kind.LIST, Kind.STREAM, Kind.STRING)
        return self._ordered.hexdigest() if ordered else f"{self._sum % 2**256:064x}"


def _packed(item: Any) -> bytes:
    """Any item as bytes from which it could be told apart from any other."""
    if isinstance(item, bytes):
        return b"b%d:%b" % (len(item), item)
    if isinstance(item, tuple):
        return b"t%d:" % len(item) + b"".join(map(_packed, item))
    return repr(float(item)).encode()
