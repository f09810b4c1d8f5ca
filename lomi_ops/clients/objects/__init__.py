"""Where the bytes of photos lie: a directory, or an S3 API such as Cloudflare R2.

Every object is named by bucket and key. A producer's URL is data and never fetched.
"""

from __future__ import annotations

from lomi_ops.clients.objects.canary import check_canary
from lomi_ops.clients.objects.directory import DirectoryStore
from lomi_ops.clients.objects.keys import BadKey, ObjectMissing
from lomi_ops.clients.objects.opening import open_store
from lomi_ops.clients.objects.store import ObjectStore, StoredObject

__all__ = ["BadKey", "DirectoryStore", "ObjectMissing", "ObjectStore", "StoredObject", "check_canary", "open_store"]
