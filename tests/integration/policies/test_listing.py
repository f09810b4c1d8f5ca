"""`lomi policy list|show|validate|diff`: what the configuration has. No service is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import Lomi

STRICT = """
policy:
  active: strict
  policies:
    strict:
      version: 4
      requires: [blur, faces, nsfw]
      nsfw:
        porn: {review_at: 0.2, reject_at: 0.6}
"""


@pytest.fixture(autouse=True)
def configured(tmp_path: Path) -> None:
    (tmp_path / "lomi.yaml").write_text(STRICT)


def test_the_list_names_each_policy_and_the_active_one(lomi: Lomi) -> None:
    found = {each["ref"]: each for each in lomi("policy", "list", "-o", "json").document["policies"]}

    assert {ref for ref, each in found.items() if each["active"]} == {"strict@4"}
    assert {"default@1", "local@1", "strict@4"} == set(found)
    assert len({each["digest"] for each in found.values()}) == 3
    assert len(lomi("policy", "list", "-o", "jsonl").records) == 3
    assert "strict@4" in lomi("policy", "list").out


def test_without_a_name_the_active_policy_is_shown(lomi: Lomi) -> None:
    assert lomi("policy", "show", "-o", "json").document["policy"]["ref"] == "strict@4"
    assert "a person decides from 0.2" in lomi("policy", "show").out
    assert "without an answer a person decides" in lomi("policy", "show", "default").out


def test_two_policies_are_shown_side_by_side_where_they_differ(lomi: Lomi) -> None:
    found = lomi("policy", "diff", "local", "strict", "-o", "json").document
    said = lomi("policy", "diff", "local", "strict")

    assert found["differences"] == [{"key": "nsfw.porn.review_at", "first": 0.25, "second": 0.2, "turn": "stricter"}]
    assert said.code == 0
    assert "a person decides from 0.25" in said.out
    assert lomi("policy", "diff", "local", "local").out == "local@1 and local@1 judge alike\n"


def test_a_policy_that_no_worker_here_can_serve_is_a_fault_where_it_is_asked_for(lomi: Lomi) -> None:
    assert lomi("policy", "validate").code == 0
    said = lomi("policy", "validate", "default", "-o", "json")

    assert said.code == 1
    assert "no CompreFace is configured" in said.document["policies"][0]["faults"][0]


def test_a_name_that_is_none_gets_the_nearest_one(lomi: Lomi) -> None:
    said = lomi("policy", "show", "strickt")

    assert said.code == 1
    assert "did you mean strict?" in said.err
