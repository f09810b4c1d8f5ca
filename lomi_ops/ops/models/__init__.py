"""Models on this machine: which there are, how they are installed, whether they still are what they were."""

from lomi_ops.ops.models.adding import Added, add
from lomi_ops.ops.models.listing import Entry, Trial, Verified, listed, verify

__all__ = ["Added", "Entry", "Trial", "Verified", "add", "listed", "verify"]
