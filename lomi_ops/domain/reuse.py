"""Findings of an earlier photo with the very same bytes, taken again instead of a look; the policy decides anew.

Only what engines said is taken, never a verdict: whatever policy, arms and shadows hold now judge it as if it had just
been found. Whatever is not certain is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from lomi_ops.domain.decision import PhotoDecision, Taken, decide
from lomi_ops.domain.finding import Engine, EngineReport, Evidence
from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.domain.policy import missing
from lomi_ops.domain.regime import Rule, judged


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the findings of a worker depend on, beside the bytes of the photo."""

    engines: Mapping[Engine, tuple[str, str]]
    """Model and version of each engine, as its reports name them."""
    digest: str
    """Of everything else: manifests, settings, the libraries that decode and compute."""


@dataclass(frozen=True, slots=True)
class Known:
    """An earlier decision on a photo with the same bytes and inputs of the same digest."""

    decision: int
    at: datetime
    evidence: Evidence
    ms: float
    fingerprint: Fingerprint | None = None


def complete(evidence: Evidence, inputs: Inputs) -> bool:
    """Whether each engine answered, in full, and was the one that answers now."""
    reports = {report.engine: report for report in evidence.reports}
    if len(reports) != len(evidence.reports) or set(reports) != set(Engine) or set(inputs.engines) != set(Engine):
        return False
    return all(_whole(report, inputs.engines[engine]) for engine, report in reports.items())


def _whole(report: EngineReport, wanted: tuple[str, str]) -> bool:
    """A detail says what was wrong: an engine that stood in for another one has one, although it answered."""
    named = bool(report.model and report.version)
    return report.answered and not report.detail and named and (report.model, report.version) == wanted


def retaken(
    media_id: UUID, known: Known, inputs: Inputs, rule: Rule, *, since: datetime, sha256: str, ms: float
) -> PhotoDecision | None:
    """The decision on a photo whose bytes are known; None where it must be looked at: engines are others, the findings
    are too old, or leave open what the rule asks for."""
    if known.at < since or not complete(known.evidence, inputs):
        return None
    evidence = _unasked(known.evidence)
    if any(missing(evidence, policy) for policy in (rule.policy, *rule.guards)):
        return None
    decision = decide(
        media_id, evidence, judged(evidence, rule), rule, ms=ms, sha256=sha256, fingerprint=known.fingerprint
    )
    return replace(decision, taken=Taken(known.decision, known.at, known.ms))


def _unasked(evidence: Evidence) -> Evidence:
    """The same findings; they took no engine any time."""
    return replace(evidence, reports=tuple(replace(report, elapsed_ms=0.0) for report in evidence.reports))
