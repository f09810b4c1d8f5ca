"""What must hold when everything is quiet again, counted from Redis, Postgres and both ends. Exact, not sampled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import redis
from psycopg.rows import dict_row

from tests.chaos.ends import KEYS, Heard
from tests.chaos.uploads import Element, Fate, Uploads

ATTEMPTS = 3
_SHOWN = 5
CRASH = "poison_crash"
LASTING = frozenset(
    (KEYS.done, KEYS.dead, KEYS.results, KEYS.events, KEYS.stats, KEYS.server, KEYS.workers, KEYS.holds, KEYS.limits,
     KEYS.samples, KEYS.ended, KEYS.measured)
)  # fmt: skip
"""Keys that a queue at rest may have for ever: one of each, bounded or trimmed, except for dead letters."""
PASSING = (KEYS.job(""), KEYS.seq(""), KEYS.worker(""))
"""What may be there beside them, each with a life time. A dead letter's record has none."""
_APPROVED_WITHOUT = """
SELECT count(*) AS n FROM lomi.decisions
WHERE actor = 'worker' AND status = 'approved'
  AND (SELECT count(DISTINCT e ->> 'engine') FROM jsonb_array_elements(coalesce(engines, '[]')) AS e
       WHERE e ->> 'status' = 'answered' AND e ->> 'engine' IN ('blur', 'faces', 'nsfw')) < 3
"""
_FACE_MODELS = """
SELECT DISTINCT e ->> 'model' AS model FROM lomi.decisions, jsonb_array_elements(coalesce(engines, '[]')) AS e
WHERE actor = 'worker' AND status = 'approved' AND e ->> 'engine' = 'faces'
"""


@dataclass
class Findings:
    """Counts for people, and what is wrong: an empty `wrong` is a pass."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[str]] = field(default_factory=dict)

    def blame(self, rule: str, cases: Iterable[object]) -> None:
        if found := [str(case) for case in cases]:
            self.wrong[rule] = found

    def sentences(self) -> list[str]:
        return [
            f"{rule}: {len(cases)}, e.g. {'; '.join(cases[:_SHOWN])}" if cases else rule
            for rule, cases in self.wrong.items()
        ]


@dataclass(frozen=True)
class State:
    """Everything as it lies at the end, read once."""

    jobs: Mapping[str, Mapping[str, str]]
    """By the queue's name: the hash of the job, without `raw`."""
    raw: Mapping[str, bytes]
    """Of those that still have it."""
    left: Mapping[str, int]
    """Entries of each key of work under way."""
    keys: Mapping[str, int]
    """Every key of the server, of the queue or not, with its life time in ms; -1 for none."""
    counters: Mapping[str, int]
    media: Mapping[UUID, tuple[str, str | None, bool]]
    decisions: Mapping[UUID, int]
    """Rows of the log by workers."""
    approved_without: int
    """Approvals in the log for which an engine gave no answer."""
    face_models: frozenset[str]
    """Who saw the faces of what was approved."""
    ledger: Mapping[str, tuple[int, str | None]]
    """Attempt and payload of every settled job."""
    told: frozenset[str]
    """Dead letters that are written down in Postgres, or on their way there."""


def read_state(client: redis.Redis, database_url: str) -> State:
    jobs: dict[str, dict[str, str]] = {}
    raw: dict[str, bytes] = {}
    for name, fields in records(client):
        if b"raw" in fields:
            raw[name] = fields.pop(b"raw")
        jobs[name] = {k.decode(): v.decode("utf-8", "replace") for k, v in fields.items()}
    counters: Any = client.hgetall(KEYS.stats)
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        rows = connection.execute("SELECT id, moderation_status, moderation_reason, is_approved FROM media").fetchall()
        logged = connection.execute(
            "SELECT media_id, count(*) AS n FROM lomi.decisions WHERE actor = 'worker' GROUP BY media_id"
        ).fetchall()
        bare = connection.execute(_APPROVED_WITHOUT).fetchone()
        models = connection.execute(_FACE_MODELS).fetchall()
        settled = connection.execute(
            "SELECT job_id, attempt, payload FROM lomi.jobs WHERE settled_at IS NOT NULL"
        ).fetchall()
        ends = connection.execute("SELECT job_id FROM lomi.job_ends WHERE what = 'dead'").fetchall()
    on_their_way: Any = client.xrange(KEYS.ended)
    assert bare is not None
    return State(
        jobs,
        raw,
        _left(client),
        _life_times(client),
        {name.decode(): int(value) for name, value in counters.items() if value.isdigit()},
        {row["id"]: (row["moderation_status"], row["moderation_reason"], row["is_approved"]) for row in rows},
        {row["media_id"]: row["n"] for row in logged},
        bare["n"],
        frozenset(row["model"] for row in models),
        {row["job_id"]: (row["attempt"], row["payload"]) for row in settled},
        frozenset(row["job_id"] for row in ends) | {fields[b"job_id"].decode() for _, fields in on_their_way},
    )


def records(client: redis.Redis) -> Iterator[tuple[str, dict[bytes, bytes]]]:
    """Name and fields of every job that has a record."""
    names = [key.decode() for key in client.scan_iter(match=f"{KEYS.job_prefix}*", count=1000)]
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.hgetall(name)
        for name, fields in zip(names, pipe.execute(), strict=True):
            yield name.removeprefix(KEYS.job_prefix), fields


def _life_times(client: redis.Redis) -> dict[str, int]:
    """What expires in between is left out."""
    names = [key.decode("utf-8", "replace") for key in client.scan_iter(count=1000)]
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.pttl(name)
        return {name: ms for name, ms in zip(names, pipe.execute(), strict=True) if ms != -2}


def _left(client: redis.Redis) -> dict[str, int]:
    counts: dict[str, Any] = {
        "ready": client.llen(KEYS.ready),
        "high": client.llen(KEYS.high),
        "bulk": client.llen(KEYS.bulk),
        "delayed": client.zcard(KEYS.delayed),
        "lease": client.zcard(KEYS.lease),
        "slots": client.hlen(KEYS.slots),
        "unsent": client.zcard(KEYS.unsent),
        "doubt": client.zcard(KEYS.doubt),
    }
    return {name: int(count) for name, count in counts.items()}


def work_left(client: redis.Redis) -> int:
    """What is still on its way."""
    return sum(_left(client).values())


def audit(uploads: Uploads, state: State, heard: Sequence[Heard], entries: Sequence[Heard]) -> Findings:
    """Every rule of the promise. `heard` is what the subscriber got, `entries` the whole stream of results."""
    found = Findings()
    _elements(found, uploads, state)
    _photos(found, uploads, state)
    _ledger(found, state, entries)
    _messages(found, state, heard, entries)
    _leftovers(found, state)
    return found


def strays(keys: Mapping[str, int], dead: Collection[str]) -> list[str]:
    """The keys, with their life times in ms (-1: none), that a queue at rest must not have. Pure."""
    letters = {KEYS.job(name) for name in dead}
    expected = {name for name in keys if name in LASTING or name in letters}
    expected |= {name for name, ms in keys.items() if ms >= 0 and (name == KEYS.tick or name.startswith(PASSING))}
    return [f"{name} ({'for ever' if keys[name] < 0 else f'{keys[name]} ms'})" for name in sorted(set(keys) - expected)]


# --- nothing is lost --------------------------------------------------------------------------------------------------


def _elements(found: Findings, uploads: Uploads, state: State) -> None:
    found.counts["elements pushed (distinct)"] = len(uploads.elements)
    by_name = {element.name: element for element in uploads.elements}
    ends = {name: state.jobs.get(name, {}).get("state", "nowhere") for name in by_name}
    found.counts["jobs done"] = sum(end == "done" for end in ends.values())
    found.counts["dead letters"] = sum(end == "dead" for end in ends.values())
    found.blame("lost elements", (f"{n} is {e}" for n, e in ends.items() if e not in ("done", "dead")))
    dead = {name for name, end in ends.items() if end == "dead"}
    found.blame("dead letters without their bytes", (name for name in dead if state.raw.get(name) != by_name[name].raw))
    found.blame("dead letters that history does not know", dead - state.told)
    crashed = {name for name in dead if state.jobs[name].get("error_code") == CRASH}
    found.counts["of them buried after three dead workers"] = len(crashed)
    found.blame(
        "dead although sound",
        (f"{n}: {_story(state, n)}" for n in dead - crashed if by_name[n].fate is Fate.DONE),
    )
    found.blame("poison that was not buried", (f"{e.kind} {n}" for n, e in by_name.items() if _alive(e, ends[n])))
    found.blame("unknown jobs in the queue", set(state.jobs) - set(by_name))
    poison = Counter(f"poison: {e.kind}" for n, e in by_name.items() if e.fate is Fate.DEAD and ends[n] == "dead")
    found.counts.update(poison)
    attempts = {name: int(job.get("attempt", 0)) for name, job in state.jobs.items()}
    found.blame(f"more than {ATTEMPTS} attempts", (f"{n}: {a}" for n, a in attempts.items() if a > ATTEMPTS))
    for name, attempt in attempts.items():
        if ends.get(name) == "done":
            found.counts[f"done at attempt {attempt}"] += 1


def _alive(element: Element, end: str) -> bool:
    return element.fate is Fate.DEAD and end != "dead"


def _story(state: State, name: str) -> str:
    job = state.jobs[name]
    return f"{job.get('error_code')} ({job.get('error')})"


def _photos(found: Findings, uploads: Uploads, state: State) -> None:
    owners = uploads.jobs_of()
    ends: Counter[str] = Counter()
    wrong, twice, missing = [], [], []
    for media_id, photo in uploads.photos.items():
        status, reason, approved = state.media[media_id]
        settled = any(element.name in state.ledger for element in owners[media_id])
        rows = state.decisions.get(media_id, 0)
        if rows > 1:
            twice.append(f"{media_id} ({photo.sight}): {rows} rows")
        if photo.ours and not settled:
            ends["photos of dead letters, undecided"] += 1
            if (status, reason) != ("pending", None) or not all(_dead(state, e) for e in owners[media_id]):
                missing.append(f"{media_id}: {status}/{reason} without a settled job")
            continue
        if (status, reason) != photo.end or approved != (status == "approved"):
            wrong.append(f"{media_id} shows {photo.sight}, ended {status}/{reason}, is_approved {approved}")
        if rows != int(photo.ours):
            missing.append(f"{media_id} ({photo.sight}): {rows} rows in the log")
        ends[f"photos {'in review' if status == 'pending' else status}"] += 1
    found.counts.update(ends)
    found.blame("photos that ended wrongly", wrong)
    found.blame("photos decided twice", twice)
    found.blame("photos without exactly their decision", missing)
    found.blame("approved although an engine was silent", range(state.approved_without))


def _dead(state: State, element: Element) -> bool:
    return state.jobs.get(element.name, {}).get("state") == "dead"


# --- nothing happens twice --------------------------------------------------------------------------------------------


def _ledger(found: Findings, state: State, entries: Sequence[Heard]) -> None:
    done = {name for name, job in state.jobs.items() if job.get("state") == "done"}
    found.counts["ledger rows settled"] = len(state.ledger)
    found.blame("done but not in the ledger", done - set(state.ledger))
    orphans = set(state.ledger) - done
    found.counts["settled, then buried before its end was noted"] = len(orphans)
    found.blame(
        "in the ledger, neither done nor dead",
        (name for name in orphans if state.jobs.get(name, {}).get("state") != "dead"),
    )
    found.blame(f"settled at more than {ATTEMPTS} attempts", (n for n, (a, _) in state.ledger.items() if a > ATTEMPTS))
    finished = Counter(entry.job_id for entry in entries)
    found.counts["entries in the stream of results"] = len(entries)
    found.blame("finished twice", (f"{name}: {n}" for name, n in finished.items() if n > 1))
    found.blame("done but not in the stream", done - set(finished))


def _messages(found: Findings, state: State, heard: Sequence[Heard], entries: Sequence[Heard]) -> None:
    found.counts["messages heard"] = len(heard)
    per_job = Counter(message.job_id for message in heard)
    per_photo = Counter(media for message in heard for media in message.media)
    in_stream = Counter(media for entry in entries for media in entry.media)
    found.blame("messages heard twice", (f"{name}: {n}" for name, n in per_job.items() if n > 1))
    found.blame("photos published twice", (f"{m}: {n}" for m, n in (per_photo | in_stream).items() if n > 1))
    payloads = {name: payload for name, (_, payload) in state.ledger.items() if payload}
    found.blame(
        "a message that is not the ledger's",
        (m.job_id for m in (*heard, *entries) if m.payload and payloads.get(m.job_id) != m.payload.decode()),
    )
    silent = [n for n in payloads if n not in per_job and state.jobs.get(n, {}).get("state") == "done"]
    spoken = [name for name in silent if int(state.jobs[name].get("receivers", 0)) > 0]
    found.counts["messages that died with the server after PUBLISH"] = len(spoken)
    found.blame("messages that nobody sent", set(silent) - set(spoken))


def _leftovers(found: Findings, state: State) -> None:
    found.blame("left behind in Redis", (f"{name}: {n}" for name, n in state.left.items() if n))
    found.blame("keys left behind", strays(state.keys, {n for n, job in state.jobs.items() if job["state"] == "dead"}))
    found.counts["keys left, all of them lasting or with a life time"] = len(state.keys)
    found.blame("records that a script missed", range(state.counters.get("lost", 0)))
    for name in ("adopted", "duplicates", "reaped", "refunded", "retried", "released", "unheard"):
        found.counts[f"queue: {name}"] = state.counters.get(name, 0)
