"""Which ways to a service are tried, and which one is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from lomi_ops.config import env
from lomi_ops.config.layers import Rank, merged
from lomi_ops.config.validation import validated
from lomi_ops.ops.init.compose import ComposeFile, read_compose
from lomi_ops.ops.init.plan import Heard, Plan, planned
from lomi_ops.ops.init.probes import Answer
from lomi_ops.ops.init.ways import Part, Way, ways
from tests.unit.init.test_compose import KNOWN, PRODUCTION

INSIDE = {
    "REDIS_HOST": "redis", "REDIS_PORT": "6379", "REDIS_PASSWORD": "geheim77",
    "DB_HOST": "postgres", "DB_USER": "u", "DB_PASSWORD": "geheim88", "DB_NAME": "lomi",
    "S3_ENDPOINT": "r2.example.com", "COMPREFACE_URL": "http://compreface:80",
}  # fmt: skip


@pytest.fixture
def compose(tmp_path: Path) -> ComposeFile:
    path = tmp_path / "docker-compose.prod.yml"
    path.write_text(PRODUCTION)
    return read_compose(path, KNOWN)


def found(variables: dict[str, str], compose: ComposeFile | None) -> dict[Part, list[Way]]:
    lines = [env.Variable(name, value, f".env:{row}") for row, (name, value) in enumerate(variables.items(), 1)]
    filed = env.read_variables(lines, Rank.ENV_FILE, Path("/srv"), {})
    entries = merged([filed.contract, filed.own])
    settings, problems = validated(entries)
    assert problems == []
    return ways(settings, entries, compose)


def plan(all_ways: dict[Part, list[Way]], compose: ComposeFile | None, *answering: str, known: str = "") -> Plan:
    """A plan where only these places answer; names of the Compose network are not known, but for `known`."""

    def heard(way: Way) -> Heard:
        host = way.address[0] if way.address else ""
        inside = host in ("redis", "postgres", "compreface", "nowhere") and host != known
        return Heard(way, Answer(ok=way.where in answering, detail="", resolves=not inside))

    return planned({part: [heard(way) for way in each] for part, each in all_ways.items()}, compose)


def test_inside_names_have_a_second_way_through_the_published_port(compose: ComposeFile) -> None:
    all_ways = found(INSIDE, compose)

    assert {part: [way.where for way in each] for part, each in all_ways.items()} == {
        Part.REDIS: ["redis:6379", "127.0.0.1:16379"],
        Part.DATABASE: ["postgres:5432", "127.0.0.1:5432"],
        Part.OBJECTS: ["r2.example.com"],
        Part.COMPREFACE: ["http://compreface:80", "http://127.0.0.1:8000"],
        Part.BACKEND: ["http://127.0.0.1:18080"],
    }
    assert all_ways[Part.REDIS][0].origin == ".env:1 REDIS_HOST"
    assert all_ways[Part.REDIS][1].origin == f"{compose.path}:8"


def test_the_published_port_is_taken_where_the_name_means_nothing_here(compose: ComposeFile) -> None:
    settings = plan(found(INSIDE, compose), compose).settings

    assert settings == {
        ("redis", "host"): "127.0.0.1", ("redis", "port"): 16379,
        ("database", "host"): "127.0.0.1", ("database", "port"): 5432,
        ("compreface", "urls"): ["http://127.0.0.1:8000"], ("backend", "url"): "http://127.0.0.1:18080",
        ("checks", "workers"): 4,
    }  # fmt: skip


def test_what_the_env_file_says_stays_where_it_answers(compose: ComposeFile) -> None:
    assert ("redis", "host") not in plan(found(INSIDE, compose), compose, "redis:6379", known="redis").settings


def test_a_published_port_that_answers_wins_over_a_name_that_leads_nowhere(compose: ComposeFile) -> None:
    found_plan = plan(found(INSIDE, compose), compose, "127.0.0.1:16379", known="redis")

    assert found_plan.settings["redis", "port"] == 16379


def test_a_host_of_another_machine_is_never_exchanged_for_a_service_of_this_one(compose: ComposeFile) -> None:
    all_ways = found(INSIDE | {"REDIS_HOST": "redis.example.com", "DB_HOST": "10.1.2.3"}, compose)

    assert [way.where for way in all_ways[Part.REDIS]] == ["redis.example.com:6379"]
    assert [way.where for way in all_ways[Part.DATABASE]] == ["10.1.2.3:5432"]


def test_an_inside_name_that_is_not_published_is_told(compose: ComposeFile) -> None:
    found_plan = plan(found({"REDIS_HOST": "nowhere"}, compose), compose)

    assert ("redis", "host") not in found_plan.settings
    assert found_plan.notes[0].startswith("nowhere is a name of another network")


def test_without_an_env_file_the_compose_file_says_where_and_no_secret_is_taken_over(compose: ComposeFile) -> None:
    found_plan = plan(found({}, compose), compose)

    assert found_plan.settings == {
        ("redis", "host"): "127.0.0.1", ("redis", "port"): 16379,
        ("database", "host"): "127.0.0.1", ("database", "port"): 5432,
        ("database", "user"): "postgres", ("database", "name"): "lomi",
        ("compreface", "urls"): ["http://127.0.0.1:8000"], ("backend", "url"): "http://127.0.0.1:18080",
        ("checks", "workers"): 4,
    }  # fmt: skip
    assert "geheim" not in str(found_plan)


def test_the_core_is_preferred_to_the_gateway_and_needs_no_key(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(
        "services:\n"
        "  compreface-fe: {image: 'exadel/compreface-fe:1.2.0', ports: ['8000:80']}\n"
        "  compreface-core: {image: 'exadel/compreface-core:1.2.0', ports: ['3300:3000']}\n"
    )

    assert [way.where for way in found({}, read_compose(path, {}))[Part.COMPREFACE]] == ["http://127.0.0.1:3300"]


def test_several_urls_and_a_bucket_of_the_network_are_moved_too(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text("services:\n  minio: {ports: ['9100:9000']}\n  core: {ports: ['3300:3000']}\n")
    urls = "http://core:3000/x, https://faces.example.com"
    all_ways = found({"S3_ENDPOINT": "http://minio:9000", "COMPREFACE_URL": urls}, read_compose(path, {}))

    assert [way.where for way in all_ways[Part.OBJECTS]] == ["http://minio:9000", "http://127.0.0.1:9100"]
    assert all_ways[Part.COMPREFACE][1].changes == {
        ("compreface", "urls"): ["http://127.0.0.1:3300/x", "https://faces.example.com"]
    }


def test_urls_hold_secrets_and_are_neither_shown_nor_moved(compose: ComposeFile) -> None:
    variables = {"LOMI_REDIS_URL": "redis://:geheim77@redis", "LOMI_DATABASE_URL": "postgresql://u:geheim88@postgres/d"}
    all_ways = found(variables, compose)

    assert [way.where for part in (Part.REDIS, Part.DATABASE) for way in all_ways[part]] == ["a URL", "a URL"]
    assert "geheim" not in repr(all_ways)


def test_workers_and_what_nobody_names_are_told(compose: ComposeFile) -> None:
    by_name = {each.what: each for each in plan(found({}, compose), compose).findings}

    assert by_name["workers"].where == "moderator-worker x 4"
    assert by_name["workers"].origin == f"{compose.path}:33"
    assert (by_name["objects"].ok, by_name["objects"].detail) == (None, "nothing names one")


def test_passwords_that_differ_or_stand_in_the_compose_file_are_told_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text("services: {redis: {image: 'redis:7', command: redis-server --requirepass hunter22}}\n")
    compose = read_compose(path, {})
    notes = plan(found(INSIDE, compose), compose).notes

    assert f"{path}:1: a password stands in the Compose file; put it into the env file as REDIS_PASSWORD" in notes
    assert f"{path}:1: redis wants another password than the one in the env file" in notes
    assert "hunter22" not in " ".join(notes)
