from __future__ import annotations

import psycopg
import redis


def test_the_test_servers_answer(redis_url: str, database_url: str) -> None:
    assert redis.Redis.from_url(redis_url).ping()
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
