"""What the Docker Engine knows about the cluster's containers. Reads only; `Engine` is all that others need."""

from lomi_ops.clients.containers.engine import Engine

__all__ = ["Engine"]
