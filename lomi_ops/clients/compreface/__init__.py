"""CompreFace: faces and ages, from its core directly or through its API with a key."""

from lomi_ops.clients.compreface.answers import Inventory
from lomi_ops.clients.compreface.client import DEFAULT_KEY, DEFAULT_KEY_WARNING, Health
from lomi_ops.clients.compreface.outcome import Mode
from lomi_ops.clients.compreface.pool import FaceService, unavailable_report

__all__ = ["DEFAULT_KEY", "DEFAULT_KEY_WARNING", "FaceService", "Health", "Inventory", "Mode", "unavailable_report"]
