"""The containers of the cluster, as the Docker Engine sees them. They tell of old workers as much as of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lomi_ops.config.schema import Settings
from lomi_ops.domain import span
from lomi_ops.domain.check import CLUSTER, CheckSpec, Found, Metric, Severity, Status
from lomi_ops.domain.container import Cluster, Container
from lomi_ops.domain.container_rules import (
    Trouble,
    exposure_troubles,
    image_troubles,
    limit_troubles,
    loop_troubles,
    oom_troubles,
    policy_troubles,
    service_troubles,
    short_digest,
)
from lomi_ops.domain.worker_log import WorkerTrouble, worker_trouble
from lomi_ops.errors import ConfigError, DockerUnavailable, RedisUnavailable
from lomi_ops.ops.checks import elsewhere
from lomi_ops.ops.checks.handles import Check, Handles, Probe
from lomi_ops.ops.checks.words import counted

USUAL_WORKERS = 4
"""Containers that the Compose file runs, where `checks.workers` says nothing."""
_NO_ENGINE = "no Docker Engine is configured, and this machine has none"
_NOTHING = "this engine runs no container of the cluster"


def engine(at: Handles) -> Found:
    if at.docker.engine.place is None:
        return Found(Status.SKIP, _NO_ENGINE)
    try:
        said = at.docker.engine.version()
    except DockerUnavailable as failure:
        if isinstance(failure.__cause__, PermissionError):
            return Found(Status.UNKNOWN, failure.message, failure.hint)
        raise
    return Found(Status.PASS, f"Docker {said.version}" + (", manages a Swarm" if said.swarm else ""))


def found(at: Handles) -> Found:
    """Whether the engine has containers of the cluster at all. A laptop's engine has none, and that is no failure."""
    if at.docker.engine.place is None:
        return Found(Status.SKIP, _NO_ENGINE)
    try:
        cluster = at.docker.cluster()
    except ConfigError as several:
        return Found(Status.UNKNOWN, several.message, several.hint)
    if not cluster.empty:
        project = f"project {cluster.project}" if cluster.project else "known by their names"
        return Found(Status.PASS, f"{counted(len(cluster.containers), 'container', 'containers')}, {project}")
    section = at.settings.docker
    if section.project is None and not at.docker.engine.named:
        return Found(Status.SKIP, _NOTHING)
    wanted = f"project {section.project}" if section.project else ", ".join(section.services)
    hint = "docker ps -a; settings docker.project and docker.workers_service say what is looked for"
    return Found(Status.FAIL, f"{_NOTHING}: {wanted}", hint)


def _judged(judge: Callable[[Cluster, Handles], Found]) -> Probe:
    """A probe of a cluster that has containers; skipped where there are none."""

    def probe(at: Handles) -> Found:
        if at.docker.engine.place is None:
            return Found(Status.SKIP, _NO_ENGINE)
        cluster = at.docker.cluster()
        return Found(Status.SKIP, _NOTHING) if cluster.empty else judge(cluster, at)

    return probe


def _service(name: Callable[[Settings], str | None], hosts: Callable[[Settings], Sequence[str]]) -> Probe:
    """Whether one service runs; skipped where the settings say that it runs elsewhere."""

    @_judged
    def probe(cluster: Cluster, at: Handles) -> Found:
        service = name(at.settings)
        if service is None:
            return Found(Status.SKIP, "it runs elsewhere, the settings say")
        if not cluster.has(service) and (host := elsewhere.host(hosts(at.settings), service)):
            return Found(Status.SKIP, f"it runs elsewhere: {host}")
        return _told(service_troubles(cluster, service), _well(cluster.of(service), cluster))

    return probe


def _well(containers: Sequence[Container], cluster: Cluster) -> str:
    if not containers:
        return "its tasks run"
    one = containers[0]
    health = "" if one.health == "none" else f", {one.health}"
    since = f", for {span.said((cluster.at - one.started_at).total_seconds())}" if one.started_at else ""
    return f"{one.state}{health}{since}: {one.image}"


@_judged
def workers(cluster: Cluster, at: Handles) -> Found:
    service, wanted = at.settings.docker.workers_service, at.settings.checks.workers
    if service is None:
        return Found(Status.SKIP, "they run elsewhere, the settings say")
    if not cluster.has(service) and (others := _registered(at)):
        return Found(Status.SKIP, f"{counted(others, 'worker beats', 'workers beat')}, in no container of this engine")
    expected = USUAL_WORKERS if wanted is None else wanted
    up = cluster.running(service)
    found = _told(service_troubles(cluster, service, expected), "")
    detail = "; ".join(part for part in (f"{up} of {expected} run", found.detail) if part)
    usual = "; where fewer are meant, set checks.workers" if wanted is None and found.hint else ""
    return Found(found.status, detail, f"{found.hint}{usual}", observed=str(up), expected=str(expected),
                 metric=Metric("worker_containers", up))  # fmt: skip


def _registered(at: Handles) -> int:
    """Workers of lomi that live, wherever they run; 0 also where Redis does not say."""
    try:
        return sum(record.beat_age_s <= at.settings.worker.lease_s for record in at.registry.list())
    except RedisUnavailable:
        return 0


@_judged
def models(cluster: Cluster, at: Handles) -> Found:
    service = at.settings.docker.workers_service
    if service is None or not cluster.of(service):
        return Found(Status.SKIP, "there is no worker's container on this engine")
    logs = at.docker.worker_logs(service)
    troubles = [trouble for log in logs if (trouble := worker_trouble(log, cluster.at))]
    loaded = f"{len(logs) - len(troubles)} of {len(logs)} have loaded their model"
    if not troubles:
        return Found(Status.PASS, loaded)
    status = Status.FAIL if any(each.status is Status.FAIL for each in troubles) else Status.UNKNOWN
    return Found(status, f"{loaded}; {'; '.join(each.what for each in troubles)}", _advice(troubles))


def _advice(troubles: Sequence[WorkerTrouble]) -> str:
    advised = [each.failure.hint for each in troubles if each.failure and each.failure.hint]
    return advised[0] if advised else "lomi doctor workers"


def _of_all(rule: Callable[[Iterable[Container]], tuple[Trouble, ...]], well: str) -> Probe:
    return _judged(lambda cluster, at: _told(rule(cluster.containers), well))


def _of_workers(rule: Callable[[Sequence[Container]], tuple[Trouble, ...]], well: str) -> Probe:
    @_judged
    def probe(cluster: Cluster, at: Handles) -> Found:
        found = cluster.of(at.settings.docker.workers_service or "")
        return (
            _told(rule(found), well) if found else Found(Status.SKIP, "there is no worker's container on this engine")
        )

    return probe


@_judged
def kills(cluster: Cluster, at: Handles) -> Found:
    return _told(oom_troubles(cluster.containers, cluster.at), "no container was killed for want of memory lately")


@_judged
def loops(cluster: Cluster, at: Handles) -> Found:
    return _told(loop_troubles(cluster.containers, cluster.at), "no container is restarted again and again")


@_judged
def images(cluster: Cluster, at: Handles) -> Found:
    service = at.settings.docker.workers_service or ""
    found = cluster.of(service)
    if not found:
        return Found(Status.SKIP, "there is no worker's container on this engine")
    return _told(image_troubles(cluster, service), f"{found[0].image}, {short_digest(found[0].image_digest)}")


@_judged
def exposed(cluster: Cluster, at: Handles) -> Found:
    """The backend is there for the world; what keeps its data is not."""
    section = at.settings.docker
    inner = {section.postgres_service, section.redis_service, section.compreface_service}
    kept = [each for each in cluster.containers if each.service in inner]
    return _told(exposure_troubles(kept), "Postgres, Redis and CompreFace are not published on every address")


def _told(troubles: Sequence[Trouble], well: str) -> Found:
    """The worst trouble first, with its command; or that all is well."""
    if not troubles:
        return Found(Status.PASS, well)
    return Found(troubles[0].status, "; ".join(each.what for each in troubles), troubles[0].next)


ENGINE, CLUSTER_FOUND = "docker.engine", "docker.containers"


def _check(number: int, slug: str, sentence: str, fix: str, probe: Probe, *, severity: Severity = Severity.ERROR,
           eventual: bool = False, timeout_s: float = 10.0) -> Check:  # fmt: skip
    needs = {ENGINE: (), CLUSTER_FOUND: (ENGINE,)}.get(slug, (CLUSTER_FOUND,))
    spec = CheckSpec(f"LOMI-DOCKER-{number:03}", slug, sentence, fix, needs, severity, timeout_s=timeout_s,
                     eventual=eventual, scopes=CLUSTER)  # fmt: skip
    return Check(spec, probe)


_LOOK = "docker ps -a"
CHECKS = (
    _check(1, ENGINE, "the Docker Engine answers", "docker version", engine),
    _check(2, CLUSTER_FOUND, "the cluster's containers are found", _LOOK, found),
    _check(3, "docker.postgres", "the container of Postgres is well", _LOOK,
           _service(lambda settings: settings.docker.postgres_service, elsewhere.database), eventual=True),
    _check(4, "docker.redis", "the container of Redis is well", _LOOK,
           _service(lambda settings: settings.docker.redis_service, elsewhere.redis), eventual=True),
    _check(5, "docker.backend", "the container of the backend is well", _LOOK,
           _service(lambda settings: settings.docker.backend_service, elsewhere.backend), eventual=True),
    _check(6, "docker.compreface", "the container of CompreFace is well", _LOOK,
           _service(lambda settings: settings.docker.compreface_service, elsewhere.faces), eventual=True),
    _check(7, "docker.workers", "as many workers' containers run as are wanted", _LOOK, workers, eventual=True),
    _check(8, "docker.models", "every worker has loaded its model", "lomi doctor workers", models, eventual=True),
    _check(9, "docker.memory", "no container was killed for want of memory", "docker stats --no-stream",
           kills),
    _check(10, "docker.restarts", "no container is restarted again and again", _LOOK, loops, eventual=True),
    _check(11, "docker.limits", "workers have the guide's memory limits", "docker stats --no-stream",
           _of_workers(limit_troubles, "1 GiB or more each, 512 MiB or more reserved"), severity=Severity.WARNING),
    _check(12, "docker.restart_policy", "containers are started again by themselves",
           "docker update --restart unless-stopped NAME", _of_all(policy_troubles, "unless-stopped or always"),
           severity=Severity.WARNING),
    _check(13, "docker.images", "workers come from one image", "docker compose up -d", images,
           severity=Severity.WARNING),
    _check(14, "docker.exposed", "data services are not open to everybody", "docker ps", exposed,
           severity=Severity.WARNING),
)  # fmt: skip
