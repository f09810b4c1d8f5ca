"""What stands before a deploy: services, their images, and where the new ones would come from."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from lomi_ops.clients.containers.compose_program import ComposeProgram
from lomi_ops.clients.containers.images import Images
from lomi_ops.clients.containers.updates import Updates
from lomi_ops.domain.container import Cluster
from lomi_ops.domain.fleet import Member, MemberState
from lomi_ops.domain.rollout import Runs, Source, Standing, pinned, previous_name
from lomi_ops.errors import NotFound, Refused
from lomi_ops.ops.workers.look import Fleet


def standings(
    cluster: Cluster,
    services: Sequence[str],
    workers: str,
    images: Images,
    updates: Updates,
    compose: ComposeProgram | None,
    source: Source | None,
) -> tuple[Standing, ...]:
    """In the order of `services`. `source` wins over what the Compose file says.

    Raises NotFound for a service that there is not, Refused for one that cannot be deployed to.
    """
    return tuple(
        _standing(cluster, name, images, updates, compose, source, workers=name == workers) for name in services
    )


def _standing(
    cluster: Cluster,
    service: str,
    images: Images,
    updates: Updates,
    compose: ComposeProgram | None,
    source: Source | None,
    *,
    workers: bool,
) -> Standing:
    _require(cluster, service)
    containers = cluster.of(service)
    swarm = f"{cluster.project}_{service}" if cluster.swarm_service(service) else ""
    defined = compose.service(service) if compose and not swarm else None
    if swarm:
        image = updates.image(swarm)
    else:
        image = (defined.image if defined else "") or containers[0].image
    if source is None:
        source = Source.BUILD if defined and defined.builds else Source.PULL
    if pinned(image):
        text = f"{service} names its image by a digest, {image}: no build and no pull leads anywhere else"
        raise Refused(text, hint="name another image in the Compose file, then docker-compose up -d")
    return Standing(
        service=service,
        image=image,
        source=source,
        tagged=images.id_of(image),
        kept=images.id_of(previous_name(image)),
        containers=tuple(Runs(each.id, each.name, each.image_digest, each.up) for each in containers),
        workers=workers,
        swarm=swarm,
    )


def _require(cluster: Cluster, service: str) -> None:
    if cluster.has(service):
        nameless = [each.name for each in cluster.of(service) if not each.place.labelled]
        if nameless:
            text = f"{', '.join(nameless)}: made by hand, without Compose's labels; nobody knows how to make them anew"
            raise Refused(text, hint="make them with docker-compose")
        return
    known = sorted({each.service for each in cluster.containers} | {each.name for each in cluster.swarm})
    close = get_close_matches(service, known, 1, 0.5)
    where = f"project {cluster.project}" if cluster.project else "this engine"
    if close:
        raise NotFound(f"{where} has no service {service}, did you mean {close[0]}?", hint=f"--service {close[0]}")
    raise NotFound(f"{where} has no container of {service}; it has {', '.join(known) or 'none'}", hint="docker ps -a")


def unsafe(fleet: Fleet, wanted: Sequence[Runs]) -> tuple[Member, ...]:
    """Workers among these of which nobody knows what they hold."""
    ids = {each.id for each in wanted}
    return tuple(
        each
        for each in fleet.members
        if each.container is not None
        and each.container.id in ids
        and (each.old or (each.state is MemberState.UNKNOWN and not each.idle))
    )
