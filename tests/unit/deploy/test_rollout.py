"""What a deploy would do, and what it goes back to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lomi_ops.domain.rollout import (
    Kind,
    Runs,
    Source,
    Standing,
    pinned,
    previous_name,
    repository,
    short,
    steps,
    whereabouts,
)

OLD, NEW, NEWER = "sha256:" + "a" * 64, "sha256:" + "b" * 64, "sha256:" + "c" * 64


def workers(*images: str, kept: str = "") -> Standing:
    containers = tuple(Runs(f"id{number}", f"app_worker_{number}", image) for number, image in enumerate(images, 1))
    return Standing("worker", "team/worker:1.2", Source.BUILD, OLD, kept, containers, workers=True)


@pytest.mark.parametrize(
    ("image", "before"),
    [
        ("worker", "worker:lomi-previous"),
        ("worker:1.2", "worker:lomi-previous"),
        ("host:5000/team/worker", "host:5000/team/worker:lomi-previous"),
        ("host:5000/team/worker:1.2", "host:5000/team/worker:lomi-previous"),
        ("worker@sha256:" + "a" * 64, "worker:lomi-previous"),
    ],
)
def test_the_image_from_before_has_a_name_beside_the_new_one(image: str, before: str) -> None:
    assert previous_name(image) == before


def test_a_name_with_a_digest_cannot_lead_elsewhere() -> None:
    assert pinned("worker@sha256:" + "a" * 64)
    assert pinned(OLD)
    assert not pinned("host:5000/worker:1.2")
    assert repository("host:5000/worker") == "host:5000/worker"
    assert (short(OLD), short("")) == ("a" * 12, "-")


def test_what_runs_already_is_left_alone() -> None:
    standing = workers(NEW, OLD, NEW, OLD)

    assert [each.name for each in standing.stale(NEW)] == ["app_worker_2", "app_worker_4"]
    assert standing.stale(OLD) == workers(NEW, OLD, NEW, OLD).stale(OLD)


@pytest.mark.parametrize(
    ("running", "kept", "wanted", "back"),
    [
        ((OLD, OLD), "", NEW, OLD),
        ((OLD, OLD), NEWER, NEW, OLD),
        # A first try broke off: the way back is still the one from before it.
        ((NEW, OLD, OLD), OLD, NEWER, OLD),
        ((NEW, NEW, OLD), OLD, NEWER, OLD),
        # All is done already: what was kept stays.
        ((NEW, NEW), OLD, NEW, OLD),
        ((NEW, NEW), "", NEW, ""),
        ((NEW, NEW), NEW, NEW, ""),
        ((), OLD, NEW, OLD),
    ],
)
def test_the_way_back_leads_to_what_worked(running: tuple[str, ...], kept: str, wanted: str, back: str) -> None:
    assert workers(*running, kept=kept).from_before(wanted) == back


def test_a_plan_is_check_images_backend_workers_check() -> None:
    backend = Standing("backend", "app-backend", Source.PULL, OLD, "", (Runs("b", "app_backend_1", OLD),))

    found = list(steps([backend, workers(OLD, OLD)], "docker-compose -p app", stop_s=60))

    assert [(each.kind, each.service) for each in found] == [
        (Kind.CHECK, ""),
        (Kind.IMAGE, "backend"),
        (Kind.IMAGE, "worker"),
        (Kind.RESTART, "backend"),
        (Kind.ROLL, "worker"),
        (Kind.CHECK, ""),
    ]
    assert found[1].command == "docker pull app-backend"
    assert found[2].command == "docker-compose -p app build worker"
    assert found[3].command == "docker-compose -p app up -d --no-deps backend"
    assert "docker stop -t 60" in found[4].command
    assert next(iter(steps([backend], "x", stop_s=60, skip_check=True))).kind is Kind.IMAGE


def test_a_swarm_is_told_once() -> None:
    found = list(steps([replace(workers(OLD), swarm="app_worker")], "", stop_s=60))

    assert found[2].command == "docker service update --force --image team/worker:1.2 app_worker"


def test_who_runs_what_is_said_for_each_service() -> None:
    stopped = replace(
        workers(NEW, OLD), containers=(Runs("1", "a", NEW), Runs("2", "b", OLD), Runs("3", "c", OLD, False))
    )

    assert list(whereabouts([stopped], {"worker": NEW})) == ["worker: 1 of 2 on the new image bbbbbbbbbbbb"]
    assert list(whereabouts([stopped], {})) == ["worker: nothing changed, 2 running"]
