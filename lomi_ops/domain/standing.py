"""Whether a worker that should be at work is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lomi_ops.domain.container import Container, ContainerState, Health
from lomi_ops.domain.fleet import Member, MemberState


class Standing(StrEnum):
    """How far a worker is on its way."""

    READY = "ready"
    """Its model is loaded and it takes jobs: by its registration, else by its log and its health check, if any. What a
    health check has not said yet is for `ops.workers.arriving` to ask."""
    COMING = "coming"
    FAILED = "failed"
    """It will not be ready by itself."""
    UNKNOWN = "unknown"
    """It runs, and nothing tells whether its model is loaded."""


@dataclass(frozen=True, slots=True)
class Stand:
    """How one worker stands."""

    standing: Standing
    why: str = ""

    @property
    def settled(self) -> bool:
        """Whether waiting would change it."""
        return self.standing is not Standing.COMING


def stand(member: Member | None, *, fresh: bool) -> Stand:
    """`fresh`: it was started a moment ago, so a single restart since then says that it does not hold out."""
    if member is None or member.container is None:
        return Stand(Standing.FAILED, "its container is gone")
    if why := _over(member.container, fresh=fresh):
        return Stand(Standing.FAILED, why)
    # A health check is made for the first time when its interval is over: until then it says nothing.
    silent = (Health.UNHEALTHY,) if member.registered is not None else (Health.UNHEALTHY, Health.STARTING)
    if member.container.health in silent:
        return Stand(Standing.COMING, f"its health check says {member.container.health}")
    if member.works:
        return Stand(Standing.READY)
    if member.state is MemberState.UNKNOWN:
        if member.container.health is Health.HEALTHY:
            return Stand(Standing.READY)
        return Stand(Standing.UNKNOWN, "its log cannot be read, and it has no health check")
    if member.state is MemberState.FAILING and member.trouble is not None:
        return Stand(Standing.COMING, member.trouble.what)
    if member.state is MemberState.STARTING:
        return Stand(Standing.COMING, "it has not loaded its model yet")
    return Stand(Standing.COMING, f"it is {member.state}")


def _over(container: Container, *, fresh: bool) -> str:
    """Why it does not go on; empty where it runs."""
    if container.oom_killed and (not container.up or fresh):
        return "it was killed for want of memory"
    if container.error:
        return container.error
    if not container.up:
        return f"it ended with exit code {container.exit_code}"
    if container.state is ContainerState.PAUSED:
        return "somebody froze it: docker unpause"
    if fresh and container.restart_count:
        return "it ended, and was started again"
    if fresh and container.health is Health.UNHEALTHY:
        return f"its health check fails: {container.health_output or 'it says nothing'}"
    return ""
