from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lomi_ops.config.env import CONTRACT, all_names, generic_name
from lomi_ops.config.env_file import read_env_file
from lomi_ops.config.keys import leaves
from lomi_ops.config.schema import Settings
from lomi_ops.config.services import value_at
from tests.unit.config.conftest import ALL, Machine

PRODUCTION_FILE = """\
# the existing system's file
REDIS_HOST=redis
REDIS_PORT=6380
REDIS_PASSWORD="a b#c"
REDIS_DB=2
DB_HOST=postgres
DB_PORT=5433
DB_USER=lomi
DB_PASSWORD='p$4${X}'
DB_NAME=app
DB_SSL_MODE=require
S3_ENDPOINT=https://account.r2.cloudflarestorage.com
S3_ACCESS_KEY=access
S3_SECRET_KEY=secret
S3_REGION=auto
S3_USE_SSL=true
S3_BUCKET_PHOTOS=photos
COMPREFACE_URL=http://one:3000, http://two:3000
COMPREFACE_DB_PASSWORD=foreign
TELEGRAM_BOT_TOKEN=1:foreign
JWT_SECRET=foreign
"""


def secret(value: object) -> str:
    return value.get_secret_value()  # type: ignore[attr-defined,no-any-return]


def test_the_existing_systems_file_needs_nothing_else(machine: Machine) -> None:
    loaded = machine.load(env=PRODUCTION_FILE, needs=ALL)
    settings = loaded.settings

    assert (settings.redis.host, settings.redis.port, settings.redis.db) == ("redis", 6380, 2)
    assert secret(settings.redis.password) == "a b#c"
    assert secret(settings.database.password) == "p$4${X}"
    assert (settings.database.name, settings.database.ssl_mode) == ("app", "require")
    assert settings.objects.bucket_photos == "photos"
    assert settings.compreface.urls == ("http://one:3000", "http://two:3000")
    assert (loaded.stack, loaded.warnings) == (None, ())
    assert {name for name in CONTRACT if f"\n{name}=" not in f"\n{PRODUCTION_FILE}"} == set()


def test_the_same_names_count_in_the_environment(machine: Machine) -> None:
    loaded = machine.load(REDIS_HOST="cache", COMPREFACE_URL="http://faces:3000")

    assert loaded.settings.redis.host == "cache"
    assert loaded.origins["compreface.urls"] == "environment COMPREFACE_URL"


def other_text(key: str, default: object) -> str:
    """The text of a value that is allowed and is not the default."""
    special = {
        "redis.url": "redis://h", "database.url": "postgresql://h/d", "database.replica_url": "postgresql://h/d",
        "database.ssl_mode": "require",
        "compreface.mode": "core", "log.level": "debug", "log.format": "json", "policy.active": "default",
        "env_file": "/dev/null", "profile": "one", "colour": "red",
        "redis.host": "one", "redis.sentinels": "one:26379", "database.host": "one",
        "backup.to": "/var/backups", "backup.object": "s3://bucket/key",
        "checks.workers": "3", "alerts.timezone": "Europe/Vienna", "docker.host": "unix:///run/docker.sock",
        "metrics.price_per_worker_hour": "0.08", "retention.audit_text_days": "800", "review.images": "kitty",
    }  # fmt: skip
    match default:
        case bool():
            return str(not default)
        case int():
            return str(default + 1)
        case float():
            return str(default * 0.99)
        case frozenset():
            return "nsfw"
        case _ if key.endswith("reject_at"):
            return "0.9"
        case _:
            return special.get(key, "http://one")


def test_every_setting_has_a_variable_and_every_variable_sets_its_setting(machine: Machine) -> None:
    for key, _ in leaves():
        dotted, default = ".".join(key), value_at(Settings(), key)
        loaded = machine.load("profiles: {one: {}}\n", environ={generic_name(key): other_text(dotted, default)})

        assert value_at(loaded.settings, key) != default, dotted
        assert loaded.origins[dotted] == f"environment {generic_name(key)}"


def test_short_names(machine: Machine) -> None:
    loaded = machine.load(
        LOMI_REDIS_URL="rediss://:pw@cache:6380/1\n",
        LOMI_DATABASE_URL="postgresql://u:pw@h/d",
        LOMI_OBJECTS="file:///srv/my%20photos",
        LOMI_COMPREFACE_URL="http://faces:3000",
        LOMI_MODELS="models",
        LOMI_POLICY="local",
    )
    settings = loaded.settings

    assert secret(settings.redis.url) == "rediss://:pw@cache:6380/1"
    assert settings.objects.directory == Path("/srv/my photos")
    assert settings.models.dir == machine.cwd / "models"
    assert settings.policy.active == "local"


@pytest.mark.parametrize(
    ("text", "endpoint", "keys"),
    [
        ("s3://AK:s%2Fk%40@r2.example.com", "https://r2.example.com", ("AK", "s/k@")),
        ("https://AK:sk@minio:9000/", "https://minio:9000", ("AK", "sk")),
        ("http://minio:9000", "http://minio:9000", None),
        ("s3://[::1]:9000", "https://[::1]:9000", None),
    ],
)
def test_an_object_store_in_one_text(machine: Machine, text: str, endpoint: str, keys: tuple[str, str] | None) -> None:
    objects = machine.load(LOMI_OBJECTS=text).settings.objects

    assert objects.endpoint == endpoint
    assert (objects.access_key and (secret(objects.access_key), secret(objects.secret_key))) == keys


def test_a_folder_of_objects_may_be_a_plain_path(machine: Machine) -> None:
    assert machine.load(LOMI_OBJECTS="photos").settings.objects.directory == machine.cwd / "photos"


@pytest.mark.parametrize(
    "text", ["file://photos", "file://host/photos", "file:///a?b", "ftp://host/x", "s3://", "s3://h:port", "s3://["]
)
def test_a_place_of_objects_that_is_none_is_told_with_its_form(machine: Machine, text: str) -> None:
    (problem,) = machine.mistakes(LOMI_OBJECTS=text)
    assert problem.startswith("environment: LOMI_OBJECTS: must be file:///folder")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LOMI_REDIS_URI", "LOMI_REDIS_URL"),
        ("LOMI_WORKER_SLOTS", "LOMI_WORKER__SLOTS"),
        ("LOMI_REDIS_PORT", "LOMI_REDIS__PORT"),
        ("LOMI_POLICY__POLICIES__DEFAULT__BLUR__REJECTBELOW", "LOMI_POLICY__POLICIES__DEFAULT__BLUR__REJECT_BELOW"),
        ("LOMI_REDIS", "LOMI_REDIS_URL"),
    ],
)
def test_an_unknown_variable_of_ours_is_a_mistake_with_the_nearest_name(
    machine: Machine, name: str, meant: str
) -> None:
    told = f"LOMI_X: is no variable of lomi; did you mean {meant}?".replace("LOMI_X", name)
    assert machine.mistakes(environ={name: "1"}) == (f"environment: {told}",)
    assert machine.mistakes(env=f"\n{name}=1\n") == (f"prod.env:2: {told}",)


def test_variables_that_are_no_settings_are_known(machine: Machine) -> None:
    names = ("LOMI_ACTOR", "LOMI_ASCII", "LOMI_BINARIES", "LOMI_DEBUG", "LOMI_NO_COLOR")
    assert machine.load(environ=dict.fromkeys(names, "1")).settings == Settings()


def test_every_variable_in_the_code_is_one_that_is_read() -> None:
    import re

    root = Path(__file__).parents[3]
    known = set(all_names())
    texts = [path.read_text() for folder in ("lomi_ops", "worker") for path in (root / folder).rglob("*.py")]
    used = {name for text in texts for name in re.findall(r"\bLOMI_[A-Z]+(?:_+[A-Z]+)*\b(?![*…]|_)", text)}
    prefixes = {"LOMI_REDIS", "LOMI_DATABASE", "LOMI_WORKER"}
    in_files = {f"{generic_name(key)}_FILE" for key, leaf in leaves() if leaf.secret}
    assert used - known - prefixes - in_files == set()


@pytest.mark.parametrize("word", ["true", "1", "yes", "on", "TRUE"])
def test_words_for_yes(machine: Machine, word: str) -> None:
    assert machine.load(LOMI_REDIS__TLS=word).settings.redis.tls is True


MODES = (
    "prod.env:3 DB_SSL_MODE: database.ssl_mode: must be one of 'disable', 'allow', 'prefer', 'require', "
    "'verify-ca' or 'verify-full'; did you mean require?"
)


def test_values_of_the_wrong_kind_name_variable_and_line(machine: Machine) -> None:
    file = "REDIS_PORT=many\nS3_USE_SSL=maybe\nDB_SSL_MODE=requires\nLOMI_LOG__SAMPLE_SUCCESS=2\nREDIS_DB=1.5\n"
    assert set(machine.mistakes(env=file)) == {
        "prod.env:1 REDIS_PORT: redis.port: must be a whole number",
        "prod.env:2 S3_USE_SSL: objects.use_ssl: must be true or false",
        MODES,
        "prod.env:4 LOMI_LOG__SAMPLE_SUCCESS: log.sample_success: must be at most 1",
        "prod.env:5 REDIS_DB: redis.db: must be a whole number",
    }


def test_an_empty_variable_is_not_set(machine: Machine) -> None:
    loaded = machine.load(env="REDIS_HOST=cache\nREDIS_PASSWORD=\n", REDIS_HOST="", LOMI_OBJECTS="")
    assert (loaded.settings.redis.host, loaded.settings.redis.password) == ("cache", None)


def test_an_empty_list_can_be_said(machine: Machine) -> None:
    assert machine.load("compreface: {urls: [http://h]}", LOMI_COMPREFACE_URL="[]").settings.compreface.urls == ()


def test_secrets_come_from_files(machine: Machine) -> None:
    path = machine.file("run/pw", "p w\n")
    loaded = machine.load(
        env="DB_PASSWORD_FILE=run/pw\n", REDIS_PASSWORD_FILE=str(path), LOMI_COMPREFACE__API_KEY_FILE="run/pw"
    )

    assert [
        secret(loaded.settings.redis.password),
        secret(loaded.settings.database.password),
        secret(loaded.settings.compreface.api_key),
    ] == ["p w"] * 3
    assert loaded.origins["redis.password"] == "environment REDIS_PASSWORD_FILE"


def test_what_is_wrong_with_a_secret_file_is_told(machine: Machine) -> None:
    machine.file("binary", b"\xff\xfe\xff")
    machine.file("large", b"x" * 70_000)
    problems = machine.mistakes(
        REDIS_PASSWORD_FILE="no/such",
        DB_PASSWORD_FILE="binary",
        S3_SECRET_KEY_FILE="large",
        S3_ACCESS_KEY="a",
        S3_ACCESS_KEY_FILE="b",
        LOMI_REDIS__PORT_FILE="port",
    )
    assert set(problems) == {
        "environment: REDIS_PASSWORD_FILE: cannot read no/such: No such file or directory",
        "environment: DB_PASSWORD_FILE: binary is not UTF-8 text",
        "environment: S3_SECRET_KEY_FILE: large is too large for a secret",
        "environment: S3_ACCESS_KEY_FILE: is set beside S3_ACCESS_KEY; set only one of them",
        "environment: LOMI_REDIS__PORT_FILE: is only for secrets; LOMI_REDIS__PORT is none",
    }


TRICKY = """\
export A=plain
B="double # not a comment, \\"quoted\\""
C='single # ${A} $A \\ stays'
D=hash#inside
E=trimmed   # a comment
F="${A}-${NOPE:-fallback}"
G=
  # a comment with = and 'quote

H="two
lines"
I=${FROM_OUTSIDE}
J='it'
"""


def test_tricky_lines_mean_what_a_shell_makes_of_them(machine: Machine) -> None:
    path = machine.file("tricky.env", TRICKY)
    say = 'for n in A B C D E F G H I J; do eval "printf \'%s\\\\0\' \\"\\$$n\\""; done'
    shell = subprocess.run(
        ["sh", "-c", f'set -a; . "$1"; {say}', "sh", path],
        capture_output=True, text=True, check=True, env={"FROM_OUTSIDE": "outside"},
    )  # fmt: skip
    variables, problems = read_env_file(path, {"FROM_OUTSIDE": "outside"})

    assert problems == []
    assert [variable.value for variable in variables] == shell.stdout.split("\0")[:-1]


@pytest.mark.parametrize("change", ["crlf", "bom", "both", "no final newline"])
def test_line_ends_and_byte_order_marks_change_nothing(machine: Machine, change: str) -> None:
    text = PRODUCTION_FILE
    if change in ("crlf", "both"):
        text = text.replace("\n", "\r\n")
    if change in ("bom", "both"):
        text = "\ufeff" + text
    if change == "no final newline":
        text = text.rstrip("\n")
    expected, actual = machine.load(env=PRODUCTION_FILE), machine.load(env=text)

    assert actual.settings == expected.settings
    assert actual.origins == expected.origins


def test_lines_that_cannot_be_read_are_told_by_number(machine: Machine) -> None:
    assert machine.mistakes(env='REDIS_HOST=a\n\n\nDB_PASSWORD="open\n=x\n') == (
        "prod.env:4: is not NAME=value (a quote that does not end?)",
        "prod.env:5: is not NAME=value (a quote that does not end?)",
    )


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("\ufeffREDIS_HOST=x".encode("utf-16-le"), "is UTF-16; save it as UTF-8"),
        (b"A=1\nB=\xff\n", "is not UTF-8 text (line 2)"),
        (b"#" * 1_100_000, "is larger than 1024 KiB"),
    ],
)
def test_files_that_are_no_text_are_told(machine: Machine, content: bytes, what: str) -> None:
    assert machine.mistakes(env=content) == (f"prod.env: {what}",)
    assert machine.mistakes(content) == (f"c.yaml: {what}",)


def test_a_folder_is_no_file(machine: Machine) -> None:
    assert machine.mistakes(LOMI_CONFIG=".", LOMI_ENV_FILE="..") == (
        f"{machine.cwd}: cannot be read: Is a directory",
        "..: cannot be read: Is a directory",
    )


def test_a_reference_to_nothing_counts_only_where_it_is_read(machine: Machine) -> None:
    (problem,) = machine.mistakes(env="FOREIGN=${NOPE}\nREDIS_HOST=${NOPE}\n")
    assert problem.startswith("prod.env:2: REDIS_HOST: refers to a variable that nobody has set")


def test_naming_another_file_from_inside_an_env_file_is_a_mistake(machine: Machine) -> None:
    assert machine.mistakes(env="LOMI_CONFIG=x\n") == ("prod.env:1: LOMI_CONFIG: has no effect inside an env file",)


def test_a_repeated_name_counts_as_its_last_line(machine: Machine) -> None:
    loaded = machine.load(env="REDIS_HOST=one\nREDIS_HOST=two\n")
    assert loaded.origins["redis.host"].endswith("prod.env:2 REDIS_HOST")
