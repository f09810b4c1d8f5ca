from __future__ import annotations

import pytest

from tests.unit.config.conftest import Machine


def test_all_mistakes_come_at_once_with_line_key_and_nearest_key(machine: Machine) -> None:
    file = """\
redis:
  hots: cache
  port: many
worker:
  slots: 99
  timeout_s: 3
s3_bucket: x
images: 12
log: [info]
compreface:
  urls: {a: b}
  mode: cores
"""
    assert machine.mistakes(file, "REDIS_DB=x\n", LOMI_POLICI="local", flags={"worker.attempts": 0}) == (
        "c.yaml:2: redis.hots: is no setting; did you mean redis.host?",
        "c.yaml:3: redis.port: must be a whole number",
        "c.yaml:5: worker.slots: must be at most 32",
        "c.yaml:6: worker.timeout_s: is no setting; did you mean redis.timeout_s?",
        "c.yaml:7: s3_bucket: is no setting",
        "c.yaml:8: images: must hold names with values below it",
        "c.yaml:9: log: must hold names with values below it",
        "c.yaml:11: compreface.urls: must be a list",
        "c.yaml:12: compreface.mode: must be one of 'auto', 'core' or 'api'; did you mean core?",
        "environment: LOMI_POLICI: is no variable of lomi; did you mean LOMI_POLICY?",
        "prod.env:1 REDIS_DB: redis.db: must be a whole number",
        "command line: worker.attempts: must be at least 1",
    )


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("redis.pasword", "redis.password"),
        ("worker.Slots", "worker.slots"),
        ("worker.bucket_photos", "objects.bucket_photos"),
        ("compreface.url", "compreface.urls"),
        ("policy.policies.default.blur.rejct_below", "policy.policies.default.blur.reject_below"),
        ("policy.policies.default.nsfw.prn", "policy.policies.default.nsfw.porn"),
        ("databse", "database"),
    ],
)
def test_the_nearest_valid_key_is_named(machine: Machine, key: str, meant: str) -> None:
    nested = "x"
    for name in reversed(key.split(".")):
        nested = f"{{{name}: {nested}}}"
    assert machine.mistakes(nested) == (f"c.yaml:1: {key}: is no setting; did you mean {meant}?",)


def test_labels_that_no_policy_judges_are_no_settings(machine: Machine) -> None:
    (problem,) = machine.mistakes("policy: {policies: {default: {nsfw: {sharpness: {review_at: 0.5}}}}}")
    assert problem.startswith("c.yaml:1: policy.policies.default.nsfw.sharpness: is no setting")


@pytest.mark.parametrize(
    "word", ["no", "off", "012", "1:30", "1e3", "0x1F", "2026-11-20", "12345", "yes", "true", "1_000"]
)
def test_what_yaml_would_change_stays_text_where_text_is_due(machine: Machine, word: str) -> None:
    loaded = machine.load(f"redis: {{username: {word}, password: {word}}}\ndatabase: {{user: {word}}}\n")

    assert loaded.settings.redis.password is not None
    assert loaded.settings.redis.password.get_secret_value() == word
    assert loaded.settings.database.user == word


@pytest.mark.parametrize(
    ("word", "expected"), [("no", False), ("off", False), ("yes", True), ("ON", True), ("true", True)]
)
def test_words_for_yes_and_no(machine: Machine, word: str, expected: bool) -> None:
    assert machine.load(f"redis: {{tls: {word}}}").settings.redis.tls is expected


def test_numbers_are_decimal(machine: Machine) -> None:
    assert machine.load("redis: {port: 012}").settings.redis.port == 12
    assert machine.mistakes("redis: {port: 0x10}\nworker: {lease_s: 1:30}") == (
        "c.yaml:1: redis.port: must be a whole number",
        "c.yaml:2: worker.lease_s: must be a number",
    )


def test_numbers_that_are_none_are_refused(machine: Machine) -> None:
    assert len(machine.mistakes("worker: {lease_s: .nan, job_limit_s: .inf}\nredis: {timeout_s: nan}")) == 3
    assert "must be" in machine.mistakes("redis: {timeout_s: inf}")[0]


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "---\n", "{}", "redis:\n", "redis:\n  # host: x\nworker: ~\n", "null\n"]
)
def test_empty_files_and_sections_say_nothing(machine: Machine, text: str) -> None:
    assert set(machine.load(text).origins.values()) == {"default"}


def test_an_empty_value_says_nothing(machine: Machine) -> None:
    assert machine.load("redis: {host: ~, port: , url: null}").origins["redis.port"] == "default"


def test_a_list_may_be_written_in_each_way(machine: Machine) -> None:
    for text in ("[a, b]", "a, b", "\n  - a\n  - b"):
        assert machine.load(f"models:\n nsfw: {text}\n").settings.models.nsfw == ("a", "b")


@pytest.mark.parametrize("text", ["[a, [b]]", "[a, ~]", "[{a: b}]"])
def test_lists_hold_single_values(machine: Machine, text: str) -> None:
    assert machine.mistakes(f"models: {{nsfw: {text}}}") == (
        "c.yaml:1: models.nsfw: must be a list of single values, none of them empty",
    )


def test_a_repeated_key_is_a_mistake(machine: Machine) -> None:
    assert machine.mistakes("redis:\n  port: 1\n  port: 2\nworker: {}\nredis: {}\n") == (
        "c.yaml:3: redis.port: is there twice; the first one would be lost",
        "c.yaml:5: redis: is there twice; the first one would be lost",
    )


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("redis:\n  host: x\n port: 1\n", 3, "expected <block end>, but found '<block mapping start>'"),
        ("redis:\n\thost: x\n", 2, "found character '\\t' that cannot start any token"),
        ("redis: {host: x\n", 2, "expected ',' or '}', but got '<stream end>'"),
        ("redis:\n  host: a: b\n", 2, "mapping values are not allowed here"),
        ("a: 1\n---\nb: 2\n", 2, "but found another document"),
        ("redis:\n  host: \x07\n", 2, "holds a character that YAML does not allow"),
    ],
)
def test_bad_yaml_is_told_with_its_line(machine: Machine, text: str, line: int, what: str) -> None:
    (problem,) = machine.mistakes(text)
    assert problem.startswith("c.yaml")
    assert what in problem
    assert f"c.yaml:{line}:" in problem or what.startswith("holds")


@pytest.mark.parametrize("text", ["- redis\n", "redis\n", "[1, 2]", "'text'"])
def test_a_file_that_is_no_mapping_is_told(machine: Machine, text: str) -> None:
    assert machine.mistakes(text) == ("c.yaml:1: must hold names with values below it",)


def test_dotted_names_are_told_how_to_be_written(machine: Machine) -> None:
    assert machine.mistakes("redis.host: x\n") == ("c.yaml:1: redis.host: is written nested: host below redis:",)


def test_tags_are_refused(machine: Machine) -> None:
    assert machine.mistakes("redis: {host: !!python/name:os.system x}")[0].startswith("c.yaml:1: redis.host: has a tag")


def test_names_must_be_words(machine: Machine) -> None:
    assert machine.mistakes("? [a, b]\n: c\n") == ("c.yaml:1: has a name that is no word",)


def test_anchors_and_merges_share_thresholds(machine: Machine) -> None:
    file = """\
x-blur: &blur {reject_below: 7, review_below: 9}
x-low: &low {reject_below: 3}
policy:
  policies:
    one: {blur: {<<: *blur, review_below: 11}}
    two: {blur: {<<: [*low, *blur]}}
"""
    policies = machine.load(file).settings.policy.policies
    assert (policies["one"].blur.reject_below, policies["one"].blur.review_below) == (7, 11)
    assert (policies["two"].blur.reject_below, policies["two"].blur.review_below) == (3, 9)


def test_merging_what_is_no_mapping_is_a_mistake(machine: Machine) -> None:
    assert machine.mistakes("redis: {<<: word}") == ("c.yaml:1: redis.<<: merges something that is no mapping",)


def test_a_file_that_grows_without_end_is_refused(machine: Machine) -> None:
    lines = ["x-0: &a0 {blur: {reject_below: 1}}"]
    lines += [f"x-{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]}}" for n in range(1, 12)]
    (problem, *_) = machine.mistakes("\n".join(lines) + "\npolicy: {policies: {default: *a11}}")
    assert "merges" in problem


def test_a_mapping_that_merges_itself_ends(machine: Machine) -> None:
    assert "merges" in machine.mistakes("redis: &r {<<: *r}")[0]


def test_a_deep_file_is_refused(machine: Machine) -> None:
    assert machine.mistakes("[" * 20_000) == ("c.yaml: is nested too deeply",)
