"""Containers as values, for the tests of the rules about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lomi_ops.domain.container import Cluster, ComposeFile, Container, ContainerState, Health, Place

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
COMPOSE = ComposeFile("/srv/app", ("/srv/app/docker-compose.prod.yml",), ("/srv/app/.env.production",))
WORKERS = "moderator-worker"


def container(service: str, number: int = 1, **changed: Any) -> Container:
    """One that runs well, but for what is changed."""
    well = Container(
        id=f"{service}{number}".ljust(64, "0"),
        name=f"app-{service}-{number}",
        place=Place("app", service, number),
        image=f"{service}:1",
        image_digest="sha256:" + "a" * 64,
        state=ContainerState.RUNNING,
        health=Health.HEALTHY,
        started_at=NOW - timedelta(days=1),
        memory_limit=1 << 30,
        memory_reservation=1 << 29,
        restart_policy="unless-stopped",
        compose=COMPOSE,
    )
    return replace(well, **changed)


def stopped(service: str, number: int = 1, **changed: Any) -> Container:
    """One that exited an hour ago with code 1."""
    ended = {"state": ContainerState.EXITED, "health": Health.NONE, "exit_code": 1}
    return container(service, number, **ended | {"finished_at": NOW - timedelta(hours=1)} | changed)


def cluster(*containers: Container) -> Cluster:
    return Cluster("app", containers, NOW)
