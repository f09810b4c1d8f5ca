"""Profiles: which one holds, what it wins over, and that its name is true."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lomi_ops.errors import ConfigError
from tests.unit.config.conftest import ALL, Machine
from tests.unit.config.test_finding_services import make_stack

TWO = """
worker: {slots: 2}
redis: {host: for-all}
profiles:
  production:
    colour: red
    redis: {host: prod}
  staging:
    redis: {host: stage, port: 6380}
    worker: {slots: 3}
"""


@pytest.fixture
def stack(machine: Machine) -> Path:
    make_stack(machine.cwd / "stack")
    return machine.cwd / "stack"


def test_without_a_choice_the_file_holds_and_no_profile(machine: Machine) -> None:
    loaded = machine.load(TWO)

    assert (loaded.settings.profile, loaded.settings.colour) == (None, None)
    assert (loaded.settings.redis.host, loaded.settings.worker.slots) == ("for-all", 2)


def test_a_profile_is_laid_over_the_rest_of_the_file_and_its_lines_are_named(machine: Machine) -> None:
    loaded = machine.load(TWO, profile="staging")

    assert (loaded.settings.redis.host, loaded.settings.redis.port, loaded.settings.worker.slots) == ("stage", 6380, 3)
    assert loaded.origins["profile"] == "command line"
    assert loaded.origins["worker.slots"] == f"{machine.cwd}/c.yaml:10 profile staging"


def test_a_flag_chooses_before_the_variable_and_the_variable_before_the_file(machine: Machine) -> None:
    text = f"profile: production\n{TWO}"

    assert machine.load(text).settings.profile == "production"
    assert machine.load(text).origins["profile"] == f"{machine.cwd}/c.yaml:1"
    assert machine.load(text, LOMI_ENV="staging").origins["profile"] == "environment LOMI_ENV"
    assert machine.load(text, LOMI_ENV="staging", profile="production").settings.redis.host == "prod"
    assert machine.load(text, LOMI_ENV=" ").settings.profile == "production"


@pytest.mark.parametrize(
    ("text", "chosen", "told"),
    [
        (
            TWO, "prodution",
            "there is no profile prodution; there are production, staging in c.yaml; did you mean production?",
        ),
        ("worker: {slots: 1}", "production", "there is no profile production; c.yaml has no profiles"),
        (None, "production", "there is no profile production; there is no configuration file"),
        (TWO, "a b; rm", "there is no profile of that name; there are production, staging in c.yaml"),
    ],
)  # fmt: skip
def test_an_unknown_profile_is_told_with_the_nearest_and_with_all(
    machine: Machine, text: str | None, chosen: str, told: str
) -> None:
    assert machine.mistakes(text, profile=chosen) == (f"command line: {told}",)


def test_a_profile_says_what_the_file_may_say_and_its_mistakes_are_told_with_their_place(machine: Machine) -> None:
    text = (
        "profiles:\n"
        "  production: {redis: {hots: x}, profile: y}\n"
        "  Staging: {}\n"
        "  other: {worker: {slots: many}}\n"
        "  empty:\n"
    )

    assert machine.mistakes(text, profile="other") == (
        "c.yaml:2: profiles.production.redis.hots: is no setting; did you mean redis.host?",
        "c.yaml:2: profiles.production.profile: does not belong into a profile",
        "c.yaml:3: profiles.Staging: must be a name of small letters, digits, - and _",
        "c.yaml:4 profile other: worker.slots: must be a whole number",
    )
    assert machine.load("profiles:\n  empty:\n", profile="empty").settings.profile == "empty"
    assert machine.mistakes("profiles: production\n") == (
        "c.yaml:1: profiles: must hold names of profiles with settings below them",
    )


NUMBERS = {"file": 11, "environment": 12, "profile's env file": 13, "profile": 14, "env file by flag": 15, "flag": 16}
SOFT = ["file", "profile's env file", "profile", "env file by flag", "environment", "flag"]
OUTRIGHT = ["file", "environment", "profile's env file", "profile", "env file by flag", "flag"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(sources=st.sets(st.sampled_from(SOFT)), outright=st.booleans())
def test_the_order_of_the_sources_with_a_profile(machine: Machine, sources: set[str], outright: bool) -> None:
    """REDIS_PORT is a name of the existing system, as everything is that an env file of it holds."""
    machine.file(
        "own.env", f"A=1\nREDIS_PORT={NUMBERS[own]}\n" if (own := "profile's env file") in sources else "A=1\n"
    )
    inside = f"redis: {{port: {NUMBERS['profile']}}}, " if "profile" in sources else ""
    text = f"redis: {{port: {NUMBERS['file']}}}\n" if "file" in sources else ""
    by_flag = f"REDIS_PORT={NUMBERS[named]}\n" if (named := "env file by flag") in sources else None
    loaded = machine.load(
        f"{text}profiles:\n  p: {{{inside}env_file: own.env}}\n",
        by_flag,
        profile="p" if outright else None,
        flags={"redis.port": NUMBERS["flag"]} if "flag" in sources else {},
        environ={"LOMI_ENV": "p"} | ({"REDIS_PORT": str(NUMBERS["environment"])} if "environment" in sources else {}),
    )

    # One env file is read: the one that somebody names from outside, else the profile's.
    read = sources - {"profile's env file"} if by_flag else sources
    order = OUTRIGHT if outright else SOFT
    strongest = max(read, key=order.index, default=None)
    assert loaded.settings.redis.port == (NUMBERS[strongest] if strongest else 6379)


def test_a_profile_that_a_flag_chooses_does_not_act_where_a_leftover_variable_says(machine: Machine) -> None:
    loaded = machine.load(TWO, profile="staging", LOMI_REDIS_URL="redis://production", DB_HOST="production")

    assert (loaded.settings.redis.url, loaded.settings.redis.host) == (None, "stage")
    assert loaded.warnings == (
        "environment LOMI_REDIS_URL is ignored: --env staging was given",
        "environment DB_HOST says where database is; profile staging does not",
    )
    assert machine.load(TWO, profile="staging", REDIS_HOST="stage").warnings == ()


def test_a_variable_beside_a_profile_that_a_variable_chooses_wins_and_is_told(machine: Machine) -> None:
    loaded = machine.load(TWO, LOMI_ENV="staging", REDIS_HOST="elsewhere")

    assert loaded.settings.redis.host == "elsewhere"
    place = f"{machine.cwd}/c.yaml:9 profile staging"
    assert loaded.warnings == (f"environment REDIS_HOST wins over profile staging ({place})",)


def test_a_profile_has_an_env_file_of_its_own_and_a_leftover_variable_does_not_replace_it(machine: Machine) -> None:
    machine.file("general.env", "REDIS_HOST=general\n")
    machine.file("stage.env", "REDIS_HOST=stage\nREDIS_PASSWORD=geheim77\n")
    other = machine.file("other.env", "REDIS_HOST=other\n")
    text = "env_file: general.env\nprofiles:\n  staging: {env_file: stage.env}\n  bare: {worker: {slots: 2}}\n"

    assert machine.load(text).settings.redis.host == "general"
    assert machine.load(text, profile="bare").settings.redis.host == "general"
    chosen = machine.load(text, profile="staging", LOMI_ENV_FILE=str(other))
    assert (chosen.settings.redis.host, chosen.env_file) == ("stage", machine.cwd / "stage.env")
    assert chosen.origins["redis.password"] == f"{machine.cwd}/stage.env:2 REDIS_PASSWORD"
    assert chosen.warnings == ("environment LOMI_ENV_FILE is ignored: --env staging was given",)
    softly = machine.load(text, LOMI_ENV="staging", LOMI_ENV_FILE=str(other))
    assert softly.settings.redis.host == "other"


def test_what_a_profile_says_wins_over_the_names_of_another_network_in_its_env_file(machine: Machine) -> None:
    machine.file("prod.env", "REDIS_HOST=redis\nREDIS_PORT=6379\nREDIS_PASSWORD=geheim77\nDB_HOST=postgres\n")
    loaded = machine.load(
        "profile: production\n"
        "profiles:\n"
        "  production: {env_file: prod.env, redis: {host: 127.0.0.1, port: 16379}, database: {host: 127.0.0.1}}\n"
    )

    assert (loaded.settings.redis.host, loaded.settings.redis.port) == ("127.0.0.1", 16379)
    assert loaded.settings.redis.password
    assert loaded.settings.database.host == "127.0.0.1"
    assert loaded.warnings == ()


def test_a_profile_never_ends_up_on_a_local_stack_that_it_does_not_name(machine: Machine, stack: Path) -> None:
    make_stack(machine.data)
    text = f"stack: {{data: {stack}}}\nprofiles:\n  production: {{colour: red}}\n"

    assert machine.load(text, needs=ALL).stack == stack
    with pytest.raises(ConfigError) as caught:
        machine.load(text, needs=ALL, profile="production")
    assert str(caught.value) == "profile production does not say where redis, database and objects are"
    assert caught.value.hint == "give it an env_file, or settings, below profiles.production"


def test_a_profile_may_be_a_local_stack(machine: Machine, stack: Path) -> None:
    text = f"redis: {{host: for-all}}\nprofiles:\n  local: {{stack: {{data: {stack}}}}}\n"
    loaded = machine.load(text, needs=ALL, profile="local", REDIS_HOST="elsewhere")

    assert (loaded.stack, loaded.settings.redis.host, loaded.settings.profile) == (stack, None, "local")
    assert loaded.warnings == (f"environment REDIS_HOST is ignored: profile local is the stack in {stack}",)
    with pytest.raises(ConfigError, match="there is no local stack"):
        machine.load("profiles: {local: {stack: {data: nowhere}}}\n", needs=ALL, profile="local")


def test_a_stack_on_the_command_line_is_no_profile_and_keeps_its_other_settings(machine: Machine, stack: Path) -> None:
    text = f"profile: staging\n{TWO}"
    loaded = machine.load(text, needs=ALL, data=stack)

    assert (loaded.stack, loaded.settings.profile, loaded.settings.worker.slots) == (stack, None, 3)
    told = "command line: --env and --data both say where the services are; give one of them"
    assert machine.mistakes(TWO, data=stack, profile="staging") == (told,)


def test_a_policy_may_differ_in_a_profile(machine: Machine) -> None:
    text = "profiles:\n  strict: {policy: {active: mine, policies: {mine: {blur: {reject_below: 10}}}}}\n"
    loaded = machine.load(text, profile="strict")

    assert loaded.settings.active_policy().name == "mine"
    assert loaded.settings.active_policy().blur.reject_below == 10


def test_the_variable_has_no_effect_inside_an_env_file(machine: Machine) -> None:
    assert machine.mistakes(env="LOMI_ENV=production\n") == ("prod.env:1: LOMI_ENV: has no effect inside an env file",)
