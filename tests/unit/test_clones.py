"""From what the engine says of a container to the order for the next one."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from lomi_ops.clients.containers import clones
from lomi_ops.errors import Refused

ID = "0123456789ab" + "c" * 52
ANONYMOUS = "d" * 64


def said(**changed: Any) -> dict[str, Any]:
    """As `GET /containers/ID/json` tells of a worker of docker-compose 1.29; changes go into its parts."""
    whole: dict[str, Any] = {
        "Id": ID,
        "Name": "/app_moderator-worker_1",
        "Image": "sha256:" + "a" * 64,
        "Config": {
            "Hostname": ID[:12],
            "Image": "worker:1",
            "Env": ["REDIS_PASSWORD=canary", "TZ=UTC"],
            "Cmd": ["python", "app.py"],
            "Labels": {
                "com.docker.compose.project": "app",
                "com.docker.compose.service": "moderator-worker",
                "com.docker.compose.container-number": "1",
                "com.docker.compose.config-hash": "beef",
                "com.docker.compose.replace": "app_moderator-worker_9",
            },
            "Volumes": None,
            "ExposedPorts": {"9100/tcp": {}},
        },
        "HostConfig": {"NetworkMode": "app_default", "Memory": 1 << 30, "Binds": ["models:/models:ro"],
                       "ContainerIDFile": "/run/cid", "Links": None, "PortBindings": {}},
        "NetworkSettings": {"Networks": {
            "app_default": {"Aliases": [ID[:12], "moderator-worker"], "IPAMConfig": None, "MacAddress": "02:42:ac:11"},
        }},
    }  # fmt: skip
    for part, values in changed.items():
        whole[part] = {**whole[part], **values} if isinstance(values, dict) else values
    return whole


def ordered(number: int = 2, **changed: Any) -> clones.Order:
    return clones.order(said(**changed), number, image="worker:1")


def test_what_makes_a_worker_what_it_is_is_kept() -> None:
    found = ordered()

    assert found.name == "app_moderator-worker_2"
    assert found.body["Env"] == ["REDIS_PASSWORD=canary", "TZ=UTC"]
    assert found.body["Cmd"] == ["python", "app.py"]
    assert found.body["HostConfig"]["Memory"] == 1 << 30
    assert found.body["HostConfig"]["Binds"] == ["models:/models:ro"]
    assert found.notes == ()


def test_what_is_the_models_own_is_not() -> None:
    found = ordered()

    assert "Hostname" not in found.body
    assert "ContainerIDFile" not in found.body["HostConfig"]
    labels = found.body["Labels"]
    assert labels["com.docker.compose.container-number"] == "2"
    assert labels["com.docker.compose.config-hash"] == "beef"
    assert "com.docker.compose.replace" not in labels
    assert found.body["NetworkingConfig"]["EndpointsConfig"] == {"app_default": {"Aliases": ["moderator-worker"]}}


def test_no_secret_is_in_what_is_logged_of_it() -> None:
    assert "canary" not in repr(ordered())


def test_a_host_name_that_somebody_chose_stays() -> None:
    assert ordered(Config={"Hostname": "workers"}).body["Hostname"] == "workers"


@pytest.mark.parametrize("mode", ["host", "container:cafe"])
def test_with_the_network_of_another_the_host_name_is_the_others_as_well(mode: str) -> None:
    found = ordered(
        Config={"Hostname": "machine-7"}, HostConfig={"NetworkMode": mode}, NetworkSettings={"Networks": {}}
    )

    assert "Hostname" not in found.body
    assert found.body["NetworkingConfig"]["EndpointsConfig"] == {}
    assert ("ExposedPorts" in found.body) is (mode == "host")


def test_the_name_follows_those_of_its_siblings() -> None:
    assert ordered(12, Name="/app-moderator-worker-1").name == "app-moderator-worker-12"
    assert ordered(Name="/fedcba987654_app_moderator-worker_1").name == "app_moderator-worker_2"


def test_an_alias_that_is_the_models_name_becomes_its_own() -> None:
    networks = {"app_default": {"Aliases": ["app_moderator-worker_1", "moderator-worker"]}}

    found = ordered(NetworkSettings={"Networks": networks})

    aliases = found.body["NetworkingConfig"]["EndpointsConfig"]["app_default"]["Aliases"]
    assert aliases == ["app_moderator-worker_2", "moderator-worker"]


def test_it_joins_every_network_of_its_model_and_leaves_it_its_address() -> None:
    networks = {
        "app_default": {"Aliases": ["moderator-worker"], "Links": ["app_redis_1:cache"]},
        "faces": {"Aliases": ["w"], "IPAMConfig": {"IPv4Address": "10.0.0.7"}, "DriverOpts": {"a": "b"}},
    }

    found = ordered(NetworkSettings={"Networks": networks})

    assert found.body["NetworkingConfig"]["EndpointsConfig"]["app_default"]["Links"] == ["app_redis_1:cache"]
    assert found.joins == {"faces": {"Aliases": ["w"], "DriverOpts": {"a": "b"}}}
    assert found.notes == ("the fixed address 10.0.0.7 in faces stays with app_moderator-worker_1",)


@pytest.mark.parametrize("mode", ["default", "bridge", "none"])
def test_the_engines_own_networks_go_with_the_mode(mode: str) -> None:
    name = "bridge" if mode == "default" else mode
    found = ordered(HostConfig={"NetworkMode": mode}, NetworkSettings={"Networks": {name: {"NetworkID": "a"}}})

    assert (found.body["NetworkingConfig"]["EndpointsConfig"], found.joins) == ({}, {})
    assert found.body["HostConfig"]["NetworkMode"] == mode


def test_a_network_may_be_named_by_its_id() -> None:
    networks = {"app_default": {"Aliases": ["w"], "NetworkID": "abc"}}

    found = ordered(HostConfig={"NetworkMode": "abc"}, NetworkSettings={"Networks": networks})

    assert found.body["NetworkingConfig"]["EndpointsConfig"] == {"abc": {"Aliases": ["w"]}}
    assert found.joins == {}


def test_a_mac_address_stays_with_the_model() -> None:
    found = ordered(Config={"MacAddress": "02:00:00:00:00:01"})

    assert "MacAddress" not in found.body
    assert "02:00:00:00:00:01" in found.notes[0]


def test_volumes_without_a_name_are_not_shared() -> None:
    mounts = [
        {"Type": "volume", "Source": ANONYMOUS, "Target": "/scratch"},
        {"Type": "volume", "Source": "models", "Target": "/models"},
        {"Type": "bind", "Source": "/run/secret", "Target": "/run/secrets/token", "ReadOnly": True},
    ]

    found = ordered(HostConfig={"Binds": [f"{ANONYMOUS}:/cache:rw", "models:/m:ro"], "Mounts": mounts})

    assert found.body["HostConfig"]["Binds"] == ["models:/m:ro"]
    assert found.body["Volumes"] == {"/cache": {}}
    assert found.body["HostConfig"]["Mounts"] == [{"Type": "volume", "Target": "/scratch"}, *mounts[1:]]


def test_links_are_asked_for_as_the_engine_wants_them() -> None:
    found = ordered(HostConfig={"Links": ["/app_redis_1:/app_moderator-worker_1/cache"]})

    assert found.body["HostConfig"]["Links"] == ["app_redis_1:cache"]


@pytest.mark.parametrize("port", ["", "0", "9100-9110"])
def test_a_port_that_the_engine_chooses_is_no_obstacle(port: str) -> None:
    bindings = {"9100/tcp": [{"HostIp": "", "HostPort": port}]}

    assert ordered(HostConfig={"PortBindings": bindings}).body["HostConfig"]["PortBindings"] == bindings


def test_a_fixed_port_of_the_host_has_room_for_one_only() -> None:
    with pytest.raises(Refused, match="port 9100 of the host") as refusal:
        ordered(HostConfig={"PortBindings": {"9100/tcp": [{"HostIp": "", "HostPort": "9100"}]}})

    assert "ports:" in refusal.value.hint


@pytest.mark.parametrize("name", ["/the-worker", "/worker_7", "/worker"])
def test_a_name_that_the_compose_file_gives_has_room_for_one_only(name: str) -> None:
    with pytest.raises(Refused, match="a name of its own") as refusal:
        ordered(Name=name)

    assert "container_name" in refusal.value.hint


def test_a_task_of_a_swarm_is_the_managers() -> None:
    with pytest.raises(Refused, match="Swarm"):
        ordered(Config={"Labels": {"com.docker.swarm.service.name": "app_moderator-worker"}})


def test_with_another_image_what_the_old_one_said_does_not_hold() -> None:
    was = {
        "Env": ["TZ=UTC", "PATH=/old"],
        "Cmd": ["python", "app.py"],
        "Labels": {"version": "1"},
        "StopSignal": "SIGINT",
    }
    config = {"Env": ["REDIS_PASSWORD=canary", "TZ=UTC", "PATH=/old"], "StopSignal": "SIGTERM",
              "Labels": {**said()["Config"]["Labels"], "version": "1"}}  # fmt: skip

    found = clones.order(said(Config=config), 2, image="worker:2", was=was, labels={"a": "b"})

    assert found.body["Image"] == "worker:2"
    assert found.body["Env"] == ["REDIS_PASSWORD=canary"]
    assert "Cmd" not in found.body
    assert found.body["StopSignal"] == "SIGTERM"
    assert "version" not in found.body["Labels"]
    assert found.body["Labels"]["a"] == "b"


def test_the_lowest_free_numbers_come_first() -> None:
    assert list(itertools.islice(clones.free_numbers([1, 2, 4]), 3)) == [3, 5, 6]
    assert next(clones.free_numbers([])) == 1
