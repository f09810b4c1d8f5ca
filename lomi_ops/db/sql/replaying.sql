-- Decisions as they were stored, to be judged again. Long results: they are read through a cursor.

-- name: replay_all
-- Every decision of a window in the order in which they were made, with what it was based on; the thresholds as text,
-- since many rows share one.
-- in start: timestamptz, null from the first one on
-- in end: timestamptz, excluded; null to the last one
-- out id, at, media_id, user_id, actor, outcome, policy, thresholds, grounds, photo, engines, findings
SELECT id, at, media_id, user_id, actor, outcome, policy, thresholds::text AS thresholds, grounds, photo, engines,
       findings
FROM lomi.decisions
WHERE (%(start)s::timestamptz IS NULL OR at >= %(start)s::timestamptz)
  AND (%(end)s::timestamptz IS NULL OR at < %(end)s::timestamptz)
ORDER BY id;

-- name: replay_unlogged
-- Photos that were decided in a window and are in no log: by old workers.
-- in start: timestamptz, null from the first one on
-- in end: timestamptz, excluded; null to the last one
-- out photos
SELECT count(*) AS photos
FROM media AS m
WHERE m.media_type::text = 'photo' AND m.moderation_status IN ('approved', 'rejected', 'failed')
  AND (%(start)s::timestamptz IS NULL OR m.moderated_at >= %(start)s::timestamptz)
  AND (%(end)s::timestamptz IS NULL OR m.moderated_at < %(end)s::timestamptz)
  AND NOT EXISTS (SELECT FROM lomi.decisions AS d WHERE d.media_id = m.id);

-- name: replay_erased
-- Decisions that went with users who were erased; when they had been made is gone, too.
-- out decisions
SELECT coalesce(sum((after -> 'gone' ->> 'lomi.decisions')::bigint), 0)::bigint AS decisions
FROM lomi.audit
WHERE action = 'privacy.erase';
