"""The ends of logs: what a container said before it fell silent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lomi_ops.domain.container_rules import Trouble
from lomi_ops.domain.diagnosis import LAST_WORDS, Failure
from lomi_ops.ops.doctor.handles import Handles, asked


def last_words(at: Handles, troubles: Sequence[Trouble]) -> dict[str, tuple[str, ...]]:
    """The ends of the logs of these containers, by name; nothing of those that cannot be read."""
    names = {name for trouble in troubles for name in trouble.names}
    cluster = asked("docker", at.docker.cluster) if names else None
    if cluster is None or isinstance(cluster, Failure):
        return {}
    found = {}
    for container in cluster.containers:
        if container.name in names:
            lines = asked("docker", partial(at.docker.engine.logs, container, tail=LAST_WORDS))
            found[container.name] = () if isinstance(lines, Failure) else tuple(line.text for line in lines)
    return found
