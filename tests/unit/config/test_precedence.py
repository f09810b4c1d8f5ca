from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lomi_ops.config.load import LoadOptions, load
from lomi_ops.config.schema import Settings
from lomi_ops.domain.finding import Label
from lomi_ops.errors import ConfigError
from tests.unit.config.conftest import Machine


def test_without_anything_the_settings_are_the_defaults(machine: Machine) -> None:
    loaded = machine.load()

    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}
    assert (loaded.warnings, loaded.stack, loaded.config_file, loaded.env_file) == ((), None, None, None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(sources=st.sets(st.sampled_from(["file", "env file", "environment", "flag"])))
def test_the_strongest_source_wins_and_is_named_as_the_origin(machine: Machine, sources: set[str]) -> None:
    numbers = {"file": 11, "env file": 12, "environment": 13, "flag": 14}
    loaded = machine.load(
        f"worker:\n  slots: {numbers['file']}\n" if "file" in sources else "",
        f"A=1\nLOMI_WORKER__SLOTS={numbers['env file']}\n" if "env file" in sources else "",
        flags={"worker.slots": numbers["flag"]} if "flag" in sources else {},
        environ={"LOMI_WORKER__SLOTS": str(numbers["environment"])} if "environment" in sources else {},
    )

    strongest = max(sources, key=lambda source: numbers[source], default="default")
    assert loaded.settings.worker.slots == numbers.get(strongest, 1)
    assert (
        loaded.origins["worker.slots"]
        == {
            "default": "default",
            "file": f"{machine.cwd}/c.yaml:2",
            "env file": f"{machine.cwd}/prod.env:2 LOMI_WORKER__SLOTS",
            "environment": "environment LOMI_WORKER__SLOTS",
            "flag": "command line",
        }[strongest]
    )


def test_our_names_win_over_the_existing_systems_even_from_the_env_file(machine: Machine) -> None:
    loaded = machine.load(env="LOMI_REDIS__PORT=7001\n", REDIS_PORT="7002")
    assert loaded.settings.redis.port == 7001


def test_the_full_name_wins_over_the_short_one(machine: Machine) -> None:
    loaded = machine.load(LOMI_POLICY="local", LOMI_POLICY__ACTIVE="default")
    assert loaded.settings.policy.active == "default"


def test_a_host_in_the_environment_is_not_lost_to_a_url_in_the_file(machine: Machine) -> None:
    loaded = machine.load("redis:\n  url: redis://file:6379/0\n", REDIS_HOST="cache")

    assert loaded.settings.redis.url is None
    assert loaded.settings.redis.host == "cache"


def test_sentinels_in_the_environment_are_not_lost_to_the_backends_host_nor_to_a_url_in_the_file(
    machine: Machine,
) -> None:
    loaded = machine.load(
        "redis: {url: 'redis://file/0'}", REDIS_HOST="cache", REDIS_PASSWORD="pw", LOMI_REDIS_SENTINELS="one:1, two:2"
    )
    redis = loaded.settings.redis

    assert (redis.url, redis.host) == (None, None)
    assert redis.sentinel_addresses() == (("one", 1), ("two", 2))
    assert redis.password is not None
    assert machine.load(LOMI_REDIS_SENTINELS="one", needs=frozenset({"redis"})).stack is None


def test_a_url_in_the_environment_removes_a_host_in_the_env_file(machine: Machine) -> None:
    loaded = machine.load(env="DB_HOST=old\nDB_PASSWORD=x\n", LOMI_DATABASE_URL="postgresql://u:p@new/app")

    assert loaded.settings.database.host is None
    assert loaded.settings.database.url is not None


def test_a_password_that_a_url_overrules_is_told(machine: Machine) -> None:
    loaded = machine.load(LOMI_REDIS_URL="redis://cache/0", REDIS_PASSWORD="unheard")

    assert loaded.warnings == (
        "environment REDIS_PASSWORD: redis.password has no effect, redis.url (environment LOMI_REDIS_URL) wins",
    )


def test_configuration_files_are_searched_in_the_folder_then_the_home_then_the_system(machine: Machine) -> None:
    user = machine.home / ".config" / "lomi" / "config.yaml"
    user.parent.mkdir(parents=True)
    machine.system.write_text("worker: {slots: 4}\n")
    assert machine.load().settings.worker.slots == 4
    user.write_text("worker: {slots: 3}\n")
    assert machine.load().settings.worker.slots == 3
    machine.file("lomi.yaml", "worker: {slots: 2}\n")
    assert machine.load().config_file == machine.cwd / "lomi.yaml"
    named = machine.file("named.yaml", "worker: {slots: 5}\n")
    assert machine.load(LOMI_CONFIG="named.yaml").settings.worker.slots == 5
    assert machine.load("worker: {slots: 6}\n", LOMI_CONFIG=str(named)).settings.worker.slots == 6


def test_xdg_config_home_is_honoured_and_a_relative_one_is_not(machine: Machine, tmp_path: Path) -> None:
    own = tmp_path / "xdg" / "lomi" / "config.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("worker: {slots: 3}\n")
    assert machine.load(XDG_CONFIG_HOME=str(tmp_path / "xdg")).settings.worker.slots == 3
    assert machine.load(XDG_CONFIG_HOME="../xdg").settings.worker.slots == 1


def test_a_named_file_that_does_not_exist_is_a_mistake(machine: Machine) -> None:
    assert machine.mistakes(LOMI_CONFIG="no.yaml", LOMI_ENV_FILE="no.env") == (
        "no.yaml: does not exist",
        "no.env: does not exist",
    )


def test_the_configuration_file_can_record_the_env_file(machine: Machine) -> None:
    machine.file("app/.env.production", "REDIS_HOST=prod\n")
    config = machine.file("app/lomi.yaml", "env_file: .env.production\n")
    loaded = machine.load(LOMI_CONFIG=str(config))

    assert loaded.settings.redis.host == "prod"
    assert loaded.env_file == machine.cwd / "app" / ".env.production"


def test_relative_paths_start_at_the_file_that_names_them(machine: Machine) -> None:
    machine.file("etc/c.yaml", "models: {dir: models}\nredis: {tls_ca: ~/ca.pem}\n")
    loaded = machine.load(LOMI_CONFIG="etc/c.yaml", LOMI_WORKER__HEALTH_FILE="health")

    assert loaded.settings.models.dir == machine.cwd / "etc" / "models"
    assert loaded.settings.redis.tls_ca == machine.home / "ca.pem"
    assert loaded.settings.worker.health_file == machine.cwd / "health"


def test_one_threshold_of_a_shipped_policy_can_change_and_the_rest_stays(machine: Machine) -> None:
    loaded = machine.load("policy: {policies: {default: {version: 2, blur: {reject_below: 10}}}}\n")
    policy, shipped = loaded.settings.policy.policies["default"], Settings().policy.policies["default"]

    changed = {"version": 2, "blur": shipped.blur.model_copy(update={"reject_below": 10.0})}
    assert policy == shipped.model_copy(update=changed)
    assert loaded.settings.policy.policies["local"] == Settings().policy.policies["local"]
    assert loaded.warnings == ()


def test_a_changed_threshold_under_the_old_version_is_told(machine: Machine) -> None:
    loaded = machine.load("policy: {policies: {local: {blur: {reject_below: 10}}}}\n")
    assert loaded.warnings == (
        "policy local differs from the shipped one of the same version; set policy.policies.local.version to 2",
    )


def test_a_new_policy_keeps_the_zones_of_labels_that_it_leaves_out(machine: Machine) -> None:
    loaded = machine.load("policy: {active: strict, policies: {strict: {nsfw: {porn: {review_at: 0.1}}}}}\n")
    strict, schema = loaded.settings.active_policy(), Settings().active_policy("default")

    assert strict.name == "strict"
    assert {label: zones for label, zones in strict.nsfw.items() if label != "porn"} == {
        label: zones for label, zones in schema.nsfw.items() if label != "porn"
    }


def test_an_empty_threshold_switches_a_zone_off(machine: Machine) -> None:
    loaded = machine.load("policy: {policies: {default: {version: 2, nsfw: {hentai: {review_at: }}}}}\n")
    assert loaded.settings.policy.policies["default"].nsfw[Label.HENTAI].review_at is None


def test_a_policy_can_be_changed_by_a_variable(machine: Machine) -> None:
    loaded = machine.load(LOMI_POLICY__POLICIES__DEFAULT__NSFW__PORN__REJECT_AT="0.9")
    assert loaded.settings.policy.policies["default"].nsfw[Label.PORN].reject_at == 0.9


def test_a_new_policy_that_looks_like_a_slip_is_told(machine: Machine) -> None:
    loaded = machine.load("policy: {policies: {defualt: {blur: {reject_below: 10}}}}\n")
    assert loaded.warnings == ("policy defualt is a new one that nothing uses; did you mean default?",)


def test_without_a_named_policy_compreface_decides_which_one_applies(machine: Machine) -> None:
    assert machine.load().settings.active_policy().name == "local"
    assert machine.load(env="COMPREFACE_URL=http://compreface:8000\n").settings.active_policy().name == "default"


def test_an_unknown_service_is_a_bug_of_the_caller(machine: Machine) -> None:
    with pytest.raises(ValueError, match="radio"):
        machine.load(needs=frozenset({"radio"}))


def test_a_flag_for_a_setting_that_does_not_exist_is_told(machine: Machine) -> None:
    assert machine.mistakes(flags={"worker.slot": 2}) == (
        "command line: worker.slot: is no setting; did you mean worker.slots?",
    )


def test_options_have_the_process_as_their_default(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    monkeypatch.setenv("LOMI_POLICI", "local")
    monkeypatch.chdir(machine.cwd)
    with pytest.raises(ConfigError, match="mistake"):
        load(LoadOptions())
