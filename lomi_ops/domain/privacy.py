"""What is held on a user, where, and what becomes of it when it is erased."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID


class Fate(StrEnum):
    """What an erasure does with a place."""

    DELETED = "deleted"
    BLANKED = "blanked"
    """The row stays without its words."""
    KEPT = "kept"
    """It holds nothing on a user."""


PLACES: Mapping[str, Fate] = {
    "media": Fate.DELETED,
    "lomi.decisions": Fate.DELETED,
    "lomi.jobs": Fate.DELETED,
    "lomi.job_ends": Fate.DELETED,
    "lomi.checkpoints": Fate.DELETED,
    "lomi.submitted_jobs": Fate.DELETED,
    "lomi.submissions": Fate.BLANKED,
    "lomi.outbox": Fate.DELETED,
    "lomi.notes": Fate.DELETED,
    "lomi.claims": Fate.DELETED,
    "lomi.reveals": Fate.DELETED,
    "lomi.photo_hashes": Fate.DELETED,
    "lomi.samples": Fate.DELETED,
    "lomi.remoderated": Fate.DELETED,
    "lomi.remoderations": Fate.BLANKED,
    "lomi.legal_holds": Fate.DELETED,
    "lomi.audit": Fate.BLANKED,
    "lomi.audit_chain": Fate.KEPT,
    "lomi.audit_head": Fate.KEPT,
    "lomi.schema_migrations": Fate.KEPT,
    "lomi.backfills": Fate.KEPT,
    "lomi.policy_activations": Fate.KEPT,
    "lomi.alert_run": Fate.KEPT,
    "lomi.alert_tracks": Fate.KEPT,
    "lomi.alert_incidents": Fate.KEPT,
    "lomi.alert_deliveries": Fate.KEPT,
    "lomi.alert_silences": Fate.KEPT,
}
"""Every table that an export or an erasure looks at, or leaves alone. A test holds it against the schema."""
PSEUDONYMS = frozenset({"actor", "by", "undid"})
"""Whose names an export replaces, beside whatever ends with `_by`: of people who review, not of the user."""
SECRETS = frozenset({"token", "salt", "r2_url"})
"""Keys whose values leave with nobody: leases, salts, signed addresses."""
_TELEGRAM = re.compile(r"-?[0-9]{1,19}")
TELLS = 100_000
"""From here on a number in a text is taken for the Telegram account that it is: a smaller one may count anything, and 0
is what a job has that knows of no account."""
MACHINES = frozenset({"worker", "autoscale", ""})
"""Actors that are no people."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom it is about."""

    user_id: UUID
    telegram_id: int | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A reason why nothing of a user may be erased."""

    user_id: UUID
    at: datetime
    actor: str
    reason: str
    released_at: datetime | None = None
    released_by: str | None = None


@dataclass(frozen=True, slots=True)
class Trail:
    """By which ids something of a user is found."""

    person: Person
    media_ids: frozenset[UUID] = frozenset()
    job_ids: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    """Of objects, as rows name them."""

    @property
    def words(self) -> list[str]:
        """Ids as they may stand in a text, in small letters."""
        ids = {str(self.person.user_id), *map(str, self.media_ids), *(each.lower() for each in self.job_ids)}
        return sorted(ids)

    @property
    def telegram(self) -> str | None:
        """A pattern that matches the Telegram account, and no other number; None where it would match counts, too."""
        number = self.person.telegram_id
        return None if number is None or abs(number) < TELLS else rf"(^|[^0-9-]){number}([^0-9]|$)"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many things of each place."""

    of: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.of.values())


def telegram_id(text: str) -> int | None:
    """The Telegram account that a text names; None where it is none, as 0 is."""
    return int(text) or None if _TELEGRAM.fullmatch(text) and abs(int(text)) < 2**63 else None


def prefix_of(person: Person) -> str:
    """Where the backend puts the objects of a user."""
    return f"users/{person.user_id}/"


def key_of(url: str, buckets: Iterable[str]) -> str:
    """The key of an object that a row names, by key or by an address of the store."""
    if "://" not in url:
        return url
    path = urlsplit(url).path.lstrip("/")
    return next((path.removeprefix(f"{bucket}/") for bucket in buckets if path.startswith(f"{bucket}/")), path)


def told(went: Mapping[str, int]) -> str:
    """What an erasure that was stopped has done."""
    parts = [f"{place} {number}" for place, number in went.items() if number]
    return f"erased before that: {', '.join(parts)}; all else is kept" if parts else "nothing was erased"


def names(person: Person, text: str) -> bool:
    """Whether a text names the user: what stays after an erasure must not."""
    pattern = Trail(person).telegram
    return str(person.user_id) in text.lower() or bool(pattern and re.search(pattern, text))


class Cleaner:
    """Takes out of a document what an export must not carry: secrets, and the names of people who review, each of whom
    gets a number that is the same throughout."""

    def __init__(self, *, names: bool = False) -> None:
        """With `names` people keep theirs."""
        self._names = names
        self._people: dict[str, str] = {}

    def clean(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._named(key, item) for key, item in value.items() if key not in SECRETS}
        if isinstance(value, list | tuple):
            return [self.clean(item) for item in value]
        return value

    def _named(self, key: str, value: Any) -> Any:
        named = key in PSEUDONYMS or key.endswith("_by")
        if self._names or not named or not isinstance(value, str) or value in MACHINES:
            return self.clean(value)
        return self._people.setdefault(value, f"person-{len(self._people) + 1}")
