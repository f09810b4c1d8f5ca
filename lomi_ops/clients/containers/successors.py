"""Which container was made to take another one's place: a label says so, for whoever finds a change that broke off."""

from __future__ import annotations

from dataclasses import dataclass

from lomi_ops.clients.containers.engine import Engine

REPLACES = "org.lomi.replaces"
"""Holds the id of the container that goes."""


@dataclass(frozen=True, slots=True)
class Successor:
    id: str
    replaces: str
    up: bool


def successors(engine: Engine) -> tuple[Successor, ...]:
    """All of an engine. Raises DockerUnavailable."""
    with engine.connection.asking() as api:
        listed = api.containers(all=True, filters={"label": REPLACES})
    return tuple(Successor(each["Id"], each["Labels"][REPLACES], each["State"] == "running") for each in listed)
