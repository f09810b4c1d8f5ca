"""Looking up the words for a completion, and keeping them. Runs in a child of its own, with a few seconds to live."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lomi_ops.cli.completing import FORGET_S
from lomi_ops.errors import LomiError

if TYPE_CHECKING:
    from lomi_ops.runtime import Runtime

Word = tuple[str, str]
"""What is completed, and a few words about it."""
MOST = 200
"""Nobody reads more, and a shell must sort them."""
_IMPATIENT = {
    "redis.connect_timeout_s": 1.0, "redis.timeout_s": 4.0, "redis.doorbell_s": 1,
    "database.connect_timeout_s": 1.0, "database.statement_timeout_s": 2.0,
}  # fmt: skip
_SAFE = re.compile(r"[\w.:@%+=,/-]+", re.ASCII)
"""A job id is what a producer wrote: a word that a shell might run is not offered."""


def refresh(kind: str, path: str, chosen: Mapping[str, str]) -> None:
    """Looks the words up and puts them there at once. What cannot be known keeps the old words, or none."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(file) as ours:
        if not ours:
            return
        _tidy(file.parent)
        # Before the look: one that does not come back is not begun anew at each key.
        file.touch(mode=0o600)
        try:
            found = [(word, " ".join(about.split())) for word, about in KINDS[kind](chosen) if _SAFE.fullmatch(word)]
        except (LomiError, OSError, KeyError, ValueError):
            return
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text("".join(f"{word}\t{about}".rstrip() + "\n" for word, about in found), "utf-8")
        draft.replace(file)


@contextmanager
def _alone(file: Path) -> Iterator[bool]:
    """Whether no other look for the same words is on its way."""
    with file.with_name(f"{file.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def _tidy(folder: Path) -> None:
    limit = time.time() - FORGET_S
    for old in folder.glob("complete-*"):
        if old.stat().st_mtime < limit:
            old.unlink(missing_ok=True)


def _profiles(chosen: Mapping[str, str]) -> Iterator[Word]:
    """From the file alone: the settings of a half-typed line may be anything."""
    from lomi_ops.config import env, paths
    from lomi_ops.config.yaml_file import read_yaml

    named = chosen.get("--config") or os.environ.get(env.CONFIG)
    candidates = [Path(named).expanduser()] if named else paths.config_files(os.environ, Path.cwd())
    file = next((path for path in candidates if path.is_file()), None)
    if file is not None:
        for name, entries in read_yaml(file, os.environ).profiles.items():
            yield name, str(entries[("env_file",)].value) if ("env_file",) in entries else ""


def _policies(chosen: Mapping[str, str]) -> Iterator[Word]:
    with _opened(chosen) as runtime:
        for name, policy in runtime.settings.policy.policies.items():
            yield name, policy.description


def _models(chosen: Mapping[str, str]) -> Iterator[Word]:
    from lomi_ops.config.model_files import catalogue

    return ((name, manifest.about) for name, manifest in catalogue().items())


def _topics(chosen: Mapping[str, str]) -> Iterator[Word]:
    from lomi_ops.cli.manual import TOPICS

    yield from ((topic, "") for topic in TOPICS)
    yield from _checks(chosen)


def _checks(chosen: Mapping[str, str]) -> Iterator[Word]:
    from lomi_ops.ops.checks.catalogue import SPECS

    for spec in SPECS:
        yield spec.id, spec.sentence
        yield spec.slug, spec.sentence


def _groups(chosen: Mapping[str, str]) -> Iterator[Word]:
    from lomi_ops.cli.job_table import GROUPS

    return ((name, "") for name in GROUPS)


def _reasons(chosen: Mapping[str, str]) -> Iterator[Word]:
    from lomi_ops.domain.review import REASONS

    return ((str(reason), "") for reason in REASONS)


def _macros(chosen: Mapping[str, str]) -> Iterator[Word]:
    from lomi_ops.config.macros import read_macros

    with _opened(chosen) as runtime:
        for macro in read_macros(runtime.settings.review.macros):
            yield macro.name, macro.note


def _saved_filters(chosen: Mapping[str, str]) -> Iterator[Word]:
    from lomi_ops.cli.review_saved import known

    with _opened(chosen) as runtime:
        for each in known(runtime.settings.review):
            yield each.name, each.text


def _own_filters(chosen: Mapping[str, str]) -> Iterator[Word]:
    from lomi_ops.cli.review_saved import known

    with _opened(chosen) as runtime:
        yield from ((each.name, each.text) for each in known(runtime.settings.review) if each.own)


def _photo_filters(chosen: Mapping[str, str]) -> Iterator[Word]:
    """Terms with their words where these are few, and fields."""
    from lomi_ops.domain.review import REASONS
    from lomi_ops.domain.review_filter import FIELDS

    for reason in REASONS:
        yield f"reason:{reason}", ""
    for name, field in FIELDS.items():
        yield f"{name}:", field.help


def _jobs(chosen: Mapping[str, str]) -> Iterator[Word]:
    from itertools import islice

    from lomi_ops.domain import job_filter
    from lomi_ops.queue import entries

    with _opened(chosen, "redis") as runtime:
        found = entries.find(runtime.redis, runtime.queue.keys, job_filter.parse([]), ordered=True)
        for job in islice(found, MOST):
            yield job.job_id, f"{job.state.value} {job.code}".strip()


def _filters(chosen: Mapping[str, str]) -> Iterator[Word]:
    """Terms with their words where these are few, fields, and job ids."""
    from lomi_ops.domain.job_filter import FIELDS
    from lomi_ops.domain.job_state import JobState

    for state in JobState:
        yield f"state:{state.value}", ""
    for name, field in FIELDS.items():
        if name != "state":
            yield f"{name}:", field.help
    try:
        yield from ((f"worker:{name.partition('/')[0]}", about) for name, about in _workers(chosen))
        yield from _jobs(chosen)
    except LomiError:
        return


def _workers(chosen: Mapping[str, str]) -> Iterator[Word]:
    with _opened(chosen, "redis") as runtime:
        for worker in runtime.registry.list():
            yield worker.info.name, f"{worker.mode.value} {worker.info.policy}"


def _members(chosen: Mapping[str, str]) -> Iterator[Word]:
    """Workers by their containers, and processes that run in none."""
    from lomi_ops.cli.workers import look

    with _opened(chosen, "redis") as runtime:
        for member in look(runtime).members:
            yield member.name, member.state.value


def _operations(chosen: Mapping[str, str]) -> Iterator[Word]:
    from lomi_ops.cli import operating

    with _opened(chosen, "redis") as runtime:
        for each in operating.operations(runtime).latest(MOST):
            yield each.op, f"{each.verb.value} {each.done} of {each.total}, {each.state.value}"


def _submissions(chosen: Mapping[str, str]) -> Iterator[Word]:
    from lomi_ops.db import submissions

    with _opened(chosen, "database") as runtime:
        for each in submissions.recent(runtime.database, MOST):
            yield str(each.id), f"{each.photos} photos, {each.actor}"


def _photos(chosen: Mapping[str, str]) -> Iterator[Word]:
    from itertools import islice

    from lomi_ops.domain.pile import Pile
    from lomi_ops.ops.reviews import piles

    with _opened(chosen, "database") as runtime:
        database = runtime.database
        for row in islice(piles.photos(database, Pile.ALL, now=database.now(), size=MOST), MOST):
            yield str(row.media_id), row.reason or row.status or ""


@contextmanager
def _opened(chosen: Mapping[str, str], *needs: str) -> Iterator[Runtime]:
    from lomi_ops import runtime

    def path(option: str) -> Path | None:
        return Path(chosen[option]).expanduser() if option in chosen else None

    with runtime.opened(
        needs=frozenset(needs), config=path("--config"), env_file=path("--env-file"), data=path("--data"),
        profile=chosen.get("--env"), overrides=_IMPATIENT,
    ) as found:  # fmt: skip
        yield found


KINDS: Mapping[str, Callable[[Mapping[str, str]], Iterable[Word]]] = {
    "profiles": _profiles,
    "policies": _policies,
    "models": _models,
    "topics": _topics,
    "checks": _checks,
    "groups": _groups,
    "reasons": _reasons,
    "macros": _macros,
    "photo_filters": _photo_filters,
    "saved_filters": _saved_filters,
    "own_filters": _own_filters,
    "jobs": _jobs,
    "filters": _filters,
    "workers": _workers,
    "members": _members,
    "operations": _operations,
    "submissions": _submissions,
    "photos": _photos,
}
