"""What the last green run had found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given

from lomi_ops.config import paths
from lomi_ops.config.schema import Settings
from lomi_ops.domain.check import CheckResult, CheckSpec, Found, Status
from lomi_ops.ops.checks.memory import GreenRun, marked, recall, remember, target
from tests.unit.check.reports import NOW, results

RANK = [{Status.PASS}, {Status.SUPPRESSED, Status.WARN}, {Status.UNKNOWN}, {Status.FAIL}]


def result(slug: str, status: Status) -> CheckResult:
    return CheckResult(CheckSpec(f"LOMI-{slug}", slug, "", ""), Found(status))


def new(green: dict[str, Status], *now: CheckResult) -> list[str]:
    return [each.spec.slug for each in marked(now, GreenRun(NOW, green)) if each.new]


@pytest.mark.parametrize("before", [status for rank in RANK for status in sorted(rank)])
def test_new_is_what_is_worse_than_it_was(before: Status) -> None:
    rank = next(number for number, statuses in enumerate(RANK) if before in statuses)
    for number, statuses in enumerate(RANK):
        for now in statuses:
            assert bool(new({"a.b": before}, result("a.b", now))) is (number > rank), (before, now)


def test_what_was_not_looked_at_then_is_not_new_and_what_is_not_looked_at_now_neither() -> None:
    assert new({"a.b": Status.PASS}, result("c.d", Status.FAIL), result("a.b", Status.SKIP)) == []
    assert new({"a.b": Status.PASS}, result("a.b", Status.BLOCKED)) == [], "its cause is new, not what waits for it"


@given(results())
def test_without_a_green_run_everything_stays_as_it_is(found: Sequence[CheckResult]) -> None:
    assert list(marked(found, None)) == list(found)


@given(results())
def test_what_is_remembered_is_recalled(tmp_path_factory: pytest.TempPathFactory, found: Sequence[CheckResult]) -> None:
    folder = tmp_path_factory.mktemp("state")
    remember(folder, "x", found, NOW)

    green = recall(folder, "x")

    assert green is not None
    assert green.at == NOW
    looked_at = [each for each in found if each.status not in (Status.SKIP, Status.BLOCKED)]
    assert green.statuses == {each.spec.slug: each.status for each in looked_at}
    assert [path.name for path in (folder / "checks").iterdir()] == ["x.json"], "nothing is left beside it"


def test_what_a_run_did_not_look_at_stays_as_it_was(tmp_path: Path) -> None:
    remember(tmp_path, "x", [result("a.b", Status.PASS), result("c.d", Status.WARN)], NOW)
    remember(tmp_path, "x", [result("a.b", Status.SKIP), result("c.d", Status.PASS)], NOW + timedelta(days=1))

    green = recall(tmp_path, "x")

    assert green == GreenRun(NOW + timedelta(days=1), {"a.b": Status.PASS, "c.d": Status.PASS})


@pytest.mark.parametrize(
    "text",
    ["", "not json", "[]", "{}", '{"at": "x", "statuses": {}}', '{"at": "2026-11-26", "statuses": {"a": "odd"}}'],
)
def test_a_file_that_cannot_be_read_remembers_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "x.json").write_text(text)

    assert recall(tmp_path, "x") is None


def test_each_cluster_has_a_name_of_its_own_that_no_secret_changes() -> None:
    def name(**url: str) -> str:
        return target(Settings.model_validate({"redis": url}))

    assert name(url="redis://:one@h/0") == name(url="redis://:two@h/0")
    assert len({name(url="redis://h/0"), name(url="redis://h/1"), name(url="redis://g/0"), name(host="h")}) == 4
    assert "secret" not in target(Settings.model_validate({"redis": {"url": "redis://:secret@h/0"}}))


def test_what_is_remembered_is_never_in_the_way_of_a_stack(tmp_path: Path) -> None:
    """`lomi up` takes an empty folder only, and as root its own is the system's."""
    assert paths.state_folder({"HOME": str(tmp_path)}) == tmp_path / ".local/state/lomi"
    assert paths.state_folder({"HOME": "/root", "XDG_STATE_HOME": "/state"}) == Path("/state/lomi")
    for uid in (0, 1000):
        stack, state = paths.default_data({"HOME": "/root"}, uid), paths.state_folder({"HOME": "/root"})
        assert stack is not None
        assert state is not None
        assert not state.is_relative_to(stack)
