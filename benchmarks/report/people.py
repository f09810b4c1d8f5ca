"""What people do with made-up photos: one in 199 is looked at, and each day's samples are drawn and judged.

Half of those that people look at had waited for them, in four piles. The others they open of their own choice; of these
they leave every second one as it is. How a photo of `media` stands is what people made of it. Samples are drawn by the
product's own statement, a hundredth of approvals and a twentieth of rejections, and nine of ten are judged.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql

from lomi_ops.db import samples
from lomi_ops.db.pool import Database
from lomi_ops.domain.sampling import Kind
from lomi_ops.domain.window import Window

SHARES = {Kind.APPROVED: 0.01, Kind.REJECTED: 0.05}
DAY = timedelta(days=1)
AT_NIGHT = timedelta(hours=2)
"""When the day before is drawn."""
_BY_HAND = "SELECT 1 FROM lomi.decisions WHERE actor <> 'worker' AND outcome IS NULL LIMIT 1"
_LOOKED = """
CREATE TEMPORARY TABLE looked AS
SELECT md5('m' || 199 * turn)::uuid AS media_id, turn
FROM generate_series(1, %(rows)s / 199) AS turn;
"""
# What the worker had said before people looked.
_BEFORE = """
UPDATE lomi.decisions AS d
SET status = new.status, outcome = CASE new.status WHEN 'pending' THEN 'review' WHEN 'rejected' THEN 'reject'
                                        ELSE 'approve' END,
    reason = CASE new.status WHEN 'pending' THEN 'needs_review' WHEN 'rejected' THEN 'nsfw' END,
    grounds = jsonb_build_array(jsonb_build_object('reason', reasons[1 + turn / 2 % 4], 'outcome', 'review',
        'label', labels[1 + turn / 2 % 4], 'observed', 0.6, 'threshold', 0.5, 'text', 'near'))
FROM (
    SELECT l.media_id, l.turn,
           CASE WHEN l.turn % 2 = 0 THEN 'pending'
                WHEN (l.turn % 4 = 1) = (m.moderation_status = 'rejected') THEN 'rejected' ELSE 'approved' END AS status
    FROM looked AS l JOIN media AS m ON m.id = l.media_id
    WHERE m.moderation_status IN ('approved', 'rejected')
) AS new, (SELECT ARRAY['nsfw', 'nsfw', 'underage', 'group_photo'], ARRAY['porn', 'sexy', 'age', 'faces'])
          AS waits (reasons, labels)
WHERE d.media_id = new.media_id
"""
_DECIDED = """
INSERT INTO lomi.decisions
    (at, media_id, batch_id, user_id, job_id, actor, status_before, reason_before, moderated_before, status, reason)
SELECT d.at + (1 + l.turn % 240) * interval '1 minute', d.media_id, d.batch_id, d.user_id, 'hand-' || d.id,
       (ARRAY['hana', 'abel', 'selam'])[1 + l.turn % 3], d.status, d.reason, d.at, m.moderation_status,
       m.moderation_reason
FROM looked AS l JOIN media AS m ON m.id = l.media_id JOIN lomi.decisions AS d ON d.media_id = l.media_id
WHERE m.moderation_status IN ('approved', 'rejected')
  AND d.at + (1 + l.turn % 240) * interval '1 minute' < now()
ORDER BY 1
"""
_STANDS = """
UPDATE media AS m SET moderated_at = d.at
FROM lomi.decisions AS d
WHERE d.media_id = m.id AND d.outcome IS NULL AND d.actor <> 'worker' AND d.status <> d.status_before
"""
_JUDGED = """
UPDATE lomi.samples
SET judged_at = drawn_at + (1 + id % 600) * interval '1 minute', judged_by = 'hana',
    judged_status = CASE WHEN id % 25 <> 1 THEN status WHEN status = 'rejected' THEN 'approved' ELSE 'rejected' END,
    judged_reason = CASE WHEN (status = 'rejected') = (id % 25 <> 1) THEN coalesce(reason, 'nsfw') END
WHERE id % 10 <> 0 AND drawn_at + (1 + id % 600) * interval '1 minute' < now()
"""
_AFTERWARDS = ("media", "lomi.decisions", "lomi.samples")


def are_there(url: str) -> bool:
    """Whether `fill` came to its end there."""
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT 1 FROM lomi.samples WHERE judged_at IS NOT NULL LIMIT 1").fetchone()
    return found is not None


def fill(url: str, rows: int) -> None:
    """After the photos and their indexes. What an interrupted one left is drawn and decided once."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        if not connection.execute(_BY_HAND).fetchone():
            _decide(connection, rows)
        connection.execute("ANALYZE lomi.decisions")
        _draw(url, _since(connection))
        connection.execute(_JUDGED)
        for table in _AFTERWARDS:
            connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(*table.split("."))))
        connection.execute("CHECKPOINT")


def _decide(connection: psycopg.Connection[tuple[object, ...]], rows: int) -> None:
    with connection.transaction():
        connection.execute(_LOOKED.encode(), {"rows": rows})
        connection.execute("ANALYZE looked")
        for text in (_BEFORE, _DECIDED, _STANDS):
            connection.execute(text.encode())


def _since(connection: psycopg.Connection[tuple[object, ...]]) -> datetime:
    found = connection.execute("SELECT min(at) FROM lomi.decisions").fetchone()
    assert found is not None
    assert isinstance(found[0], datetime)
    return found[0].astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _draw(url: str, day: datetime) -> None:
    with Database(url, statement_timeout_s=300) as database:
        now = database.now()
        while day + DAY + AT_NIGHT < now:
            with database.transaction() as session:
                for kind, share in SHARES.items():
                    samples.draw_on(session, kind, Window(day, day + DAY), share, at=day + DAY + AT_NIGHT)
            day += DAY
