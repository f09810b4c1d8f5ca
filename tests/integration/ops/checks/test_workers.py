"""Each check of the workers with workers of which just that is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from lomi_ops.domain.golden import Golden
from lomi_ops.queue.replies import WorkerMode
from lomi_ops.queue.workers import EngineInfo
from tests.integration.ops.checks.conftest import Find, assert_only, detail, hint, value
from tests.integration.ops.conftest import Sound, checks, on, statuses, troubled, worker


def test_no_worker_at_all_is_a_doubt_for_an_old_one_leaves_no_trace(sound: Sound, find: Find) -> None:
    sound.registry.deregister("b1")

    said = find()

    assert_only(said, "workers.alive", "unknown")
    assert "old workers leave no trace" in detail(said, "workers.alive")
    assert "no worker of lomi has worked here yet, 1 is wanted" in detail(said, "workers.expected")


def test_where_workers_of_ours_have_claimed_jobs_none_at_all_are_too_few(
    sound: Sound, client: redis.Redis, find: Find
) -> None:
    sound.registry.deregister("b1")
    client.hset(sound.registry.keys.stats, "claimed", 1)

    said = find()

    assert troubled(said) == {
        "workers.alive": "unknown", "workers.expected": "fail", **dict.fromkeys(on("workers.alive"), "blocked"),
    }  # fmt: skip
    assert detail(said, "workers.expected") == "0 of 1 worker beats"


def test_one_silent_worker_of_two_is_a_warning_and_all_silent_a_failure(
    sound: Sound, client: redis.Redis, find: Find
) -> None:
    sound.registry.register(worker("b2", pid=78))
    client.hset(sound.registry.keys.worker("b2"), "beat_ms", 1)

    said = find()

    assert_only(said, "workers.alive", "warn")
    assert detail(said, "workers.alive") == "1 of 2 without a beat: host-1/78"
    client.hset(sound.registry.keys.worker("b1"), "beat_ms", 1)
    assert statuses(find())["workers.alive"] == "fail"


def test_too_few_workers_fail(sound: Sound, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_CHECKS__WORKERS", "4")

    said = find()

    assert_only(said, "workers.expected", "fail")
    assert detail(said, "workers.expected") == "1 of 4 workers beat"
    assert (value(said, "workers.expected"), checks(said)["workers.expected"]["expected"]) == (1, "4")


def test_a_worker_with_another_file_of_the_model_is_named(sound: Sound, find: Find) -> None:
    sound.registry.register(worker("b2", pid=78, sha256="cd" * 32))

    said = find()

    assert troubled(said) == {"workers.models": "warn", "workers.configured": "fail"}
    assert "nsfw: nudenet-320n@3.4.2/rgb cdcdcdcd" in detail(said, "workers.models")
    assert detail(said, "workers.configured") == "host-1/78 has another file of nudenet-320n than this machine"


def test_workers_that_all_have_another_model_than_configured_fail(sound: Sound, find: Find) -> None:
    sound.registry.register(worker("b1", model="falconsai@1/rgb"))

    said = find()

    assert_only(said, "workers.configured", "fail")
    assert detail(said, "workers.configured") == "host-1/77 has falconsai instead of nudenet-320n"
    assert "models.nsfw" in hint(said, "workers.configured")


def test_workers_that_have_two_models_each_do_not_differ(sound: Sound, find: Find) -> None:
    both = replace(worker("b1"), engines=(*worker("b1").engines, EngineInfo("nsfw", "falconsai@1/rgb", "ab")))
    sound.registry.register(both)
    sound.registry.register(replace(both, boot="b2"))

    assert troubled(find()) == {}


def test_workers_with_two_policies_are_a_warning(sound: Sound, find: Find) -> None:
    sound.registry.register(worker("b2", policy="default@2"))

    said = find()

    assert_only(said, "workers.policy", "warn")
    assert detail(said, "workers.policy") == "workers differ: default@1, default@2"


@pytest.mark.parametrize("mixed", [True, False])
def test_workers_of_another_version_are_a_warning(sound: Sound, find: Find, mixed: bool) -> None:
    sound.registry.register(worker("b2" if mixed else "b1", version="9.9.9"))

    said = find()

    assert_only(said, "workers.versions", "warn")
    assert "9.9.9" in detail(said, "workers.versions")


def test_a_quiet_worker_is_a_warning_with_its_name(sound: Sound, find: Find) -> None:
    sound.registry.set_mode("b1", WorkerMode.QUIET)

    said = find()

    assert_only(said, "workers.running", "warn")
    assert detail(said, "workers.running") == "take no new jobs: host-1/77 (quiet)"


@pytest.mark.parametrize(
    ("golden", "words"),
    [
        (Golden({"porn": 0.7}, 1), "host-1/77 scores porn 0.70, and 0.25 goes to a person"),
        (Golden({}, 0), "host-1/77 sees 0 faces instead of one"),
        (Golden({}, 3), "host-1/77 sees 3 faces instead of one"),
    ],
)
def test_a_worker_that_sees_what_is_not_there_fails(sound: Sound, find: Find, golden: Golden, words: str) -> None:
    sound.registry.register(worker("b1", golden=golden))

    said = find()

    assert_only(said, "workers.golden", "fail")
    assert detail(said, "workers.golden") == words
    assert "lomi models verify" in hint(said, "workers.golden")


def test_a_worker_that_scores_otherwise_with_the_same_file_fails(sound: Sound, find: Find) -> None:
    sound.registry.register(worker("b1", golden=Golden({"porn": 0.01}, 1)))
    sound.registry.register(worker("b2", host="host-2", golden=Golden({"porn": 0.09}, 1)))

    said = find()

    assert_only(said, "workers.golden", "fail")
    assert detail(said, "workers.golden") == "host-2/77 scores porn otherwise than host-1/77"


def test_a_model_of_the_settings_that_does_not_exist_is_told(
    sound: Sound, find: Find, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOMI_MODELS__NSFW", str(tmp_path / "gone.yaml"))

    said = find()

    assert_only(said, "workers.configured", "fail")
    assert "gone.yaml" in detail(said, "workers.configured")


def test_a_record_that_another_program_wrote_is_no_crash(sound: Sound, client: redis.Redis, find: Find) -> None:
    client.hset(sound.registry.keys.worker("b1"), mapping={"engines": "not json", "pid": "many", "golden": "[]"})

    said = find()

    assert_only(said, "workers.configured", "fail")
    assert detail(said, "workers.configured") == "host-1/0 has no model instead of nudenet-320n"


def test_a_worker_of_a_newer_version_may_say_more(sound: Sound, client: redis.Redis, find: Find) -> None:
    name = sound.registry.keys.worker("b1")
    engines = json.loads(client.hget(name, "engines") or b"[]")
    client.hset(name, mapping={
        "engines": json.dumps([engine | {"quantised": True} for engine in engines]), "mood": "fine",
        "golden": json.dumps({"scores": {}, "faces": 1, "ages": [33]}),
    })  # fmt: skip

    assert troubled(find()) == {}
