"""What is rendered: the same as it was, complete, and free of passwords and of anything that a name smuggles in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from lomi_ops.config.schema import Settings
from lomi_ops.domain.deployment import Rendered, Target
from lomi_ops.errors import UsageError
from lomi_ops.ops.deploy.render import as_one, render
from lomi_ops.ops.deploy.values import Named, needed, secret_value, told, values
from tests.hygiene.test_docs import fault
from tests.unit.deploy.golden import FOLDER, files

SECRET = "s3cret-of-somebody"
ALL_SET = Settings.model_validate(
    {
        "redis": {"host": "redis.inside", "password": SECRET, "sentinel_password": SECRET},
        "database": {"host": "pg.inside", "user": "app", "name": "app_db", "password": SECRET},
        "objects": {"endpoint": "https://r2.test", "access_key": SECRET, "secret_key": SECRET},
        "compreface": {"urls": ["http://faces:3000"], "api_key": SECRET},
        "backend": {"url": "http://backend:8080", "token": SECRET},
        "telegram": {"bot_token": SECRET},
    }
)


def whole(target: Target, settings: Settings = ALL_SET, **named: object) -> str:
    return as_one(target, render(target, values(target, settings, Named(**named))))  # type: ignore[arg-type]


def documents(target: Target, settings: Settings = ALL_SET, **named: object) -> dict[tuple[str, str], dict[str, Any]]:
    found = yaml.safe_load_all(whole(target, settings, **named))
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


@pytest.mark.parametrize("target", Target)
def test_it_is_what_it_was(target: Target) -> None:
    """Look at the difference; where it is meant: python -m tests.unit.deploy.golden"""
    before = {path.name: path.read_text() for path in (FOLDER / target).iterdir()}

    assert {file.name: file.text for file in files(target)} == before


@pytest.mark.parametrize("target", Target)
def test_no_password_is_in_it(target: Target) -> None:
    for file in render(target, values(target, ALL_SET, Named())):
        assert SECRET not in file.text


def test_passwords_inside_urls_stay_out_and_their_places_are_read() -> None:
    settings = Settings.model_validate(
        {
            "redis": {"url": f"rediss://app:{SECRET}@redis.far:6390/3"},
            "database": {"url": f"postgresql://own%40er:{SECRET}@pg.far:6000/photos"},
        }
    )

    data = documents(Target.KUBERNETES, settings)["ConfigMap", "lomi"]["data"]

    assert SECRET not in whole(Target.KUBERNETES, settings)
    assert (data["REDIS_HOST"], data["REDIS_PORT"], data["REDIS_DB"]) == ("redis.far", "6390", "3")
    assert (data["LOMI_REDIS__USERNAME"], data["LOMI_REDIS__TLS"]) == ("app", "true")
    assert (data["DB_HOST"], data["DB_PORT"], data["DB_USER"], data["DB_NAME"]) == (
        "pg.far", "6000", "own@er", "photos",
    )  # fmt: skip


def test_an_address_of_this_machine_is_no_address_for_a_cluster() -> None:
    settings = Settings.model_validate(
        {"redis": {"host": "127.0.0.1", "port": 16379}, "database": {"url": "postgresql://a:b@localhost:5499/c"}}
    )

    data = documents(Target.KUBERNETES, settings)["ConfigMap", "lomi"]["data"]

    assert (data["REDIS_HOST"], data["DB_HOST"], data["DB_PORT"]) == ("redis", "postgres", "5432")


HOSTILE = [
    "a b",
    "a\nb",
    "a: b",
    "$(id)",
    "${HOME}",
    "`id`",
    "a'b",
    'a"b',
    "../x",
    "a;b",
    "%n",
    "{{ 7*7 }}",
    "Ω",
    "-x",
    "",
]


@pytest.mark.parametrize("target", Target)
@pytest.mark.parametrize("option", ["project", "image", "ops_image", "tag", "user", "mail_to", "command", "time_zone"])
def test_hostile_names_are_refused(target: Target, option: str) -> None:
    for name in HOSTILE:
        if (option, name) in {("mail_to", "-x")}:
            continue
        if option == "project" and not name:
            continue  # Nothing is named: the default holds.
        with pytest.raises(UsageError) as refused:
            whole(target, ALL_SET, **{option: name})
        assert refused.value.hint == "--" + option.replace("_", "-")


@pytest.mark.parametrize("path", ["/srv/a b/.env", "/srv/$x/.env", "/srv/a\nb", "/srv/%n"])
def test_hostile_paths_are_refused(path: str) -> None:
    for target in Target:
        with pytest.raises(UsageError):
            whole(target, env_file=path)


def test_more_workers_than_autoscaling_may_start_are_refused() -> None:
    with pytest.raises(UsageError) as refused:
        whole(Target.KUBERNETES, workers=8, max_workers=4)

    assert refused.value.hint == "--max-workers 8"


def test_keda_counts_the_list_that_the_backend_pushes_to() -> None:
    scaled = documents(Target.KUBERNETES, workers=3, max_workers=9)["ScaledObject", "moderator-worker"]

    spec = scaled["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (3, 9)
    (trigger,) = spec["triggers"]
    assert trigger["metadata"]["listName"] == "photo_moderation_queue"
    assert trigger["metadata"]["address"] == "redis.inside:6379"


def test_keda_asks_sentinels_where_there_are_some() -> None:
    settings = Settings.model_validate({"redis": {"sentinels": ["10.0.0.1:26379", "10.0.0.2:26379"]}})

    spec = documents(Target.KUBERNETES, settings)["ScaledObject", "moderator-worker"]["spec"]

    assert spec["triggers"][0]["type"] == "redis-sentinel"
    assert spec["triggers"][0]["metadata"]["addresses"] == "10.0.0.1:26379,10.0.0.2:26379"


@pytest.mark.parametrize(("grace_s", "stop"), [(50, "60s"), (300, "310s"), (10, "60s")])
def test_who_stops_a_worker_waits_longer_than_it_takes(grace_s: int, stop: str) -> None:
    settings = Settings.model_validate({"worker": {"grace_s": grace_s}})

    compose = yaml.safe_load(whole(Target.COMPOSE, settings))["services"]["moderator-worker"]
    unit = whole(Target.SYSTEMD, settings)

    assert compose["stop_grace_period"] == stop
    assert compose["environment"]["LOMI_WORKER__GRACE_S"] == str(grace_s)
    assert f"TimeoutStopSec={stop}" in unit


def test_the_services_of_the_existing_system_keep_their_names() -> None:
    (file,) = render(Target.COMPOSE, values(Target.COMPOSE, Settings(), Named()))
    services = yaml.safe_load(file.text)["services"]

    assert file.name == "docker-compose.prod.yml"
    names = ["postgres", "redis", "backend", "compreface", "moderator-worker"]
    assert [name for name, service in services.items() if "profiles" not in service] == names
    for service in (services[name] for name in names):
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["start_period"]
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    worker = services["moderator-worker"]
    assert (worker["mem_limit"], worker["mem_reservation"]) == ("1g", "512m")
    assert (worker["read_only"], worker["cap_drop"], worker["init"]) == (True, ["ALL"], True)
    assert "env_file" not in worker


WATCHED = Settings.model_validate(
    {
        "alerts": {
            "heartbeat_url": f"https://beat.test/{SECRET}",
            "routes": {
                "ops": {"webhook": f"https://hook.test/{SECRET}", "key": SECRET},
                "on_call": {"apprise": f"tgram://{SECRET}/1"},
            },
        }
    }
)
PLACES = {
    "LOMI_ALERTS__HEARTBEAT_URL_FILE": "alerts_heartbeat_url",
    "LOMI_ALERTS__ROUTES__OPS__WEBHOOK_FILE": "alerts_ops_webhook",
    "LOMI_ALERTS__ROUTES__OPS__KEY_FILE": "alerts_ops_key",
    "LOMI_ALERTS__ROUTES__ON_CALL__APPRISE_FILE": "alerts_on_call_apprise",
}


def test_where_alerts_go_stands_in_files_that_workers_do_not_get() -> None:
    services = yaml.safe_load(whole(Target.COMPOSE, WATCHED))["services"]
    alerts, worker = services["lomi-alerts"], services["moderator-worker"]
    assert {name: f"/run/secrets/{file}" for name, file in PLACES.items()}.items() <= alerts["environment"].items()
    assert set(PLACES.values()) <= set(alerts["secrets"])
    assert not set(PLACES.values()) & set(worker["secrets"])

    pods = documents(Target.KUBERNETES, WATCHED)
    deployment = pods["Deployment", "lomi-alerts"]["spec"]["template"]["spec"]
    said = {each["name"]: each["value"] for each in deployment["containers"][0]["env"]}
    assert {name: f"/run/secrets/lomi/{file}" for name, file in PLACES.items()}.items() <= said.items()
    pod = pods["Deployment", "moderator-worker"]["spec"]["template"]["spec"]
    (mounted,) = [each["secret"] for each in pod["volumes"] if "secret" in each]
    assert {each["key"] for each in mounted["items"]} == {secret.name for secret in needed(WATCHED)}

    assert {secret.name: secret_value(WATCHED, secret) for secret in told(WATCHED)} == {
        "alerts_heartbeat_url": f"https://beat.test/{SECRET}", "alerts_ops_webhook": f"https://hook.test/{SECRET}",
        "alerts_ops_key": SECRET, "alerts_on_call_apprise": f"tgram://{SECRET}/1",
    }  # fmt: skip
    for target in Target:
        assert SECRET not in whole(target, WATCHED)


def test_a_route_that_no_variable_can_name_is_refused() -> None:
    odd = Settings.model_validate({"alerts": {"routes": {"on call": {"webhook": "https://x.test/", "key": "k"}}}})
    with pytest.raises(UsageError, match="is no route for a container"):
        whole(Target.COMPOSE, odd)
    assert whole(Target.SYSTEMD, odd)


def test_who_notices_is_started_only_where_it_is_asked_for() -> None:
    services = yaml.safe_load(whole(Target.COMPOSE, WATCHED))["services"]
    for name, words in (("lomi-metrics", ["metrics", "serve"]), ("lomi-alerts", ["alerts", "run"])):
        assert services[name]["profiles"] == ["watch"]
        assert services[name]["command"][:3] == ["lomi", *words]
        assert (services[name]["read_only"], services[name]["cap_drop"]) == (True, ["ALL"])
    assert services["lomi-metrics"]["ports"] == ["127.0.0.1:${METRICS_PUBLISH:-9464}:9464"]


@pytest.mark.parametrize("target", [Target.COMPOSE, Target.KUBERNETES, Target.SWARM])
def test_redis_keeps_jobs_and_evicts_none(target: Target) -> None:
    text = whole(target)

    for line in ("appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction"):
        assert line in text
    assert "--requirepass" not in text


def commands(file: Rendered) -> Iterator[list[str]]:
    """Command lines of lomi in a file: in comments, in units, in crontabs and in lists of YAML."""
    for line in file.text.splitlines():
        for found in re.findall(r"(?:^#\s+|&& |LOMI_ACTOR=\S+ \S*/|ExecStart=\S*/)(lomi [a-z].*)$", line):
            yield shlex.split(re.split(r" 2>&1| \|\| |\\$", found)[0])[1:]
        if match := re.search(r'\[("lomi".*|"CMD", "lomi".*)\]', line):
            words = [word for word in yaml.safe_load(f"[{match[1]}]") if word != "CMD"]
            yield words[1:]


@pytest.mark.parametrize("target", Target)
def test_every_command_that_is_rendered_exists(target: Target) -> None:
    found = [words for file in files(target) for words in commands(file)]

    assert found
    assert [wrong for words in found if (wrong := fault(shlex.join(["lomi", *words])))] == []
