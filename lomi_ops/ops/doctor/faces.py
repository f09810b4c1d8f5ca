"""Facts about CompreFace: its container, its health, and what it sees in a photo."""

from __future__ import annotations

from lomi_ops.clients.compreface.pool import FaceService
from lomi_ops.domain.container import Cluster
from lomi_ops.domain.container_rules import exposure_troubles, oom_troubles, service_troubles
from lomi_ops.domain.diagnosis import Failure
from lomi_ops.domain.diagnosis_faces import Endpoint, FaceFacts
from lomi_ops.imaging.golden import SIZE, portrait
from lomi_ops.ops.doctor.handles import Handles, asked
from lomi_ops.ops.doctor.last_words import last_words


def facts(at: Handles) -> FaceFacts:
    """Raises nothing: what could not be asked is in the facts."""
    cluster = None if at.docker.engine.place is None else asked("docker", at.docker.cluster)
    contained = _contained(at, cluster) if isinstance(cluster, Cluster) else FaceFacts(configured=False)
    if at.faces is None:
        return contained
    endpoints = tuple(Endpoint(each.url, each.ok, each.detail, each.slow) for each in at.faces.health())
    photo = _photo(at.faces) if any(each.ok for each in endpoints) else None
    return FaceFacts(
        configured=True,
        endpoints=endpoints,
        container=contained.container,
        exposed=contained.exposed,
        names=contained.names,
        photo=photo if isinstance(photo, Failure) else None,
        faces=photo if isinstance(photo, int) else None,
        default_key=at.faces.uses_default_key,
        last_words=contained.last_words,
    )


def _photo(faces: FaceService) -> int | Failure:
    return asked("compreface", lambda: len(faces.find(portrait(), 1.0, SIZE).findings))


def _contained(at: Handles, cluster: Cluster) -> FaceFacts:
    service = at.settings.docker.compreface_service or ""
    containers = cluster.of(service)
    if not cluster.has(service):
        return FaceFacts(configured=False)
    troubles = (*service_troubles(cluster, service), *oom_troubles(containers, cluster.at))
    words = tuple(line for lines in last_words(at, troubles).values() for line in lines)
    names = tuple(each.name for each in containers)
    return FaceFacts(
        configured=False,
        container=troubles,
        exposed=exposure_troubles(containers),
        names=names,
        last_words=words,
    )
