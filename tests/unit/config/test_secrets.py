"""No secret is ever printed: not by us, and not by the libraries that we use."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import redis
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.config.keys import leaves
from lomi_ops.config.load import LoadOptions
from lomi_ops.config.redact import STARS, Redactor, fingerprint, secret_values
from lomi_ops.config.schema import Settings
from lomi_ops.config.view import lines
from lomi_ops.errors import ConfigError
from tests.unit.config.conftest import Machine

CANARY = "cAnArY7secret"
PASSWORDS = {
    "redis.url": "LOMI_REDIS_URL", "redis.password": "REDIS_PASSWORD",
    "redis.sentinel_password": "LOMI_REDIS__SENTINEL_PASSWORD", "database.url": "LOMI_DATABASE_URL",
    "database.replica_url": "LOMI_DATABASE__REPLICA_URL",
    "database.password": "DB_PASSWORD", "objects.access_key": "S3_ACCESS_KEY", "objects.secret_key": "S3_SECRET_KEY",
    "compreface.api_key": "LOMI_COMPREFACE__API_KEY", "backend.token": "LOMI_BACKEND__TOKEN",
    "telegram.bot_token": "TELEGRAM_BOT_TOKEN",
    "backend.init_data": "LOMI_BACKEND__INIT_DATA", "alerts.heartbeat_url": "LOMI_ALERTS__HEARTBEAT_URL",
}  # fmt: skip
"""Every secret, and a variable that sets it."""


def secret_text(key: str) -> str:
    schemes = {"redis.url": "redis", "database.url": "postgresql", "database.replica_url": "postgresql",
               "alerts.heartbeat_url": "https"}  # fmt: skip
    return f"{schemes[key]}://u:{CANARY}@h/0" if key in schemes else CANARY


def test_the_list_of_secrets_above_is_complete() -> None:
    assert set(PASSWORDS) == {".".join(key) for key, leaf in leaves() if leaf.secret}


@pytest.mark.parametrize("key", PASSWORDS)
def test_loaded_secrets_do_not_show(machine: Machine, key: str) -> None:
    loaded = machine.load(environ={PASSWORDS[key]: secret_text(key)})
    options = LoadOptions(environ={PASSWORDS[key]: CANARY}, overrides={key: CANARY})

    assert secret_values(loaded.settings) == {key: secret_text(key)}
    shown = [
        repr(loaded),
        str(loaded.settings),
        repr(loaded.settings),
        loaded.settings.model_dump_json(),
        repr(options),
    ]
    shown += [repr(loaded.settings.model_dump()), json.dumps([[line.value, line.text] for line in lines(loaded)])]
    assert CANARY not in "".join(shown)


BAD_YAML = [
    "*{0}", "!{0}", "&{0} {{", "@{0}", "`{0}", "%{0}", "'{0}", '"{0}', '"{0}\\q"', "|{0}", ">{0}", "{{{0}", "[{0}",
    "{0}: {0}", "{{{0}: x}}", "{{x: {0}}}", "[{0}]", "[[{0}]]", "\t{0}", "!!binary {0}", "!!python/object:{0} x",
    "{0}}}", "{0}\n x: {0}", "? {0}", "- {0}", "one\n  password: {0}", "{0}\n  password: {0}",
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_YAML)
@pytest.mark.parametrize("key", ["redis.password", "database.url"])
def test_bad_yaml_around_a_secret_does_not_show_it(machine: Machine, bad: str, key: str) -> None:
    section, name = key.split(".")
    for text in (
        f"{section}:\n  {name}: {bad.format(CANARY)}\n",
        f"{section}: {{{name}: {bad.format(CANARY)}, a,{CANARY}}}",
    ):
        check(machine, text, None, {"LOMI_OBJECTS": f"s3://{CANARY}:{CANARY}@[", "LOMI_UNKNOWN": CANARY})


BAD_ENV = [
    'X="{0}', "X='{0}", "X=${{{0}}}", "X={0}\n{0}", "X={0}\n=x", 'X="{0}" {0}', "export {0}",
    'X="\\{0}', "X", "X_FILE=/dev/null\nX={0}",
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_ENV)
@pytest.mark.parametrize("variable", PASSWORDS.values())
def test_bad_lines_around_a_secret_do_not_show_it(machine: Machine, bad: str, variable: str) -> None:
    text = bad.format(CANARY).replace("X", variable)
    check(machine, None, f"{text}\nLOMI_UNKNOWN={CANARY}\n", {})


@pytest.mark.parametrize("name", [
    "REDIS_HOST", "REDIS_PORT", "REDIS_DB", "DB_HOST", "DB_SSL_MODE", "S3_USE_SSL", "S3_ENDPOINT", "COMPREFACE_URL",
    "LOMI_REDIS_URL", "LOMI_DATABASE_URL", "LOMI_OBJECTS", "LOMI_BACKEND__URL", "LOMI_WORKER__SLOTS",
    "LOMI_POLICY__POLICIES__DEFAULT__REQUIRES",
])  # fmt: skip
@pytest.mark.parametrize("text", ["{0}", "x://u:{0}@h:{0}", "redis://:{0}@[::1", "http://{0}@h", "redis://h:{0}"])
def test_a_secret_in_the_wrong_place_does_not_show(machine: Machine, name: str, text: str) -> None:
    check(machine, None, None, {name: text.format(CANARY), "LOMI_UNKNOWN": CANARY})


@pytest.mark.parametrize("key", PASSWORDS)
@pytest.mark.parametrize("value", [5, [CANARY], {"x": CANARY}, CANARY.encode() + b"\xff", {CANARY: 1}, object()])
def test_a_flag_of_the_wrong_kind_does_not_show_its_value(machine: Machine, key: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        machine.load(flags={key: value, "no.setting": CANARY})
    assert CANARY not in "".join([*caught.value.problems, *traceback.format_exception(caught.value)])


def test_a_damaged_stack_file_does_not_show_its_passwords(machine: Machine) -> None:
    machine.data.mkdir(parents=True)
    for text in (
        f'{{"redis_password": "{CANARY}"',
        f'{{"schema": "lomi.stack/v1", "redis_port": "{CANARY}"}}',
        f'"{CANARY}"',
    ):
        (machine.data / "stack.json").write_text(text)
        check(machine, None, None, {"LOMI_UNKNOWN": CANARY})


def check(machine: Machine, text: str | None, env: str | None, environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        machine.load(text, env, needs=frozenset({"redis"}), environ=environ)
    shown = [str(caught.value), caught.value.hint, *caught.value.problems, *traceback.format_exception(caught.value)]
    assert CANARY not in "\n".join(shown)


def settings_with(password: str) -> Settings:
    return Settings.model_validate(
        {
            "redis": {"url": f"redis://:{quote(password, safe='')}@h/0"},
            "database": {"password": password, "url": f"postgresql://u@h/d?password={quote(password, safe='')}"},
        }
    )


@given(password=st.text(st.characters(exclude_categories=["Cs"]), min_size=8), around=st.text(max_size=5))
def test_no_spelling_of_a_password_survives(password: str, around: str) -> None:
    redactor = Redactor.of(settings_with(password))
    for spelled in (
        password,
        quote(password),
        quote(password, safe=""),
        repr(password)[1:-1],
        json.dumps(password)[1:-1],
    ):
        if spelled in STARS:
            continue
        assert spelled not in redactor.scrub(f"{around} {spelled} {around}").replace(around, "")


def test_secrets_of_libraries_errors_are_taken_out() -> None:
    redactor = Redactor([CANARY])
    with pytest.raises(psycopg.ProgrammingError) as conninfo:
        psycopg.connect(f"postgresql://u:{CANARY}@h/d?{CANARY}")
    with pytest.raises(ValueError) as address:
        redis.Redis.from_url(f"redis://:x@h:{CANARY}/0")
    with pytest.raises(yaml.YAMLError) as syntax:
        yaml.safe_load(f"password: '{CANARY}")
    for caught in (conninfo, address, syntax):
        assert CANARY in str(caught.value)
        assert CANARY not in redactor.scrub(str(caught.value))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("redis://:p%40ss@h:1/0 down", f"redis://:{STARS}@h:1/0 down"),
        ("postgresql://u:p@ss@h/d", f"postgresql://u:{STARS}@h/d"),
        ("https://h/o?X-Amz-Signature=abc&x=1", f"https://h/o?X-Amz-Signature={STARS}&x=1"),
        ("Authorization: Bearer abcdefgh.ijk", f"Authorization: Bearer {STARS}"),
        ("host=h password=geheim user=u", f"host=h password={STARS} user=u"),
        ("{'password': 'a b'}", f"{{'password': {STARS}}}"),
        ("x-api-key: 0000-1", f"x-api-key: {STARS}"),
        ("http://h/path?a@b", "http://h/path?a@b"),
        ("mail to a@b.c about passwords: none", "mail to a@b.c about passwords: none"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out_unknown_as_it_is(text: str, clean: str) -> None:
    assert Redactor().scrub(text) == clean


def test_a_short_secret_goes_only_as_a_whole_word() -> None:
    assert Redactor(["lomi"]).scrub("lomi lomi_ops 'lomi' lomis") == f"{STARS} {STARS}_ops '{STARS}' lomis"
    assert Redactor(["abc"]).scrub("abc") == "abc"
    assert Redactor([""])("text") == "text"


def test_values_inside_structures_are_scrubbed() -> None:
    value = {"a": [CANARY, 1, None, True], CANARY: (CANARY.encode(), Path(CANARY)), "n": 1.5}
    assert Redactor([CANARY]).scrub_value(value) == {"a": [STARS, 1, None, True], STARS: [STARS, STARS], "n": 1.5}


def test_a_fingerprint_tells_secrets_apart_and_nothing_else() -> None:
    assert fingerprint("a") != fingerprint("b")
    assert fingerprint("a") == "sha256:ca97…"


def test_nothing_secret_stays_in_the_frames_that_a_debugger_prints(machine: Machine) -> None:
    """`--debug` prints source lines, not values; a crash reporter prints values, and these must be stars."""
    try:
        machine.load(REDIS_PASSWORD=CANARY, REDIS_PORT="x")
    except ConfigError:
        trace = sys.exc_info()[2]
    while trace is not None:
        own = trace.tb_frame.f_code.co_filename.endswith(("load.py", "problems.py", "validation.py"))
        values = [value for name, value in trace.tb_frame.f_locals.items() if own and name != "environ"]
        assert CANARY not in repr(values)
        trace = trace.tb_next
