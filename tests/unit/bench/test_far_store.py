"""The far bucket of the benchmark is one that workers can read from."""

from __future__ import annotations

from pydantic import SecretStr

from benchmarks.worker.far_store import far_bucket
from lomi_ops.clients.objects.opening import open_store
from lomi_ops.config.sections.services import ObjectsSection


def test_a_key_of_the_far_bucket_names_a_delay_and_a_file() -> None:
    with far_bucket([b"first", b"second"]) as endpoint:
        section = ObjectsSection(endpoint=endpoint, access_key=SecretStr("bench"), secret_key=SecretStr("bench"))
        store = open_store(section)
        try:
            found = [store.get(section.bucket_photos, key, 100) for key in ("0/1", "1/0", "0/1")]
        finally:
            store.close()

    assert found == [b"second", b"first", b"second"]
