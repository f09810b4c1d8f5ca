"""One photo from bytes to decision: the child's look, the face service, the policy."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from lomi_ops.domain.decision import PhotoDecision, decide
from lomi_ops.domain.finding import Engine, EngineReport, EngineStatus, Evidence
from lomi_ops.domain.policy import Policy, judge
from lomi_ops.domain.verdict import Ground, Outcome, Reason, Verdict
from lomi_ops.errors import ConfigError, FacesUnavailable, Throttled
from worker.judging.look import Look

log = logging.getLogger(__name__)


class Healthy(Protocol):
    """How one endpoint of the face service is."""

    @property
    def ok(self) -> bool: ...


class FaceFinder(Protocol):
    """What the judge needs of the face service; `clients.compreface.FaceService` is one."""

    def find(self, jpeg: bytes, scale: float, size: tuple[int, int]) -> EngineReport:
        """Faces in pixels of the upright photo of `size`. Raises FacesUnavailable, Throttled or ConfigError."""
        ...

    def health(self) -> Sequence[Healthy]:
        """How each endpoint is; raises nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision with what is needed to decide whether to wait for a missing engine instead."""

    decision: PhotoDecision
    incomplete: bool
    """Required evidence is missing; the decision is only for a person."""
    timings_ms: dict[str, float]


def conclude(media_id: UUID, look: Look, policy: Policy, finder: FaceFinder | None) -> Judged:
    """Asks the face service where there is one, and applies the policy."""
    started = time.perf_counter()
    faces = face_report(look, finder)
    waited = (time.perf_counter() - started) * 1000
    timings = dict(look.timings_ms) | ({"faces": round(waited, 2)} if finder else {})
    evidence = Evidence(look.width, look.height, (look.blur, faces, look.nsfw))
    verdict = judge(evidence, policy)
    decision = decide(media_id, evidence, verdict, policy, ms=sum(timings.values()), sha256=look.sha256)
    return Judged(decision, verdict.incomplete, timings)


def face_report(look: Look, finder: FaceFinder | None) -> EngineReport:
    """The service's report; the local detector's where there is no service or it is out.

    The fallback knows no ages, so a policy that requires them still waits.
    """
    if finder is None:
        return look.local_faces
    try:
        return finder.find(look.canonical, look.scale, (look.width, look.height))
    except (FacesUnavailable, Throttled, ConfigError) as outage:
        # A wrong key is the operator's to mend: the photo waits for it like for any outage.
        log.error("CompreFace: %s", outage.message, extra={"action": "faces_failed", "hint": outage.hint})
        note = f"CompreFace: {outage.message}"
        if not look.local_faces.answered:
            return EngineReport(Engine.FACES, status=EngineStatus.UNAVAILABLE, detail=note)
        return replace(look.local_faces, detail=note)


def to_person(media_id: UUID, reason: Reason, text: str, policy: Policy, *, sha256: str = "") -> PhotoDecision:
    """A photo that no engine could judge to the end: it waits for a person, and is never approved."""
    verdict = Verdict(Outcome.REVIEW, policy.ref, (Ground(reason, Outcome.REVIEW, reason.value, text=text),))
    evidence = Evidence(0, 0)
    return decide(media_id, evidence, verdict, policy, sha256=sha256)
