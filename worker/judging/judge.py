"""One photo from bytes to decision: the child's look, the face service, the policy."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from lomi_ops.domain.decision import PhotoDecision, decide
from lomi_ops.domain.finding import Engine, EngineReport, EngineStatus, Evidence
from lomi_ops.domain.policy import Policy, Requirement, counted_faces
from lomi_ops.domain.regime import Rule, judged
from lomi_ops.domain.verdict import Ground, Outcome, Reason, Verdict
from lomi_ops.errors import ConfigError, FacesUnavailable, LomiError, Throttled
from worker.judging.host import JudgeCrash
from worker.judging.look import Look

log = logging.getLogger(__name__)

CRASHES_TO_PERSON = 2
"""The first death of a judging process may be chance; the second one over the same photo is the photo."""


class FaceFinder(Protocol):
    """What the judge needs of the face service; `clients.compreface.FaceService` is one."""

    def find(self, jpeg: bytes, scale: float, size: tuple[int, int]) -> EngineReport:
        """Faces in pixels of the upright photo of `size`. Raises FacesUnavailable, Throttled or ConfigError."""
        ...

    def answers(self, jpeg: bytes, size: tuple[int, int]) -> bool:
        """Whether any endpoint, also one that is out of use, has an answer about this photo now; raises nothing."""
        ...

    @property
    def made_of(self) -> tuple[str, str] | None:
        """Model and version that all endpoints have named last; None where that is not known. Asks nobody."""
        ...


class Sees(Protocol):
    """What looks at pixels; `JudgingProcess` is one."""

    def look(self, data: bytes, *, canonical: bool) -> Look: ...


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision with what is needed to decide whether to wait for a missing engine instead."""

    decision: PhotoDecision
    incomplete: bool
    """Required evidence is missing; the decision is only for a person."""
    timings_ms: dict[str, float]
    outage: LomiError | None = None
    """Why the face service gave no answer: FacesUnavailable, Throttled or ConfigError."""


def look_twice(process: Sees, data: bytes, *, canonical: bool, crashed: Callable[[JudgeCrash], int]) -> Look:
    """One look; another one in a fresh process where the first one died. `crashed` counts the deaths over this photo.

    Raises JudgeCrash after the second one, and what `look` and `crashed` raise.
    """
    while True:
        try:
            return process.look(data, canonical=canonical)
        except JudgeCrash as crash:
            if crashed(crash) >= CRASHES_TO_PERSON:
                raise


def conclude(media_id: UUID, look: Look, rule: Rule, finder: FaceFinder | None) -> Judged:
    """Asks the face service where there is one, and applies the rule."""
    started = time.perf_counter()
    faces, outage = face_report(look, rule.policy, finder)
    waited = (time.perf_counter() - started) * 1000
    timings = dict(look.timings_ms) | ({"faces": round(waited, 2)} if finder else {})
    evidence = Evidence(look.width, look.height, (look.blur, faces, look.nsfw))
    verdict = judged(evidence, rule)
    decision = decide(
        media_id, evidence, verdict, rule,
        ms=sum(timings.values()), sha256=look.sha256, fingerprint=look.fingerprint,
    )  # fmt: skip
    return Judged(decision, verdict.incomplete, timings, outage)


def face_report(look: Look, policy: Policy, finder: FaceFinder | None) -> tuple[EngineReport, LomiError | None]:
    """The service's report; the local detector's where there is no service or it is out, and then why it is out."""
    if finder is None:
        return look.local_faces, None
    try:
        return finder.find(look.canonical, look.scale, (look.width, look.height)), None
    except (FacesUnavailable, Throttled, ConfigError) as outage:
        # A wrong key is the operator's to mend: the photo waits for it like for any outage.
        log.error("CompreFace: %s", outage.message, extra={"action": "faces_failed", "hint": outage.hint})
        return _fallback(look.local_faces, policy, f"CompreFace: {outage.message}"), outage


def _fallback(local: EngineReport, policy: Policy, note: str) -> EngineReport:
    """The local detector knows no ages, so its faces leave a policy that requires ages waiting. Where it finds none it
    must not be believed either: nobody's age would be missing, and a minor's portrait be rejected as `no_face`."""
    heard = Evidence(0, 0, (local,))
    if local.answered and (Requirement.AGE not in policy.requires or counted_faces(heard, policy.faces)):
        return replace(local, detail=note)
    return EngineReport(Engine.FACES, status=EngineStatus.UNAVAILABLE, detail=note)


def to_person(media_id: UUID, reason: Reason, text: str, rule: Rule, *, sha256: str = "") -> PhotoDecision:
    """A photo that no engine could judge to the end: it waits for a person, and is never approved."""
    verdict = Verdict(Outcome.REVIEW, rule.policy.ref, (Ground(reason, Outcome.REVIEW, reason.value, text=text),))
    evidence = Evidence(0, 0)
    return decide(media_id, evidence, verdict, rule, sha256=sha256)
