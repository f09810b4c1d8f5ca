"""What is changed on a real engine, and that a container made by us is like those made by Compose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from lomi_ops.clients.containers import Control, Engine
from lomi_ops.errors import ContainerError, DockerUnavailable, Refused
from tests.docker_engine import LABEL, Fleet
from tests.integration.containers.conftest import Open

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]

WORKERS = "moderator-worker"
FOREVER = "trap 'exit 0' TERM; while true; do sleep 0.1; done"
STUBBORN = "trap '' TERM; while true; do sleep 0.1; done"
IDENTITY = ("Hostname", "Labels")
NANOSECONDS = 10**9


@pytest.fixture
def control(engine: Engine, fleet: Fleet) -> Iterator[Control]:
    yield Control(engine)
    listed = fleet.api.containers(all=True, filters={"label": f"{LABEL}={fleet.project}"})
    fleet.made += [each["Id"] for each in listed if each["Id"] not in fleet.made]


@pytest.fixture
def furnished(fleet: Fleet) -> Iterator[str]:
    """A worker with all that a Compose file can give it."""
    first, second = fleet.network(), f"{fleet.project}-faces"
    fleet.networks.append(fleet.api.create_network(second, driver="bridge", labels={LABEL: fleet.project})["Id"])
    volume = fleet.api.create_volume(f"{fleet.project}-models")["Name"]
    made = fleet.run(
        WORKERS, FOREVER, start=False,
        healthcheck={"test": ["CMD", "true"], "interval": 5 * NANOSECONDS},
        network_mode=first, binds=[f"{volume}:/models:ro", "/etc/hostname:/run/secrets/token:ro"],
        tmpfs={"/tmp": "size=8m"}, init=True, mem_limit="64m", mem_reservation="32m", read_only=True, cap_drop=["ALL"],
        restart_policy={"Name": "unless-stopped"}, security_opt=["no-new-privileges"], nano_cpus=500_000_000,
        log_config={"type": "json-file", "config": {"max-size": "10m"}}, extra_hosts={"core": "10.1.2.3"},
    )  # fmt: skip
    fleet.api.disconnect_container_from_network(made, first)
    for network, alias in ((first, WORKERS), (second, "worker-of-faces")):
        fleet.api.connect_container_to_network(made, network, aliases=[alias])
    fleet.api.start(made)
    yield made
    fleet.api.remove_container(made, force=True)
    for each in fleet.api.containers(all=True, filters={"label": f"{LABEL}={fleet.project}"}):
        fleet.api.remove_container(each["Id"], force=True, v=True)
    fleet.api.remove_volume(volume)


@pytest.mark.parametrize(
    ("test", "passed", "words"),
    [
        (["CMD", "true"], True, ""),
        (["CMD-SHELL", "echo no note; exit 1"], False, "no note"),
        (["CMD", "no-such-program"], False, "no-such-program"),
        (["NONE"], True, ""),
    ],
)
def test_a_health_check_can_be_made_before_its_interval_is_over(
    control: Control, fleet: Fleet, test: list[str], passed: bool, words: str
) -> None:
    made = fleet.run(WORKERS, FOREVER, healthcheck={"test": test, "interval": 3600 * NANOSECONDS})

    found = control.probe(made)

    assert found.passed is passed
    assert words in found.said
    assert fleet.state(made)["State"].get("Health", {}).get("Log") in ([], None), "Docker's own has not been made"


def test_a_health_check_that_cannot_be_made_is_told_in_the_engines_words(control: Control, fleet: Fleet) -> None:
    made = fleet.run(WORKERS, FOREVER, healthcheck={"test": ["CMD", "true"]}, start=False)

    with pytest.raises(ContainerError, match=r"the health check of \w{12} cannot be made: .* not running"):
        control.probe(made)


def comparable(said: dict[str, Any]) -> dict[str, Any]:
    config = {key: value for key, value in said["Config"].items() if key not in IDENTITY}
    return {"Config": config, "HostConfig": said["HostConfig"], "Image": said["Image"]}


def test_a_clone_is_like_its_model_in_all_but_its_identity(control: Control, fleet: Fleet, furnished: str) -> None:
    made = control.clone(furnished)
    control.start(made.id)

    model, copy = fleet.state(furnished), fleet.state(made.id)
    assert comparable(dict(copy)) == comparable(dict(model))
    assert made.name == copy["Name"].lstrip("/") == f"{fleet.project}-{WORKERS}-2"
    assert copy["Config"]["Hostname"] == made.short_id
    differing = {key for key, value in copy["Config"]["Labels"].items() if model["Config"]["Labels"][key] != value}
    assert differing == {"com.docker.compose.container-number"}
    assert copy["State"]["Running"]
    for network, alias in ((fleet.project, WORKERS), (f"{fleet.project}-faces", "worker-of-faces")):
        endpoint = copy["NetworkSettings"]["Networks"][network]
        assert alias in endpoint["Aliases"]
        assert furnished[:12] not in endpoint["Aliases"]
        assert endpoint["IPAddress"] != model["NetworkSettings"]["Networks"][network]["IPAddress"]


def test_the_lowest_free_number_is_taken_and_a_strangers_name_is_passed_over(control: Control, fleet: Fleet) -> None:
    model = fleet.run(WORKERS, FOREVER, name=f"{fleet.project}_{WORKERS}_1")
    fleet.run(WORKERS, FOREVER, number=4, name=f"{fleet.project}_{WORKERS}_4", start=False)
    fleet.run("x", FOREVER, name=f"{fleet.project}_{WORKERS}_2", labels={}, start=False)

    made = [control.clone(model) for _ in range(2)]

    assert [(each.number, each.name) for each in made] == [
        (3, f"{fleet.project}_{WORKERS}_3"),
        (5, f"{fleet.project}_{WORKERS}_5"),
    ]


def test_a_tag_that_points_elsewhere_by_now_changes_nothing(control: Control, fleet: Fleet) -> None:
    tag = uuid4().hex[:8]
    model = fleet.run(WORKERS, FOREVER, tag=tag)
    other = fleet.image(f"{tag}-next")
    fleet.api.tag(other, "lomi-test/busybox", tag, force=True)

    made = control.clone(model)

    assert fleet.state(made.id)["Image"] == fleet.state(model)["Image"]
    assert "another image by now" in made.notes[0]


def test_a_successor_has_another_image_and_the_number_of_the_old_one(control: Control, fleet: Fleet) -> None:
    model = fleet.run(WORKERS, FOREVER, number=4)
    other, name = fleet.image("other"), f"{fleet.project}-{WORKERS}-4"

    made = control.succeed(model, image=other, labels={"com.docker.compose.config-hash": "new"})

    assert fleet.state(made.id)["Image"] == fleet.api.inspect_image(other)["Id"]
    labels = fleet.state(made.id)["Config"]["Labels"]
    assert (labels["com.docker.compose.config-hash"], labels["com.docker.compose.container-number"]) == ("new", "4")
    assert made.name == f"{model[:12]}_{name}"
    with pytest.raises(ContainerError, match="is there already"):
        control.succeed(model, image=other, labels={})
    control.remove(model, force=True)
    control.rename(made.id, name)
    assert fleet.state(made.id)["Name"] == f"/{name}"


def test_volumes_without_a_name_are_its_own_and_go_with_it(control: Control, fleet: Fleet) -> None:
    model = fleet.run(WORKERS, FOREVER, binds=[f"{uuid4().hex * 2}:/cache:rw"])

    made = control.clone(model)

    (mine,), (theirs,) = fleet.state(made.id)["Mounts"], fleet.state(model)["Mounts"]
    assert mine["Destination"] == theirs["Destination"] == "/cache"
    assert mine["Name"] != theirs["Name"]
    assert control.remove(made.id)
    assert mine["Name"] not in {each["Name"] for each in fleet.api.volumes()["Volumes"] or ()}
    fleet.api.remove_container(model, force=True)
    fleet.api.remove_volume(theirs["Name"])


def test_one_that_ends_by_itself_after_sigterm_leaves_with_0_and_a_stubborn_one_is_killed(
    control: Control, fleet: Fleet
) -> None:
    willing, stubborn = fleet.run(WORKERS, FOREVER), fleet.run(WORKERS, STUBBORN, number=2)

    assert control.stop(willing, 30) == 0
    assert control.stop(stubborn, 0.5) == 137
    assert control.stop(stubborn, 0.5) == 137


def test_removing_what_is_gone_is_no_error(control: Control, fleet: Fleet) -> None:
    made = fleet.run(WORKERS, FOREVER)

    assert control.remove(made, force=True)
    assert not control.remove(made, force=True)


def test_one_that_runs_is_not_removed_and_the_engine_says_why(control: Control, fleet: Fleet) -> None:
    made = fleet.run(WORKERS, FOREVER)

    with pytest.raises(ContainerError, match="running"):
        control.remove(made)

    assert fleet.state(made)["State"]["Running"]


def test_a_restart_keeps_the_container(control: Control, fleet: Fleet) -> None:
    made = fleet.run(WORKERS, FOREVER)
    before = fleet.state(made)["State"]["StartedAt"]

    control.restart(made, 20)

    assert fleet.state(made)["State"]["StartedAt"] > before


def test_what_cannot_be_started_says_why_in_the_engines_words(control: Control, fleet: Fleet) -> None:
    made = fleet.run(WORKERS, FOREVER, start=False, binds={"/nowhere": {"bind": "/proc/self", "mode": "rw"}})

    with pytest.raises(ContainerError, match=f"{made[:12]} cannot be started: .*proc"):
        control.start(made)


def test_a_model_that_is_gone_is_told_apart(control: Control, fleet: Fleet) -> None:
    with pytest.raises(ContainerError) as refusal:
        control.clone("f" * 64)

    assert refusal.value.gone


def test_a_worker_with_a_port_of_the_host_stays_alone(control: Control, fleet: Fleet) -> None:
    from tests.services import free_port

    made = fleet.run(WORKERS, FOREVER, network_mode=fleet.network(), port_bindings={9100: ("127.0.0.1", free_port())})

    with pytest.raises(Refused, match="of the host"):
        control.clone(made)


def test_an_engine_that_does_not_answer_is_no_refusal(open_engine: Open) -> None:
    with pytest.raises(DockerUnavailable):
        Control(open_engine("unix:///nowhere/docker.sock")).start("f" * 64)


def test_without_a_swarm_a_service_cannot_be_scaled_and_the_hint_says_where_it_can(control: Control) -> None:
    with pytest.raises(ContainerError, match="not a manager") as refusal:
        control.scale_service("app_moderator-worker", 2)

    assert "MANAGER" in refusal.value.hint
