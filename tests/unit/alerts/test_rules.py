"""The table of rules: whole, in order, in the words of this cluster; and how one look is judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lomi_ops.config.alerts import rules as configured
from lomi_ops.config.schema import Settings
from lomi_ops.domain.alert_rule import Judged, Rule, Side, amount
from lomi_ops.domain.alert_rules import RULES, SLUGS, grounds
from lomi_ops.domain.measure import MEASURES, Measured, Source
from tests.unit.alerts.simulation import BY_SLUG, NEEDS, Key, number

AT = datetime(2026, 11, 26, tzinfo=UTC)


def seen(rule: str, *values: tuple[Key, float]) -> Judged:
    return BY_SLUG[rule].judge(Measured(AT, dict(values))).judged


def test_every_rule_names_measures_labels_and_checks_that_exist() -> None:
    known = {each.name: each for each in MEASURES}
    for rule in RULES:
        assert rule.cause in NEEDS, rule.slug
        queries = [rule.query, *([rule.less] if rule.less else []), *(guard.query for guard in rule.guards)]
        for query in queries:
            assert query.measure in known, rule.slug
            assert {name for name, _ in query.wanted} <= set(known[query.measure].labels), rule.slug


def test_slugs_are_unique_and_words_for_a_setting() -> None:
    assert len(set(SLUGS)) == len(SLUGS)
    assert all(slug.isidentifier() and slug == slug.lower() for slug in SLUGS)


def test_what_a_rule_follows_stands_before_it() -> None:
    for place, rule in enumerate(RULES):
        assert set(rule.follows) <= set(SLUGS[:place]), rule.slug


def test_redis_explains_what_the_checks_say_that_it_explains() -> None:
    found = grounds(RULES, NEEDS)
    behind = {slug for slug in SLUGS if "redis_down" in found[slug]}
    assert behind >= {"queue_backlog", "workers_none", "workers_missing", "dead_letters", "jobs_stuck"}
    assert not behind & {"redis_down", "postgres_down", "rejections", "backup_old", "database_slow", "review_age"}
    assert "postgres_down" in found["rejections"]
    assert "objects_down" in found["storage_errors"]
    assert "workers_none" in found["workers_missing"]


@pytest.mark.parametrize("rule", RULES, ids=SLUGS)
def test_well_is_never_beyond_the_threshold(rule: Rule) -> None:
    assert rule.distance(rule.clear_at) >= 0
    assert rule.for_s >= 0 <= rule.keep_firing_for_s


@pytest.mark.parametrize("rule", RULES, ids=SLUGS)
def test_without_any_number_a_rule_knows_nothing(rule: Rule) -> None:
    silent = Measured(AT, silent=dict.fromkeys(Source, "timeout"))
    assert rule.judge(silent).judged is Judged.MISSING


def test_a_rule_without_its_setting_has_nothing_to_judge_whatever_the_numbers_say() -> None:
    rules = {rule.slug: rule for rule in configured(Settings())}
    assert [slug for slug, rule in rules.items() if rule.unset] == [slug for slug in SLUGS if BY_SLUG[slug].setting]
    nothing = Measured(AT, {number("lomi_backup_found"): 0.0}, dict.fromkeys(Source, "timeout"))
    assert rules["backup_none"].judge(nothing).judged is Judged.UNSET
    given = {"checks": {"workers": 0}, "backup": {"command": "x"}, "compreface": {"urls": ["http://faces"]}}
    assert not any(rule.unset for rule in configured(Settings.model_validate(given)))


def test_where_nothing_is_written_the_database_is_not_slow() -> None:
    writes = number("lomi_database_writes", window="5m")
    assert seen("database_slow", (writes, 0)) is Judged.CLEAR
    assert seen("database_slow") is Judged.MISSING
    assert seen("database_slow", (writes, 3), (number("lomi_database_write_p95_seconds", window="5m"), 0.3)) is (
        Judged.BREACHED
    )


@pytest.mark.parametrize("rule", RULES, ids=SLUGS)
def test_its_sentence_says_its_numbers_with_their_unit(rule: Rule) -> None:
    said = rule.said(rule.threshold + 1)
    assert "{" not in said
    assert said[:1].isdigit() or said[:1].islower() or said.split()[0] in ("Redis", "Postgres", "CompreFace")


def test_states_of_jobs_that_wait_are_added_up() -> None:
    jobs = [(number("lomi_queue_jobs", state=state), 20.0) for state in ("ready", "high", "bulk", "running", "dead")]
    assert BY_SLUG["queue_backlog"].value(Measured(AT, dict(jobs))) == 60
    assert seen("queue_backlog", *jobs) is Judged.BREACHED


def test_missing_workers_are_counted_against_those_that_are_there() -> None:
    expected, running = number("lomi_workers_expected"), number("lomi_workers", state="running")
    assert seen("workers_missing", (expected, 4), (running, 3)) is Judged.BREACHED
    assert seen("workers_missing", (expected, 4), (running, 4)) is Judged.CLEAR
    assert seen("workers_missing", (running, 4)) is Judged.MISSING
    assert seen("workers_missing", (expected, 4)) is Judged.MISSING


HOUR, WEEK = number("lomi_rejection_ratio", window="1h"), number("lomi_rejection_ratio", window="7d")
DECIDED = number("lomi_decided_photos", window="1h")


@pytest.mark.parametrize(
    ("hour", "week", "decided", "judged"),
    [
        (0.4, 0.1, 500, Judged.BREACHED),
        (0.4, 0.3, 500, Judged.CLEAR),
        (0.4, 0.1, 5, Judged.CLEAR),
        (0.28, 0.1, 500, Judged.BETWEEN),
        (0.2, 0.01, 500, Judged.CLEAR),
        (0.4, None, 500, Judged.MISSING),
        (None, 0.1, 500, Judged.MISSING),
    ],
)
def test_many_rejections_count_when_they_are_many_for_this_cluster_too(
    hour: float | None, week: float | None, decided: float, judged: Judged
) -> None:
    values = {HOUR: hour, WEEK: week, DECIDED: decided}
    assert seen("rejections", *[(key, value) for key, value in values.items() if value is not None]) is judged


def test_no_photo_that_waits_for_a_person_is_well_unless_nobody_could_be_asked() -> None:
    rule = BY_SLUG["review_age"]
    assert rule.judge(Measured(AT)).judged is Judged.CLEAR
    assert rule.judge(Measured(AT, silent={Source.POSTGRES: "timeout"})).judged is Judged.MISSING


def test_below_is_bad_where_a_rule_says_so() -> None:
    rule = replace(BY_SLUG["workers_none"], clear=2)
    assert rule.side is Side.BELOW
    running = number("lomi_workers", state="running")
    judged = [rule.judge(Measured(AT, {running: value})).judged for value in (0.0, 1.0, 2.0)]
    assert judged == [Judged.BREACHED, Judged.BETWEEN, Judged.CLEAR]


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [(0.345, "%", "34.5 %"), (0.05, "%", "5 %"), (0.24, "s", "240 ms"), (93600, "s", "26.0 h"),
     (1234, "jobs", "1,234 jobs"), (0, "s", "0 s"), (3, "", "3"), (1, "jobs", "1 job")],
)  # fmt: skip
def test_numbers_are_written_for_people(value: float, unit: str, said: str) -> None:
    assert amount(value, unit) == said
