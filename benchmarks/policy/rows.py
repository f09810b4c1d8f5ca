"""A decision log as workers write it, as long as one likes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

from lomi_ops.db.documents import log_columns, storable
from lomi_ops.domain.decision import decide
from lomi_ops.domain.finding import AgeRange, Box, Engine, EngineReport, EngineStatus, Evidence, Finding, Label
from lomi_ops.domain.policy import Policy, judge

KINDS = 2000
"""Different photos, where nobody says how many; the log repeats them."""
START = datetime(2026, 11, 1, tzinfo=UTC)
COLUMNS = ("outcome", "policy", "thresholds", "grounds", "photo", "engines", "findings")


def seen(chance: random.Random) -> Evidence:
    """A photo as three engines report it: mostly one sharp face of an adult, some of everything else."""
    answered = EngineStatus.ANSWERED
    low = chance.randint(14, 60)
    faces = tuple(
        Finding(Label.FACE, chance.uniform(0.5, 1), Box(40 + 200 * n, 60, 160, 200), "FACE_FEMALE",
                age=AgeRange(low, low + 6, 0.9))
        for n in range(chance.choices((0, 1, 2), (1, 18, 1))[0])
    )  # fmt: skip
    marks = tuple(
        Finding(label, min(1.0, chance.expovariate(rate)), Box(10, 20, 100, 100), str(label))
        for label, rate in ((Label.PORN, 12), (Label.SEXY, 5), (Label.HENTAI, 25))
    )
    blur = (Finding(Label.SHARPNESS, 1.0, value=chance.lognormvariate(5.5, 0.8)),)
    return Evidence(1200, 1600, (
        EngineReport(Engine.BLUR, "laplacian-512", "1", answered, blur, elapsed_ms=1.5),
        EngineReport(Engine.FACES, "compreface/agegender.AgeDetector", "1.2.0", answered, faces, elapsed_ms=160.0),
        EngineReport(Engine.NSFW, "nudenet-320n@3.4.2/rgb", "ab" * 32, answered, marks, elapsed_ms=11.0),
    ))  # fmt: skip


def kinds(policy: Policy, number: int = KINDS, seed: int = 1) -> list[dict[str, str | None]]:
    chance = random.Random(seed)
    found = []
    for _ in range(number):
        evidence = seen(chance)
        decision = decide(UUID(int=0), evidence, judge(evidence, policy), policy, ms=180.0, sha256="ab" * 32)
        columns = storable(log_columns(decision, None))
        found.append({
            name: value if isinstance(value, str | None) else json.dumps(value) for name, value in columns.items()
        })  # fmt: skip
    return found


def filled(url: str, number: int, policy: Policy, kinds_: int = KINDS) -> None:
    """`number` decisions of so many different photos, one every three seconds."""
    made = kinds(policy, kinds_)
    names = ", ".join(COLUMNS)
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        text = f"COPY lomi.decisions (at, media_id, user_id, job_id, actor, status, reason, {names}) FROM STDIN"
        with cursor.copy(text.encode()) as copy:
            for row in _rows(number, made):
                copy.write_row(row)
        connection.execute("ANALYZE lomi.decisions")


def _rows(number: int, made: list[dict[str, str | None]]) -> Iterator[tuple[object, ...]]:
    for place in range(number):
        kind = made[place % len(made)]
        at = START + timedelta(seconds=2.5 * place)
        common = (at, UUID(int=place + 1), UUID(int=place % 40_000), "j", "worker", kind["status"], kind["reason"])
        yield (*common, *(kind[name] for name in COLUMNS))
