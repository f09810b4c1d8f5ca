"""Workers that were started: whether they are at work, and the last words of those that are not."""

from __future__ import annotations

from collections.abc import Iterable

from lomi_ops.clients.containers import Control
from lomi_ops.domain.container import Container, Health
from lomi_ops.domain.fleet import Member
from lomi_ops.domain.standing import Stand, Standing, stand
from lomi_ops.errors import ContainerError, DockerUnavailable, LomiError

LAST_WORDS = 20
"""Lines of a worker that does not start."""


class Arrivals:
    """How workers stand that were started a moment ago.

    One that has registered has loaded its model. Docker makes a container's health check for the first time when its
    interval is over; it is made here at once instead, until it has passed once.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._stood: set[str] = set()
        """Containers of those that were ready once."""

    def stand(self, member: Member | None) -> Stand:
        """Asks the engine where the health check has not been made yet. Where it lets nobody do that, its own word is
        waited for."""
        found = stand(member, fresh=True)
        if member is None or member.container is None or found.standing is not Standing.READY:
            return found
        if member.container.id not in self._stood and (why := self._objection(member.container)):
            return Stand(Standing.COMING, why)
        self._stood.add(member.container.id)
        return found

    def fallen(self, members: Iterable[Member]) -> tuple[Member, str] | None:
        """The first of those that were ready here and will not be any more, and why: it has ended since, or its health
        check fails by now."""
        for each in members:
            if each.container is not None and each.container.id in self._stood:
                found = stand(each, fresh=True)
                if found.standing is Standing.FAILED:
                    return each, found.why
        return None

    def _objection(self, container: Container) -> str:
        """What its health check says; empty where it passes, or where Docker has had its answer already."""
        if container.health is not Health.STARTING:
            return ""
        try:
            found = self._control.probe(container.id)
        except (ContainerError, DockerUnavailable):
            return f"its health check says {container.health}"
        return "" if found.passed else f"its health check fails: {found.said or 'it says nothing'}"


def last_words(control: Control, container: Container | None) -> tuple[str, ...]:
    """The last lines of its log, or why there are none."""
    if container is None:
        return ()
    try:
        return tuple(line.text for line in control.engine.logs(container, tail=LAST_WORDS))
    except LomiError as failure:
        return (failure.message,)
