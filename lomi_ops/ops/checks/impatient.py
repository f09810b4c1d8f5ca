"""Settings for somebody who looks whether all is well: a client that says what is wrong must give up before its check
does."""

from __future__ import annotations

from lomi_ops.config.schema import Settings
from lomi_ops.ops.checks.run import AT_ONCE

CONNECT_S = 2.0
ANSWER_S = 4.0


def impatient(settings: Settings) -> Settings:
    """The same services, waited for no longer than 2 s for a connection and 4 s for an answer."""
    redis, database, objects, faces = settings.redis, settings.database, settings.objects, settings.compreface
    return settings.model_copy(
        update={
            "redis": redis.model_copy(update={
                "connect_timeout_s": min(redis.connect_timeout_s, CONNECT_S),
                "timeout_s": min(redis.timeout_s, ANSWER_S),
            }),
            "database": database.model_copy(update={
                "connect_timeout_s": min(database.connect_timeout_s, CONNECT_S),
                "statement_timeout_s": min(database.statement_timeout_s, ANSWER_S),
                # Whoever waits for a connection of ours would be taken for a slow server.
                "pool_size": max(database.pool_size, AT_ONCE),
            }),
            "objects": objects.model_copy(update={
                "connect_timeout_s": min(objects.connect_timeout_s, CONNECT_S),
                "read_timeout_s": min(objects.read_timeout_s, ANSWER_S),
            }),
            "backend": settings.backend.model_copy(update={"timeout_s": min(settings.backend.timeout_s, ANSWER_S)}),
            "compreface": faces.model_copy(update={
                "connect_timeout_s": min(faces.connect_timeout_s, CONNECT_S),
                "attempts": 1,
            }),
        }
    )  # fmt: skip
