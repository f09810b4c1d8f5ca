"""A job whose database is behind a PgBouncer in transaction mode."""

from __future__ import annotations

from tests.integration.worker.conftest import Cluster, MakeBench
from tests.services import database_at


def test_a_job_is_settled_once_through_a_pooler(
    cluster: Cluster, make_bench: MakeBench, portrait: bytes, pooler: str
) -> None:
    cluster.database_url = database_at(pooler, cluster.database_url.rsplit("/", 1)[1])
    bench = make_bench()
    upload = cluster.upload([portrait, b"no photo"])

    bench.moderate(upload)
    bench.moderate(upload.again())
    assert [status for status, _ in cluster.standing(upload)] == ["approved", "failed"]
    settled = cluster.pg.execute(
        "SELECT job_id, approved, failed FROM lomi.jobs WHERE settled_at IS NOT NULL"
    ).fetchall()
    assert settled[0] == {"job_id": upload.id, "approved": 1, "failed": 1}
    assert cluster.pg.execute("SELECT count(*) AS decisions FROM lomi.decisions").fetchone() == {"decisions": 2}
    assert len([said for said in cluster.messages() if said["job_id"] == upload.id]) == 1
