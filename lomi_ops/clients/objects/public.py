"""What somebody without a key gets from an S3 API."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import httpx

from lomi_ops.clients.objects.opening import endpoint_url
from lomi_ops.config.sections.services import ObjectsSection
from lomi_ops.errors import ObjectsUnavailable


def listing(section: ObjectsSection, bucket: str) -> int:
    """The HTTP status of an unsigned request for the list of one object. Raises ObjectsUnavailable for no answer."""
    return _asked(section, "GET", f"/{bucket}", {"list-type": "2", "max-keys": "1"})


def reading(section: ObjectsSection, bucket: str, key: str) -> int:
    """The HTTP status of an unsigned look at one object. Raises ObjectsUnavailable for no answer."""
    return _asked(section, "HEAD", f"/{bucket}/{quote(key)}", {})


def _asked(section: ObjectsSection, method: str, path: str, query: Mapping[str, str]) -> int:
    url = f"{endpoint_url(section)}{path}"
    limits = httpx.Timeout(section.read_timeout_s, connect=section.connect_timeout_s)
    try:
        # Neither proxies nor .netrc: a key from there would not be a stranger's.
        with httpx.Client(timeout=limits, trust_env=False, follow_redirects=False) as client:
            return client.request(method, url, params=query or None).status_code
    except httpx.HTTPError as error:
        raise ObjectsUnavailable(f"the object store gave a stranger no answer: {type(error).__name__}") from error
