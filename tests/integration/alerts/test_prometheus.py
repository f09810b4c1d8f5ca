"""The rules as Prometheus has them: promtool reads them, and judges the same series as `lomi alerts` does."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from lomi_ops.domain.alert_rule import Query, Rule, Side
from lomi_ops.domain.alert_rules import RULES
from lomi_ops.domain.alert_state import Phase, Track, step
from lomi_ops.domain.measure import Measured
from lomi_ops.ops.alerts.prometheus import alert_name, expression, rendered
from tests.conftest import need
from tests.unit.alerts.simulation import BY_SLUG, START, Key, number

EVERY_S = 15
MIXED = 30
CONSTANT = {"lomi_decided_photos": 500.0, "lomi_database_writes": 50.0, "lomi_batches_ended": 50.0, "lomi_workers": 2.0}
WEEK = number("lomi_rejection_ratio", window="7d")


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    need(found, "promtool")
    return found or ""


def run(*words: object, cwd: Path) -> None:
    done = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "lomi.rules.yml"
    path.write_text(rendered(RULES, "production"))
    return path


def test_promtool_reads_every_rule(promtool: str, rules: Path) -> None:
    run(promtool, "check", "rules", rules, cwd=rules.parent)
    found = yaml.safe_load(rules.read_text())["groups"][0]["rules"]
    assert [each["alert"] for each in found] == [*(alert_name(rule.slug) for rule in RULES), "LomiMetricsMissing"]
    assert found[0]["annotations"]["command"] == "lomi --env production check --only redis"
    assert {each["labels"]["profile"] for each in found} == {"production"}
    assert found[-1]["expr"] == 'absent(lomi_build_info{profile="production"})'


def key_of(query: Query) -> Key:
    """One label set that counts."""
    return number(query.measure, **{name: values[0] for name, values in query.wanted})


def levels(rule: Rule) -> list[float]:
    """The number, look by look: bad; all that is neither bad nor well, to stay so; well; the same again, which begins
    nothing; and then now this and now that for a moment."""
    well, bad, between = rule.clear_at / 2, rule.threshold * 1.05 or 1.0, [rule.clear_at, rule.threshold]
    if rule.side is Side.BELOW:
        well, bad = rule.threshold, 0.0
    elif rule.clear_at != rule.threshold:
        gap = rule.threshold - rule.clear_at
        between = [rule.clear_at + gap / 8, rule.threshold - gap / 8, rule.threshold]
    span = int(max(rule.for_s, rule.keep_firing_for_s) / EVERY_S) + 2
    stages = [bad, *between, well, *between, rule.clear_at]
    chance = random.Random(rule.slug)
    return [level for level in stages for _ in range(span)] + [chance.choice([*stages, bad]) for _ in range(MIXED)]


def series(rule: Rule) -> Iterator[dict[Key, float]]:
    for level in levels(rule):
        values = {key_of(guard.query): CONSTANT.get(guard.query.measure, 0.0) for guard in rule.guards}
        if rule.less is not None:
            values[key_of(rule.less)] = CONSTANT[rule.less.measure]
        if rule.slug == "rejections":
            values[WEEK] = 0.1
        yield values | {key_of(rule.query): level + (CONSTANT["lomi_workers"] if rule.less else 0.0)}


def ours(rule: Rule, given: list[dict[Key, float]]) -> list[bool]:
    """At which looks `lomi alerts` has it firing."""
    track, found = Track(), []
    for place, values in enumerate(given):
        at = START + timedelta(seconds=place * EVERY_S)
        track = step(track, rule, rule.judge(Measured(at, values)), at, gap_s=900)
        found.append(track.phase is Phase.FIRING)
    return found


def written(key: Key, profile: str) -> str:
    name, labels = key
    inside = ",".join(f'{label}="{value}"' for label, value in (*labels, ("profile", profile)))
    return f"{name}{{{inside}}}"


def group(rule: Rule, given: list[dict[Key, float]], firing: list[bool]) -> dict[str, Any]:
    """A test of promtool that expects what ours says, at every look, whatever another cluster's numbers are."""
    counted = f'count(ALERTS{{alertname="{alert_name(rule.slug)}",alertstate="firing"}})'
    expected = [
        {
            "expr": counted,
            "eval_time": f"{place * EVERY_S}s",
            "exp_samples": [{"labels": "{}", "value": 1}] if yes else [],
        }
        for place, yes in enumerate(firing)
        if place % 3 == 0
    ]
    columns = [
        {"series": written(key, profile), "values": " ".join(str(values[key]) for values in seen)}
        for profile, seen in (("production", given), ("staging", given[::-1]))
        for key in given[0]
    ]
    return {"name": rule.slug, "interval": f"{EVERY_S}s", "input_series": columns, "promql_expr_test": expected}


def test_both_judge_the_same_series_alike(promtool: str, rules: Path) -> None:
    groups = []
    for rule in RULES:
        given = list(series(rule))
        firing = ours(rule, given)
        assert True in firing, rule.slug
        assert False in firing[firing.index(True) :], f"{rule.slug} is never over"
        groups.append(group(rule, given, firing))
    body = {"rule_files": [rules.name], "evaluation_interval": f"{EVERY_S}s", "tests": groups}
    test = rules.parent / "test.yml"
    test.write_text(yaml.safe_dump(body, sort_keys=False))
    run(promtool, "test", "rules", test, cwd=rules.parent)


def test_an_expression_says_threshold_clear_and_guards() -> None:
    assert expression(BY_SLUG["queue_backlog"]) == (
        '(sum(lomi_queue_jobs{state=~"ready|high|bulk"}) > 50 or (sum(lomi_queue_jobs{state=~"ready|high|bulk"}) > 25'
        ' and on() ALERTS{alertname="LomiQueueBacklog",alertstate="firing"}))'
    )
    assert expression(BY_SLUG["queue_backlog"], "production") == (
        '(sum(lomi_queue_jobs{profile="production",state=~"ready|high|bulk"}) > 50'
        ' or (sum(lomi_queue_jobs{profile="production",state=~"ready|high|bulk"}) > 25'
        ' and on() ALERTS{alertname="LomiQueueBacklog",alertstate="firing",profile="production"}))'
    )
    assert expression(BY_SLUG["workers_missing"]) == (
        '(sum(lomi_workers_expected) - sum(lomi_workers{state=~"running|quiet"})) > 0'
    )
    assert expression(BY_SLUG["rejections"]).endswith(
        ' and (sum(lomi_decided_photos{window="1h"}) > 20) and (sum(lomi_rejection_ratio{window="1h"}) > 2 *'
        ' sum(lomi_rejection_ratio{window="7d"}))'
    )
