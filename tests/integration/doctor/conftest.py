"""Clusters of old workers and of ours, with somebody who listens for results."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from tests.integration.ops.conftest import client, cluster, lomi, old, point, quiet_machine, registry
from tests.integration.ops.old_cluster import OldCluster

__all__ = ["client", "cluster", "listener", "lomi", "old", "point", "quiet_machine", "registry"]


@pytest.fixture
def listener(redis_url: str) -> Iterator[None]:
    """As the backend does."""
    with redis.Redis.from_url(redis_url) as subscriber, subscriber.pubsub() as ear:
        ear.subscribe("moderation_results")
        ear.get_message(timeout=5)
        yield


def decisions(cluster: OldCluster, blurry: str) -> None:
    """The same as workers of ours log it: the photos are uploads of one moment, decided hour by hour."""
    with cluster.sql() as pg:
        pg.execute(
            """
            WITH given AS (
                SELECT gen_random_uuid() AS id, n, hits,
                       date_trunc('hour', now()) - make_interval(hours => (%(hours)s - hour)::int) AS at
                FROM unnest(%(hits)s::int[]) WITH ORDINALITY AS g (hits, hour), generate_series(1, 10) AS n
            ), photos AS (
                INSERT INTO media (id, user_id, media_type, url, created_at, moderation_scores)
                SELECT id, %(user)s, 'photo', 'users/u/photo/' || id || '.jpg', now() - interval '1 year',
                       jsonb_build_object('blur_variance', CASE WHEN n <= hits THEN 40 ELSE 300 END)
                FROM given
            )
            INSERT INTO lomi.decisions (media_id, user_id, job_id, status, reason, actor, at)
            SELECT id, %(user)s, 'job', CASE WHEN n <= hits THEN 'rejected' ELSE 'approved' END,
                   CASE WHEN n <= hits THEN 'blurry' END, 'worker', at
            FROM given
            """,
            {"user": cluster.user, "hits": [int(each) for each in blurry], "hours": len(blurry)},
        )


def uploads(cluster: OldCluster, blurry: str) -> None:
    """Ten decided photos for each of the last hours: a digit says how many of them were rejected as blurry."""
    with cluster.sql() as pg:
        pg.execute(
            """
            INSERT INTO media (user_id, media_type, url, moderation_status, moderation_reason, moderation_scores,
                               moderated_at, batch_id, created_at)
            SELECT %(user)s, 'photo', 'users/u/photo/' || hour || '-' || n || '.jpg',
                   CASE WHEN n <= hits THEN 'rejected' ELSE 'approved' END,
                   CASE WHEN n <= hits THEN 'blurry' END,
                   jsonb_build_object('blur_variance', CASE WHEN n <= hits THEN 100 ELSE 300 END),
                   at, gen_random_uuid(), at
            FROM (SELECT hour, hits, date_trunc('hour', now()) - make_interval(hours => (%(hours)s - hour)::int) AS at
                  FROM unnest(%(hits)s::int[]) WITH ORDINALITY AS given (hits, hour)) AS hours,
                 generate_series(1, 10) AS n
            """,
            {"user": cluster.user, "hits": [int(each) for each in blurry], "hours": len(blurry)},
        )
