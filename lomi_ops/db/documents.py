"""Decisions as JSON documents and back, without loss: what the log and the checkpoints keep.

Postgres refuses two things that JSON texts may carry, a NUL and half a surrogate pair, and knows no NaN. Texts can come
from a hostile job, so they are made storable here: one odd key must not keep a whole batch from being settled.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from lomi_ops.domain.decision import PhotoDecision, Taken
from lomi_ops.domain.finding import AgeRange, Box, Engine, EngineReport, EngineStatus, Evidence, Finding, Label
from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.domain.plain import plain
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.regime import Rule, Shadowed, stored_rule
from lomi_ops.domain.verdict import FailureCode, Ground, MediaStatus, Outcome, Reason, Verdict

if TYPE_CHECKING:
    from psycopg.types.json import Jsonb

# An enumeration looks its members up in Python, some five times for every photo; these remember.
_engine, _status, _label = lru_cache(64)(Engine), lru_cache(64)(EngineStatus), lru_cache(64)(Label)
_outcome, _reason = lru_cache(64)(Outcome), lru_cache(64)(Reason)


def _spelt(value: object) -> object:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, frozenset):  # each policy has one: what it requires
        return sorted(value)
    raise TypeError


_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_spelt)
_NUL = r"\u0000"


def jsonb(value: object) -> Jsonb:
    """A parameter of type jsonb."""
    from psycopg.types.json import Jsonb  # what only reads documents needs no driver

    return Jsonb(value, dumps=_text)


def _text(value: object) -> str:
    """JSON that Postgres can keep. Almost all is so as it is: only where something is not, each part is looked at."""
    try:
        text = _encoder.encode(value)
        if _NUL not in text and text.encode():
            return text
    except (ValueError, TypeError):
        pass  # no number, no character, or no type of JSON's
    return _encoder.encode(storable(value))


def storable(value: Any) -> Any:
    """The same value with everything replaced that Postgres cannot keep: NUL and lone surrogates by U+FFFD, numbers
    that are no numbers by null, sets by sorted lists."""
    # The exact types first: to ask whether something is a Mapping costs more than all the rest, for every score anew.
    kind = type(value)
    if kind is str:
        return readable(value)
    if kind is dict:
        return {readable(str(key)): storable(item) for key, item in value.items()}
    if kind is int or kind is bool or value is None:
        return value
    match value:
        case str():
            return readable(value)
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {readable(str(key)): storable(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted(storable(item) for item in value)
        case list() | tuple():
            return [storable(item) for item in value]
        case UUID():
            return str(value)
    return value


def readable(text: str) -> str:
    """A text that Postgres can keep."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    return "".join("\ufffd" if "\ud800" <= sign <= "\udfff" else sign for sign in text) if not text.isascii() else text


def moment(milliseconds: int | None) -> datetime | None:
    """Of the queue's clock; None where it does not know."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


def cleaned(decision: PhotoDecision) -> PhotoDecision:
    """The decision as it can be stored; the message is made of the same."""
    return replace(decision, scores=storable(decision.scores), detail=readable(decision.detail))


def log_columns(decision: PhotoDecision, policy: Policy | None) -> dict[str, Any]:
    """The columns of `lomi.decisions` that follow from the decision alone; `policy` is taken for the one that computed
    the verdict where the decision does not carry it."""
    verdict, evidence = decision.verdict, decision.evidence
    by = decision.rule or (Rule(policy) if policy and verdict and policy.ref == verdict.policy else None)
    return {
        "media_id": decision.media_id,
        "status": decision.status.value,
        "reason": decision.reason,
        "outcome": verdict.outcome.value if verdict else None,
        "policy": verdict.policy if verdict else None,
        "thresholds": by.stored() if by else None,
        "grounds": [plain(ground) for ground in verdict.grounds] if verdict else None,
        "photo": {"width": evidence.width, "height": evidence.height} if evidence else None,
        "engines": _engines(evidence) if evidence else None,
        "findings": _findings(evidence) if evidence else None,
        "shadows": [plain(each) for each in decision.shadows] or None,
        "failure": decision.failure.value if decision.failure else None,
        "photo_sha256": decision.sha256 or None,
        "processing_ms": decision.processing_ms,
        "detail": decision.detail,
        "inputs": decision.inputs or None,
        "taken": _taken_document(decision.taken) if decision.taken else None,
    }


def evidence_of(photo: Mapping[str, Any], engines: Any, findings: Any) -> Evidence:
    """Evidence from the three columns `photo`, `engines`, `findings` of `lomi.decisions`."""
    by_engine: dict[str, list[Finding]] = {}
    for found in findings:
        by_engine.setdefault(found["engine"], []).append(_finding(found))
    reports = [
        EngineReport(
            _engine(entry["engine"]),
            entry["model"],
            entry["version"],
            _status(entry["status"]),
            tuple(by_engine.get(entry["engine"], ())),
            entry["detail"],
            float(entry["elapsed_ms"]),
        )
        for entry in engines
    ]
    return Evidence(int(photo["width"]), int(photo["height"]), tuple(reports))


def verdict_of(outcome: str, policy: str, grounds: Any) -> Verdict:
    """A verdict from the columns `outcome`, `policy`, `grounds`."""
    return Verdict(_outcome(outcome), policy, tuple([_ground(ground) for ground in grounds]))


def decision_of(document: Mapping[str, Any]) -> PhotoDecision:
    """A decision from what `decision_document` made of it, or from a row of the log."""
    verdict = evidence = None
    if document["outcome"] is not None:
        verdict = verdict_of(document["outcome"], document["policy"], document["grounds"])
    if document["photo"] is not None:
        evidence = evidence_of(document["photo"], document["engines"], document["findings"])
    return PhotoDecision(
        media_id=UUID(str(document["media_id"])),
        status=MediaStatus(document["status"]),
        reason=document["reason"],
        scores=document.get("scores") or {},
        verdict=verdict,
        evidence=evidence,
        failure=FailureCode(document["failure"]) if document["failure"] else None,
        detail=document["detail"],
        sha256=document["photo_sha256"] or "",
        processing_ms=float(document["processing_ms"] or 0.0),
        fingerprint=_fingerprint(document.get("fingerprint")),
        rule=stored_rule(document.get("thresholds")),
        shadows=tuple(_shadowed(each) for each in document.get("shadows") or ()),
        inputs=document.get("inputs") or "",
        taken=taken_of(document.get("taken")),
    )


def decision_document(decision: PhotoDecision) -> dict[str, Any]:
    """A decision as one JSON object, for a checkpoint."""
    looks = str(decision.fingerprint) if decision.fingerprint else None
    return log_columns(decision, None) | {"scores": decision.scores, "fingerprint": looks}


def taken_of(document: Mapping[str, Any] | None) -> Taken | None:
    """From the column `taken` of `lomi.decisions`."""
    if not document:
        return None
    return Taken(int(document["decision"]), datetime.fromisoformat(document["at"]), float(document["ms"]))


def _taken_document(taken: Taken) -> dict[str, Any]:
    return {"decision": taken.decision, "at": taken.at.isoformat(), "ms": taken.ms}


def _fingerprint(text: str | None) -> Fingerprint | None:
    return Fingerprint(bytes.fromhex(text)) if text else None


def _engines(evidence: Evidence) -> list[dict[str, Any]]:
    return [
        {
            "engine": report.engine.value,
            "model": report.model,
            "version": report.version,
            "status": report.status.value,
            "detail": report.detail,
            "elapsed_ms": report.elapsed_ms,
        }
        for report in evidence.reports
    ]


def _findings(evidence: Evidence) -> list[dict[str, Any]]:
    return [
        {"engine": report.engine.value, **plain(finding)} for report in evidence.reports for finding in report.findings
    ]


def _finding(found: Mapping[str, Any]) -> Finding:
    box, value, age = found["box"], found["value"], found["age"]
    return Finding(
        _label(found["label"]),
        float(found["score"]),
        Box(**box) if box else None,
        found["raw_label"],
        None if value is None else float(value),
        AgeRange(**age) if age else None,
    )


def _shadowed(said: Mapping[str, Any]) -> Shadowed:
    return Shadowed(said["policy"], Outcome(said["outcome"]), said["reason"])


def _ground(ground: Mapping[str, Any]) -> Ground:
    return Ground(
        reason=_reason(ground["reason"]),
        outcome=_outcome(ground["outcome"]),
        label=ground["label"],
        observed=None if ground["observed"] is None else float(ground["observed"]),
        threshold=None if ground["threshold"] is None else float(ground["threshold"]),
        text=ground["text"],
    )
