"""The Go backend, as a user's app and an admin's script talk to it."""

from lomi_ops.clients.backend.answers import (
    BatchAccepted,
    Dashboard,
    Decided,
    Pagination,
    PhotoStatus,
    QueueCounts,
    QueueStats,
    UploadTarget,
)
from lomi_ops.clients.backend.client import Backend, DashboardStatus, Health
from lomi_ops.clients.backend.outcome import BackendDenied, BackendMissing, BackendRejected, QuotaUsedUp

__all__ = [
    "Backend",
    "BackendDenied",
    "BackendMissing",
    "BackendRejected",
    "BatchAccepted",
    "Dashboard",
    "DashboardStatus",
    "Decided",
    "Health",
    "Pagination",
    "PhotoStatus",
    "QueueCounts",
    "QueueStats",
    "QuotaUsedUp",
    "UploadTarget",
]
