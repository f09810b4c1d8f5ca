"""What the last green run on a target had found, so that the next one can say what is new."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from lomi_ops.config.schema import Settings
from lomi_ops.domain.check import CheckResult, Status

SCHEMA = "lomi.green-run/v1"
_RANK = {Status.PASS: 0, Status.SUPPRESSED: 1, Status.WARN: 1, Status.UNKNOWN: 2, Status.FAIL: 3}


@dataclass(frozen=True, slots=True)
class GreenRun:
    at: datetime
    """Aware, UTC."""
    statuses: Mapping[str, Status]
    """By slug; what was skipped is not there."""


def marked(results: Iterable[CheckResult], green: GreenRun | None) -> Iterator[CheckResult]:
    """The results, as they come, each `new` where it is worse than it was then."""
    for result in results:
        yield result if green is None else replace(result, new=_worse(result, green))


def _worse(result: CheckResult, green: GreenRun) -> bool:
    before = green.statuses.get(result.spec.slug)
    return before is not None and _RANK.get(result.status, 0) > _RANK.get(before, 0)


def target(settings: Settings) -> str:
    """A name for the cluster that the settings lead to; it holds no secret and stays the same when one changes."""
    places = (settings.redis.host, settings.redis.port, settings.redis.db, _place(settings.redis.url),
              settings.redis.sentinels, settings.database.host, settings.database.port, settings.database.name,
              _place(settings.database.url), settings.objects.endpoint, str(settings.objects.directory),
              settings.objects.bucket_photos)  # fmt: skip
    return hashlib.sha256(repr(places).encode()).hexdigest()[:16]


def _place(url: Any) -> str:
    """A URL without who logs in."""
    whole = url.get_secret_value() if url is not None else ""
    scheme, _, rest = whole.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def recall(folder: Path, name: str) -> GreenRun | None:
    """None where no green run is remembered, or what is there cannot be read: then nothing is new."""
    try:
        body = json.loads(_file(folder, name).read_text())
        statuses = {slug: Status(status) for slug, status in body["statuses"].items()}
        return GreenRun(datetime.fromisoformat(body["at"]), statuses)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def remember(folder: Path, name: str, results: Sequence[CheckResult], at: datetime) -> None:
    """Keeps a green run, atomically; what this run did not look at stays as it was. Raises OSError."""
    before = recall(folder, name)
    statuses = dict(before.statuses) if before else {}
    statuses |= {result.spec.slug: result.status for result in results if result.status in _RANK}
    body = {"schema": SCHEMA, "at": at.isoformat(timespec="seconds"), "statuses": statuses}
    path = _file(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(body))
    fresh.replace(path)


def _file(folder: Path, name: str) -> Path:
    return folder / "checks" / f"{name}.json"
