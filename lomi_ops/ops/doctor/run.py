"""A diagnosis: every source asked at the same time, then the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from lomi_ops.clients.threads import all_at_once
from lomi_ops.domain.diagnosis import Area, Finding, ordered
from lomi_ops.domain.diagnosis_faces import face_findings
from lomi_ops.domain.diagnosis_flow import flow_findings
from lomi_ops.domain.diagnosis_rejections import rejection_findings
from lomi_ops.domain.diagnosis_workers import worker_findings
from lomi_ops.ops.doctor import faces, flow, rejections, workers
from lomi_ops.ops.doctor.handles import Handles


def diagnose(at: Handles, areas: Sequence[Area], now: datetime) -> tuple[Finding, ...]:
    """What was found in these areas, the most important first. Raises nothing for weather."""
    examine: dict[Area, Callable[[], Iterator[Finding]]] = {
        Area.FLOW: lambda: flow_findings(flow.facts(at, now)),
        Area.WORKERS: lambda: worker_findings(workers.facts(at)),
        Area.COMPREFACE: lambda: face_findings(faces.facts(at)),
        Area.REJECTIONS: lambda: rejection_findings(rejections.facts(at)),
    }
    found = all_at_once(lambda area: tuple(examine[area]()), areas)
    return ordered(finding for findings in found for finding in findings)
