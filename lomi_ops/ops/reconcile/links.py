"""The address in a job from which a worker of the old kind fetches a photo: it reads nothing but `r2_url`, and without
a signature it would tell the user that the photo failed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from lomi_ops.clients.objects.opening import endpoint_url
from lomi_ops.config.sections.services import ObjectsSection

EXPIRES_S = 24 * 3600
"""The producer signs for an hour; a job that was lost once may meet a long queue."""


def signer(section: ObjectsSection) -> Callable[[str], str]:
    """Signed addresses by key, in the bucket of the photos; empty for a directory, which no old worker can read.

    Nothing is fetched, and no connection is opened.
    """
    if section.directory is not None:
        return lambda key: ""

    @cache
    def client() -> object:
        from lomi_ops.clients.objects.s3 import make_client  # boto3 takes 100 ms to import

        return make_client(section, endpoint_url(section))

    def signed(key: str) -> str:
        wanted = {"Bucket": section.bucket_photos, "Key": key}
        address: str = client().generate_presigned_url("get_object", Params=wanted, ExpiresIn=EXPIRES_S)  # type: ignore[attr-defined]
        return address

    return signed
