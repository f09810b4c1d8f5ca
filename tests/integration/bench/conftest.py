"""The cluster of the tests of `lomi e2e`, and what a probe can leave there."""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.e2e.conftest import (
    Cluster,
    Lomi,
    Said,
    Start,
    Worker,
    cluster,
    lomi,
    quiet_machine,
    start,
    worker,
)

__all__ = [
    "Cluster", "Lomi", "Said", "Start", "Worker", "cluster", "lomi", "quiet_machine", "start", "worker",
]  # fmt: skip


def at(part: str, deed: Callable[[], object]) -> Callable[[str], None]:
    """Does something when a probe comes to that part."""

    def tell(what: str) -> None:
        if what == part:
            deed()

    return tell


def interrupt() -> None:
    raise KeyboardInterrupt


def decisions(cluster: Cluster) -> int:
    """Rows of the decision log."""
    row = cluster.pg.execute("SELECT count(*) AS n FROM lomi.decisions").fetchone()
    assert row is not None
    return int(row["n"])


def figures(said: Said) -> dict[str, float | None]:
    assert said.document["schema"] == "lomi.bench/v1"
    return {figure["name"]: figure["value"] for figure in said.document["figures"]}
