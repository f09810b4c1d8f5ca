"""The dashboard: what Grafana asks of a file, and that it draws what there is."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lomi_ops.config.alerts import rules
from lomi_ops.config.schema import Settings
from lomi_ops.domain.alert_rules import SLUGS
from lomi_ops.domain.dashboard import ROWS, Line
from lomi_ops.domain.measure import MEASURES, Kind
from lomi_ops.domain.promql import NAME
from lomi_ops.ops.measuring.dashboard import WIDTH, rendered
from tests.commands import Lomi
from tests.conftest import need

LINES = [line for row in ROWS for panel in row.panels for line in panel.lines]
PARTS = ("_bucket", "_sum", "_count")


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(rendered(rules(Settings())))
    return found


def test_every_expression_names_metrics_that_there_are_and_none_is_left_undrawn() -> None:
    there = {
        name for each in MEASURES
        for name in ([each.name + part for part in PARTS] if each.kind is Kind.HISTOGRAM else [each.name])
    }  # fmt: skip
    drawn = {found[1] for line in LINES for found in NAME.finditer(line.expr)}
    assert drawn <= there

    undrawn = {each.name for each in MEASURES if not any(name.startswith(each.name) for name in drawn)}
    assert undrawn == {
        "lomi_build_info", "lomi_decided_photos", "lomi_batches_ended", "lomi_backup_timestamp_seconds",
        "lomi_database_writes", "lomi_backup_found", "lomi_reuse_saved_seconds_total",
    }  # fmt: skip


def test_labels_that_are_chosen_or_grouped_by_are_labels_of_their_metric() -> None:
    labels = {each.name: {*each.labels, "le"} for each in MEASURES}
    for line in LINES:
        (name,) = {found[1] for found in NAME.finditer(line.expr)}
        base = next(name.removesuffix(part) for part in (*PARTS, "") if name.removesuffix(part) in labels)
        grouped = {word.strip() for by in line.expr.split("by (")[1:] for word in by.partition(")")[0].split(",")}
        shown = {word.partition("}}")[0] for word in line.legend.split("{{")[1:]}
        assert grouped | shown <= labels[base], line.expr


def test_prometheus_can_read_every_expression(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    need(promtool, "promtool (Debian's prometheus)")
    assert promtool
    exprs = [line.scoped.replace("$__rate_interval", "1m").replace("$profile", ".*") for line in LINES]
    body = {"groups": [{"name": "g", "rules": [{"record": f"r{at}", "expr": expr} for at, expr in enumerate(exprs)]}]}
    (tmp_path / "rules.yml").write_text(json.dumps(body))
    done = subprocess.run(
        [promtool, "check", "rules", str(tmp_path / "rules.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_file_has_what_grafana_asks_for(dashboard: dict[str, Any]) -> None:
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time", "annotations"} <= set(dashboard)
    assert len(dashboard["uid"]) <= 40
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            continue
        assert panel["type"] in ("timeseries", "stat")
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        refs = [target["refId"] for target in panel["targets"]]
        assert len(refs) == len(set(refs)) > 0
        assert all("profile=~" in target["expr"] and target["legendFormat"] for target in panel["targets"])
        first, *_ = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert first["value"] is None, "Grafana wants the lowest step without a limit"


def test_no_panel_lies_over_another(dashboard: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    for one, other in itertools.combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        )  # fmt: skip
        assert apart, (one, other)
    assert all(place["x"] + place["w"] <= WIDTH for place in places)


def test_limits_are_those_of_the_alert_rules_as_the_settings_have_them() -> None:
    named = {panel.rule for row in ROWS for panel in row.panels if panel.rule}
    assert named <= set(SLUGS)
    changed = Settings.model_validate({"alerts": {"rules": {"queue_backlog": {"threshold": 70}}}})
    limits = {
        panel["title"]: [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]]
        for panel in json.loads(rendered(rules(changed)))["panels"] if panel["type"] != "row"
    }  # fmt: skip
    assert limits["Jobs that wait"] == [70]
    assert limits["95 % of the writes within"] == [0.2]
    assert limits["Dead letters"] == [0.001], "none is well"
    assert limits["Memory of Redis"] == []


def test_a_profile_is_chosen_in_every_part_of_an_expression() -> None:
    assert Line('sum(lomi_up{service="redis"}) / sum(lomi_up)').scoped == (
        'sum(lomi_up{profile=~"$profile",service="redis"}) / sum(lomi_up{profile=~"$profile"})'
    )


def test_the_command_writes_it_without_any_service(lomi: Lomi, tmp_path: Path) -> None:
    said = lomi("metrics", "dashboard")
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out)["uid"] == "lomi-moderation"
    assert lomi("metrics", "dashboard", "--output-file", tmp_path / "lomi.json").code == 0
    assert (tmp_path / "lomi.json").read_text() == said.out
