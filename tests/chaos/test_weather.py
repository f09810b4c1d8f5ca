"""Between a worker and its upstreams: slow, cut, silent. Afterwards everything is decided, at nobody's expense.

`CHAOS_LONG=1` makes the silence 30 s instead of 10.
"""

from __future__ import annotations

import os

import pytest

from lomi_ops.config.sections.services import CompreFaceSection, ObjectsSection
from lomi_ops.config.sections.working import WorkerSection
from tests.chance import LONG
from tests.chaos.weather import Ending, play_all, scenes

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.xdist_group("weather"), pytest.mark.timeout(300)]

HOLE_S = 30.0 if LONG else 10.0
LEASE_S, BEAT_S = WorkerSection().lease_s, WorkerSection().beat_s
OBJECTS_S = ObjectsSection().read_timeout_s
FACES_S = CompreFaceSection().timeout_s * CompreFaceSection().attempts
SEED = int(os.environ.get("CHAOS_SEED") or 1)
SCENES = {scene.name: scene for scene in scenes(HOLE_S)}


@pytest.fixture(scope="module")
def endings() -> dict[str, Ending]:
    return play_all(tuple(SCENES.values()), seed=SEED, weather_s=HOLE_S + 2)


@pytest.fixture(params=list(SCENES))
def ending(request: pytest.FixtureRequest, endings: dict[str, Ending]) -> Ending:
    found = endings[request.param]
    print(f"CHAOS_SEED={SEED} python -m pytest -m chaos tests/chaos/test_weather.py -k '{found.scene.name}'")
    print(
        f"{found.scene.name}: {dict(found.proxy)}, {found.setbacks} setbacks, quiet after {found.seconds_after:.1f} s"
    )
    print(f"  attempts {dict(found.attempts)}, log {dict(found.logged)}")
    return found


def test_after_bad_weather_everything_is_decided_once_and_nothing_without_evidence(ending: Ending) -> None:
    assert ending.scene.weather.happened(ending.proxy), "the weather never came"
    assert ending.findings.sentences() == []
    assert ending.findings.counts["dead letters"] == 0
    assert ending.findings.counts["photos approved"] > 0
    assert all(model.startswith("compreface/") for model in ending.face_models)


def test_bad_weather_costs_no_attempt(ending: Ending) -> None:
    assert max(ending.attempts) <= 1 + forgiven(ending)


def forgiven(ending: Ending) -> int:
    """What weather may cost after all: nobody can tell a worker without Redis from a dead one; and a photo whose tries
    all fell into the weather is blamed when CompreFace answers the question behind them."""
    weather, upstream = ending.scene.weather, ending.scene.upstream
    if upstream == "redis":
        return int(weather.silent_s > LEASE_S - BEAT_S)
    if upstream == "objects":
        return int(weather.recut or weather.silent_s >= OBJECTS_S)
    return int(upstream == "compreface" and (weather.recut or weather.silent_s >= FACES_S))
