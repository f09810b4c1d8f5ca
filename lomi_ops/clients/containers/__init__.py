"""What the Docker Engine knows about the cluster's containers, and what is changed about them.

`Engine` only asks; `Control` is the only one that changes something.
"""

from lomi_ops.clients.containers.control import Clone, Control
from lomi_ops.clients.containers.engine import Engine

__all__ = ["Clone", "Control", "Engine"]
