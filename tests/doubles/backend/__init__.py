"""A double of the Go backend: real HTTP on loopback, real rows, real elements of the list, a real ear on the channel.

It is faithful where a client, a worker or an operator can notice, as the contract has it. What it pushes to people it
only counts.
"""

from tests.doubles.backend.app import App, Push
from tests.doubles.backend.server import BackendDouble

__all__ = ["App", "BackendDouble", "Push"]
