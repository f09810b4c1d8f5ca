"""What is understood of a Compose file, and that nothing odd in one does harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from lomi_ops.errors import ConfigError
from lomi_ops.ops.init.compose import ComposeFile, Published, read_compose

PRODUCTION = """\
x-common: &common
  restart: unless-stopped
services:
  redis:
    <<: *common
    image: redis:7-alpine
    command: redis-server --requirepass ${REDIS_PASSWORD:?set it} --appendonly yes
    ports:
      - "127.0.0.1:${REDIS_OUTSIDE:-16379}:6379"
  postgres:
    image: postgres:15
    container_name: lomi-postgres
    environment:
      POSTGRES_DB: ${DB_NAME}
      POSTGRES_PASSWORD: ${DB_PASSWORD}
    ports: ["5432:5432"]
  backend:
    build: ./backend
    environment: [PORT=8080, JWT_SECRET]
    ports:
      - target: 8080
        published: "18080"
        host_ip: 127.0.0.1
  compreface:
    image: exadel/compreface:1.2.0
    ports: ["8000:80"]
    networks:
      inside:
        aliases: [faces]
  moderator-worker:
    build: ./moderator
    deploy:
      replicas: ${WORKERS:-4}
      resources: {limits: {memory: 1G}}
"""
KNOWN = {"REDIS_PASSWORD": "geheim77", "DB_NAME": "lomi", "DB_PASSWORD": "geheim88"}


def read(folder: Path, text: str) -> ComposeFile:
    path = folder / "docker-compose.prod.yml"
    path.write_text(text)
    return read_compose(path, KNOWN)


def ports(folder: Path, *entries: str) -> list[tuple[int, str, int]]:
    found = read(folder, "services: {a: {ports: [" + ", ".join(entries) + "]}}")
    return [(port.target, port.host, port.port) for port in found.services[0].ports]


def test_services_ports_images_password_and_replicas(tmp_path: Path) -> None:
    found = read(tmp_path, PRODUCTION)
    by_name = {service.name: service for service in found.services}

    assert list(by_name) == ["redis", "postgres", "backend", "compreface", "moderator-worker"]
    redis = by_name["redis"]
    assert (redis.image, redis.ports) == ("redis:7-alpine", (Published(6379, "127.0.0.1", 16379, 8),))
    assert redis.password
    assert (redis.password.text, redis.password.names, redis.password_line) == ("geheim77", ("REDIS_PASSWORD",), 7)
    assert by_name["postgres"].environment["POSTGRES_DB"] == "lomi"
    assert by_name["backend"].published(8080) == Published(8080, "127.0.0.1", 18080, 20)
    assert by_name["backend"].environment == {"PORT": "8080", "JWT_SECRET": ""}
    assert (by_name["moderator-worker"].replicas, by_name["moderator-worker"].replicas_line) == (4, 33)
    assert found.missing == ()


def test_containers_reach_a_service_by_its_name_its_containers_name_and_its_aliases(tmp_path: Path) -> None:
    found = read(tmp_path, PRODUCTION)

    names = {name: service.name for name in ("postgres", "lomi-postgres", "faces") if (service := found.named(name))}
    assert names == {"postgres": "postgres", "lomi-postgres": "postgres", "faces": "compreface"}
    assert found.named("elsewhere") is None


def test_the_forms_of_a_port(tmp_path: Path) -> None:
    assert ports(tmp_path, "'6379:6379'", "'0.0.0.0:1:2'", "'[::1]:3:4/tcp'", "'10.0.0.5:7:8'") == [
        (6379, "127.0.0.1", 6379), (2, "127.0.0.1", 1), (4, "::1", 3), (8, "10.0.0.5", 7),
    ]  # fmt: skip
    assert ports(tmp_path, "'3000-3002:9000-9002'") == [
        (9000, "127.0.0.1", 3000), (9001, "127.0.0.1", 3001), (9002, "127.0.0.1", 3002),
    ]  # fmt: skip
    assert ports(tmp_path, "22:22") == [(22, "127.0.0.1", 22)], "no number in base sixty"
    assert ports(tmp_path, "'6379'", "'1:2/udp'", "'127.0.0.1::5'", "'x:y'", "'1-3:5'", "'70000:1'", "[]", "{}") == []


@pytest.mark.parametrize(
    ("command", "password", "names"),
    [
        ("[redis-server, --requirepass, $REDIS_PASSWORD]", "geheim77", ("REDIS_PASSWORD",)),
        ("sh -c 'exec redis-server --requirepass \"$REDIS_PASSWORD\"'", "geheim77", ("REDIS_PASSWORD",)),
        ("redis-server --requirepass hunter2", "hunter2", ()),
        ("redis-server --requirepass '${REDIS_PASSWORD:?set it first}'", "geheim77", ("REDIS_PASSWORD",)),
    ],
)
def test_the_ways_to_say_a_password(tmp_path: Path, command: str, password: str, names: tuple[str, ...]) -> None:
    found = read(tmp_path, f"services:\n  redis:\n    command: {command}\n").services[0].password

    assert found
    assert (found.text, found.names) == (password, names)


def test_without_requirepass_there_is_no_password(tmp_path: Path) -> None:
    assert read(tmp_path, "services: {redis: {command: redis-server --appendonly yes}}").services[0].password is None
    assert read(tmp_path, "services: {redis: {command: redis-server --requirepass}}").services[0].password is None


def test_variables_that_nobody_has_set_are_named_once(tmp_path: Path) -> None:
    text = "services: {a: {image: '${NO}:${NO}', container_name: '${OTHER}'}}"

    assert read(tmp_path, text).missing == ("NO", "OTHER")


@pytest.mark.parametrize(
    "text",
    [
        "services: {a: 7, b: , c: [], d: {ports: 7, environment: 7, command: {x: y}, deploy: [], networks: 7}}",
        "services: {a: {ports: [[1], {target: x}, {target: {}}], environment: [[1]], command: [[], 1, '']}}",
        "services: {a: {deploy: {replicas: many}, scale: x, networks: {n: {aliases: 7}, m: }}}",
        "services: {a: !reset null, b: {ports: !override ['1:2'], deploy: !reset {}}}",
    ],
)
def test_what_is_not_as_it_should_be_counts_as_not_there(tmp_path: Path, text: str) -> None:
    assert all(service.replicas == 1 for service in read(tmp_path, text).services)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no services"),
        ("version: '3'", "has no services"),
        ("services: []", "has no services"),
        ("- a", "has no services"),
        ("services: {a: *nothing}", ":1 is not valid YAML"),
        ("services: &s {a: {depends_on: *s}}", ":1 is not valid YAML"),
        ("a: b: c\n  geheim77", "is not valid YAML"),
        ("x: " + "[" * 5000, "is not valid YAML"),
        ("services: {a: !!python/object/apply:os.system ['id']}", "is not valid YAML"),
    ],
)
def test_what_is_no_compose_file_is_told_without_its_content(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        read(tmp_path, text)
    assert "geheim77" not in caught.value.message
    assert caught.value.hint == "name the right one: --compose FILE"
