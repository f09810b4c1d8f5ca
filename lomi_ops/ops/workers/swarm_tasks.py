"""Whether a Swarm may stop the tasks of a service: it sends SIGTERM, and SIGKILL after their grace."""

from __future__ import annotations

from collections.abc import Sequence

from lomi_ops.domain.container import Container, SwarmService, SwarmTask
from lomi_ops.domain.fleet import Member
from lomi_ops.errors import Refused
from lomi_ops.ops.workers.draining import GRACE_S


def require_no_loss(service: SwarmService, members: Sequence[Member], grace_s: float) -> None:
    """Raises Refused where a job would be lost: a worker gets less time than its own grace, or nobody knows what it
    holds."""
    name, due_s = service.full_name, grace_s + GRACE_S
    if service.stop_grace_s < due_s:
        text = f"the Swarm kills a task of {name} after {service.stop_grace_s:g} s; a worker may take {grace_s:g} s"
        hint = f"docker service update --stop-grace-period {due_s:g}s {name}; or --force"
        raise Refused(f"{text} to finish its job or to give it back", hint=hint)
    strangers = [task for task in service.tasks if task.running and not _harmless(task, members)]
    if strangers:
        text = f"{len(strangers)} of {len(service.tasks)} tasks are not registered: a job in their hand would be lost"
        raise Refused(text, hint="wait until the queue is empty (lomi queue stats), then repeat it with --force")


def is_registered(task: SwarmTask, members: Sequence[Member]) -> bool:
    """By its container, where that is on this machine: it may have a host name of its own."""
    return any(
        member.registered is not None
        and (member.registered.info.host == task.short_id or _is_in(member.container, task))
        for member in members
    )


def _harmless(task: SwarmTask, members: Sequence[Member]) -> bool:
    """Whether it finishes its job when it is told to end, or is one of ours that has not come to have one."""
    return is_registered(task, members) or any(
        member.container is not None and member.container.ours and member.idle and _is_in(member.container, task)
        for member in members
    )


def _is_in(container: Container | None, task: SwarmTask) -> bool:
    return container is not None and container.id == task.container_id
