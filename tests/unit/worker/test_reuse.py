"""What findings depend on, as one digest; and what is counted of those that are taken again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from lomi_ops.config.schema import Settings
from lomi_ops.domain.decision import PhotoDecision, Taken, decide
from lomi_ops.domain.finding import Engine, EngineStatus, Evidence
from lomi_ops.domain.policy import judge
from lomi_ops.domain.reuse import Inputs
from lomi_ops.domain.tally import Tally
from tests.unit.evidence import POLICY, evidence
from worker.counting import count_reuse
from worker.judging.wire import LoadedEngine
from worker.reuse import Recall, inputs_of, kept
from worker.weather import Upstream, shown

MODELS = (LoadedEngine("nsfw", "a", "1"), LoadedEngine("nsfw", "b", "2"), LoadedEngine("faces", "c", "3"))
SERVICE = {"urls": ["http://core:3000"], "setup": "mobilenet, limit 640"}
BUILD = ("compreface/agegender.AgeDetector", "1.2.0 facenet.FaceDetector")


def settings(**sections: dict[str, Any]) -> Settings:
    return Settings.model_validate(sections)


def digest(made_of: str = "x", faces: tuple[str, str] | None = None, **sections: dict[str, Any]) -> str:
    found = inputs_of(settings(**sections), MODELS, made_of, faces)
    assert found is not None
    return found.digest


def decision(found: Evidence) -> PhotoDecision:
    return decide(UUID(int=1), found, judge(found, POLICY), POLICY, ms=60.0)


def test_engines_are_named_as_their_reports_name_them() -> None:
    found = inputs_of(settings(), MODELS, "x", None)
    assert found is not None
    assert found.engines == {
        Engine.BLUR: ("laplacian", "1"), Engine.NSFW: ("a+b", "1+2"), Engine.FACES: ("c", "3"),
    }  # fmt: skip
    service = inputs_of(settings(compreface=SERVICE), MODELS, "x", BUILD)
    assert service is not None
    assert service.engines[Engine.FACES] == BUILD


def test_whatever_may_change_what_is_seen_changes_the_digest() -> None:
    service = digest(faces=BUILD, compreface=SERVICE)
    others = [
        digest(),
        digest("y"),
        digest(images={"canonical_side": 1280}),
        digest(images={"max_pixels": 20_000_000}),
        digest(models={"threads": 2}),
        service,
        digest(faces=BUILD, compreface=SERVICE | {"setup": "mobilenet, limit 1280"}),
        digest(faces=BUILD, compreface=SERVICE | {"det_prob_threshold": 0.7}),
    ]
    assert len(set(others)) == len(others)


def test_what_changes_nothing_that_is_seen_leaves_the_digest() -> None:
    same = (
        {"images": {"decode_timeout_s": 5, "memory_mb": 2048}}, {"models": {"dir": "/elsewhere"}},
        {"worker": {"slots": 2, "reuse_days": 7}}, {"policy": {"active": "local"}},
    )  # fmt: skip
    assert {digest(**sections) for sections in same} == {digest()}
    elsewhere = SERVICE | {"urls": ["http://other:3000"], "timeout_s": 3}
    assert digest(faces=BUILD, compreface=elsewhere) == digest(faces=BUILD, compreface=SERVICE)


def test_nothing_is_certain_without_models_or_with_a_face_service_that_nobody_described() -> None:
    assert inputs_of(settings(), (), "x", None) is None
    assert inputs_of(settings(), MODELS[:2], "x", None) is None, "no face detector"
    assert inputs_of(settings(), MODELS, "", None) is None
    assert inputs_of(settings(compreface=SERVICE), MODELS, "x", None) is None, "its build is not known"
    assert inputs_of(settings(compreface={"urls": SERVICE["urls"]}), MODELS, "x", BUILD) is None


def test_only_complete_findings_are_kept_for_others() -> None:
    inputs = Inputs(dict.fromkeys(Engine, ("m", "v")), "d")
    whole = decision(evidence())
    assert kept(whole, inputs).inputs == "d"
    assert kept(whole, None) == whole
    silent = decision(evidence(nsfw=None))
    assert kept(silent, inputs) == silent
    stood_in = evidence()
    stood_in = replace(stood_in, reports=tuple(replace(each, detail="CompreFace: gone") for each in stood_in.reports))
    assert kept(decision(stood_in), inputs).inputs == ""
    assert kept(decision(evidence()), replace(inputs, engines={})).inputs == ""


def test_nothing_is_looked_for_unless_the_settings_say_so() -> None:
    assert Recall.of(settings()) is None


def test_a_face_service_without_a_description_is_named_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    where = {"url": "postgresql://lomi@127.0.0.1:1/lomi"}
    made = Recall.of(settings(worker={"reuse_days": 1}, compreface={"urls": ["http://core:3000"]}, database=where))
    assert made is not None
    made.close()
    assert [each.__dict__["action"] for each in caplog.records] == ["reuse_unsure"]


def test_hits_misses_and_saved_time_are_counted_and_what_could_not_be_judged_is_not() -> None:
    found, looked_at = Tally(), decision(evidence())
    known = replace(looked_at, taken=Taken(1, datetime(2026, 11, 20, tzinfo=UTC), 61.5), processing_ms=1.5)
    for each in (looked_at, looked_at, known, decision(Evidence(0, 0))):
        count_reuse(found, each)
    assert found.counts == {"n:reuse:miss": 2, "n:reuse:hit": 1, "n:saved:us": 60_000}


def test_findings_of_before_do_not_show_that_the_face_service_works_now() -> None:
    seen = evidence()
    reports = tuple(
        replace(each, model="compreface/x", status=EngineStatus.ANSWERED) if each.engine is Engine.FACES else each
        for each in seen.reports
    )
    fresh = decision(replace(seen, reports=reports))
    assert Upstream.FACES in shown([fresh])
    assert Upstream.FACES not in shown([replace(fresh, taken=Taken(1, datetime(2026, 11, 20, tzinfo=UTC)))])
