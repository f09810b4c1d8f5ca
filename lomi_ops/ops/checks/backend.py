"""The Go backend: whether it is well, and whether an admin sees in it what we see."""

from __future__ import annotations

from lomi_ops.domain.check import CLUSTER, CheckSpec, Found, Metric, Status
from lomi_ops.ops.checks.handles import Check, Handles, Probe
from lomi_ops.ops.checks.redis import PING

HEALTH = "backend.health"
FAR = 50
"""Jobs by which two looks at one queue, a moment apart, may differ on a busy day."""
_NONE = "no backend.url is configured"
_NO_TOKEN = "no backend.token is configured"  # noqa: S105 - a sentence
_LOG = "docker compose -f docker-compose.prod.yml logs --tail 50 backend"


def health(at: Handles) -> Found:
    if at.backend is None:
        return Found(Status.SKIP, _NONE)
    answer = at.backend.health()
    metric = Metric("answer_s", round(answer.elapsed_ms / 1000, 3))
    return Found(Status.PASS, f"{at.backend.label} answers in {answer.elapsed_ms:.0f} ms", metric=metric)


def _as_admin(look: Probe) -> Probe:
    def probe(at: Handles) -> Found:
        if at.backend is None:
            return Found(Status.SKIP, _NONE)
        return Found(Status.SKIP, _NO_TOKEN) if at.settings.backend.token is None else look(at)

    return probe


@_as_admin
def queue_stats(at: Handles) -> Found:
    """It answers, and counts the list that we count."""
    assert at.backend is not None
    theirs = at.backend.queue_stats().queue.length
    ours = at.queue.stats().ready
    said = (str(theirs), str(ours))
    if abs(theirs - ours) > FAR:
        text = f"the backend sees {theirs} jobs in the queue, we see {ours}: it may use another Redis"
        hint = "compare REDIS_HOST and REDIS_DB of the backend with: lomi config show --origin"
        return Found(Status.FAIL, text, hint).seen(*said)
    return Found(Status.PASS, f"{theirs} jobs in its queue, {ours} in ours").seen(*said)


@_as_admin
def dashboard(at: Handles) -> Found:
    assert at.backend is not None
    from lomi_ops.clients.backend import DashboardStatus  # httpx takes 80 ms to import

    page = at.backend.dashboard(DashboardStatus.PENDING, page=1, limit=1)
    return Found(Status.PASS, f"{page.pagination.total} pending photos on it")


CHECKS = (
    Check(CheckSpec("LOMI-BACKEND-001", HEALTH, "the backend answers", _LOG, scopes=CLUSTER, eventual=True,
                    timeout_s=6.0), health),
    Check(CheckSpec("LOMI-BACKEND-002", "backend.queue_stats", "the backend tells an admin of this queue", _LOG,
                    (HEALTH, PING), scopes=CLUSTER, timeout_s=6.0), queue_stats),
    Check(CheckSpec("LOMI-BACKEND-003", "backend.dashboard", "the backend shows its dashboard", _LOG, (HEALTH,),
                    scopes=CLUSTER, timeout_s=6.0), dashboard),
)  # fmt: skip
