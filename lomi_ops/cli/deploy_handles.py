"""What `lomi deploy plan|apply|back` act on: the services as they stand, and the handles."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from lomi_ops.cli import diagnostics, session
from lomi_ops.errors import ConfigError, NotFound, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lomi_ops.clients.containers.compose_program import ComposeProgram
    from lomi_ops.domain.check import CheckResult, Scope
    from lomi_ops.domain.container import Cluster
    from lomi_ops.domain.rollout import Source, Standing
    from lomi_ops.ops.deploy.order import Handles, Order
    from lomi_ops.ops.workers.look import Fleet
    from lomi_ops.runtime import Runtime


def found(
    runtime: Runtime, services: Sequence[str] | None, source: Source | None
) -> tuple[tuple[Standing, ...], ComposeProgram | None]:
    """The services as they stand, backend before workers, and Compose with the files of their project."""
    from lomi_ops.clients.containers.images import Images
    from lomi_ops.clients.containers.updates import Updates
    from lomi_ops.ops.deploy.facts import standings

    section = runtime.settings.docker
    cluster = runtime.docker.cluster()
    if cluster.empty:
        raise NotFound("this engine runs no container of the cluster", hint="docker ps -a; lomi deploy render compose")
    named = list(dict.fromkeys(services or ())) or [
        name for name in (section.backend_service, section.workers_service) if name and cluster.has(name)
    ]
    if not named:
        raise UsageError("neither a backend nor workers run in containers here", hint="--service NAME")
    compose = _compose(runtime, cluster)
    standing = standings(
        cluster, named, section.workers_service or "", Images(runtime.docker), Updates(runtime.docker), compose, source
    )
    return standing, compose


def _compose(runtime: Runtime, cluster: Cluster) -> ComposeProgram | None:
    """None where the project's files, or the program, are not here."""
    import os

    from lomi_ops.clients.containers.compose_program import ComposeProgram, Project

    if all(cluster.swarm_service(each.service) for each in cluster.containers):
        return None
    old = any(each.name.startswith(f"{cluster.project}_") for each in cluster.containers)
    files = cluster.compose
    if not files.env_files and runtime.loaded.env_file:
        files = replace(files, env_files=(str(runtime.loaded.env_file),))
    try:
        return ComposeProgram(Project(cluster.project, files, old), runtime.docker.place, os.environ)
    except NotFound as absent:
        diagnostics.warn(absent.message)
        return None


@contextmanager
def opened(runtime: Runtime, compose: ComposeProgram | None, order: Order, typed: str) -> Iterator[Handles]:
    from lomi_ops.cli import operating
    from lomi_ops.clients.containers.images import Images
    from lomi_ops.clients.containers.updates import Updates
    from lomi_ops.ops.deploy.order import Handles
    from lomi_ops.ops.fleet_lock import held
    from lomi_ops.ops.operations import Journal
    from lomi_ops.queue.client import queue_client
    from lomi_ops.queue.fleet import Claimant, FleetLease

    # The lease is renewed while the other connection waits.
    client = queue_client(runtime.settings.redis)
    claimant = Claimant(order.by, typed, socket.gethostname())
    try:
        with held(FleetLease(client), claimant) as lock:
            yield Handles(
                control=runtime.docker_control,
                images=Images(runtime.docker),
                updates=Updates(runtime.docker),
                compose=compose,
                registry=runtime.registry,
                look=lambda: _look(runtime),
                cluster=runtime.docker.cluster,
                check=lambda scope: _checked(runtime, scope),
                held=lock,
                journal=Journal(session.database_if_any(runtime), diagnostics.warn),
                wall=operating.now,
                tell=lambda text: diagnostics.note(diagnostics.scrubbed(text)),
                chatter=_chatter,
            )
    finally:
        client.close()


def _chatter(line: str) -> None:
    if line:
        diagnostics.note(f"  | {diagnostics.scrubbed(line)}")


def _look(runtime: Runtime) -> Fleet:
    from lomi_ops.ops.containers import Look
    from lomi_ops.ops.workers.look import members

    settings = runtime.settings
    return members(runtime.registry, Look(runtime.docker), settings.docker.workers_service, settings.worker.lease_s)


def _checked(runtime: Runtime, scope: Scope) -> Sequence[CheckResult]:
    from datetime import UTC, datetime

    from lomi_ops.cli import check_run
    from lomi_ops.config.suppressions import read_suppressions
    from lomi_ops.domain.suppression import suppress
    from lomi_ops.ops.deploy.checking import checked

    path = runtime.settings.checks.suppressions
    try:
        known = read_suppressions(path) if path else ()
    except ConfigError as problem:
        diagnostics.warn(problem.message)
        known = ()
    today = datetime.now(UTC).date()
    with check_run.opened(runtime) as handles:
        return checked(handles, scope, lambda results: suppress(results, known, today))
