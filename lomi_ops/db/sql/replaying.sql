-- Decisions as they were stored, to be judged again. Long results: they are read through a cursor.

-- name: replay_all
-- Every decision of a window in the order in which they were made, with what it was based on. Documents come as texts,
-- to be read at once here.
-- in start: timestamptz, null from the first one on
-- in end: timestamptz, excluded; null to the last one
-- in first: bigint, id
-- in last: bigint, id
-- out id, at, media_id, user_id, actor, outcome, policy, thresholds, grounds, photo, engines, findings
SELECT id, at, media_id, user_id, actor, outcome, policy, thresholds::text AS thresholds, grounds::text AS grounds,
       photo::text AS photo, engines::text AS engines, findings::text AS findings
FROM lomi.decisions
WHERE id BETWEEN %(first)s::bigint AND %(last)s::bigint
  AND (%(start)s::timestamptz IS NULL OR at >= %(start)s::timestamptz)
  AND (%(end)s::timestamptz IS NULL OR at < %(end)s::timestamptz)
ORDER BY id;

-- name: replay_span
-- Between which ids the decisions of a window lie, and how many they are.
-- in start: timestamptz, null from the first one on
-- in end: timestamptz, excluded; null to the last one
-- out first, last, decisions
SELECT coalesce(min(id), 1) AS first, coalesce(max(id), 0) AS last, count(*) AS decisions
FROM lomi.decisions
WHERE (%(start)s::timestamptz IS NULL OR at >= %(start)s::timestamptz)
  AND (%(end)s::timestamptz IS NULL OR at < %(end)s::timestamptz);

-- name: replay_unlogged
-- Photos that were decided in a window and are in no log: by old workers.
-- in start: timestamptz, null from the first one on
-- in end: timestamptz, excluded; null to the last one
-- out photos
SELECT count(*) AS photos
FROM media AS m
WHERE m.media_type = 'photo' AND m.moderation_status IN ('approved', 'rejected', 'failed')
  AND (%(start)s::timestamptz IS NULL OR m.moderated_at >= %(start)s::timestamptz)
  AND (%(end)s::timestamptz IS NULL OR m.moderated_at < %(end)s::timestamptz)
  AND NOT EXISTS (SELECT FROM lomi.decisions AS d WHERE d.media_id = m.id);

-- name: replay_erased
-- Decisions that went with users who were erased; when they had been made is gone, too.
-- out decisions
SELECT coalesce(sum((after -> 'gone' ->> 'lomi.decisions')::bigint), 0)::bigint AS decisions
FROM lomi.audit
WHERE action = 'privacy.erase';

-- name: replay_latest
-- The last decision on each photo, made in a window, that a policy computed; without those of `lomi e2e`.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- in first: bigint, id
-- in last: bigint, id
-- out id, at, media_id, user_id, actor, outcome, policy, thresholds, grounds, photo, engines, findings
SELECT d.id, d.at, d.media_id, d.user_id, d.actor, d.outcome, d.policy, NULL AS thresholds, d.grounds::text AS grounds,
       d.photo::text AS photo, d.engines::text AS engines, d.findings::text AS findings
FROM lomi.decisions AS d
WHERE d.id BETWEEN %(first)s::bigint AND %(last)s::bigint
  AND d.at >= %(start)s::timestamptz AND d.at < %(end)s::timestamptz AND d.outcome IS NOT NULL
  AND d.user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000' AND '6c6f6d69-2d65-3265-ffff-ffffffffffff'
  AND NOT EXISTS (
      SELECT FROM lomi.decisions AS l
      WHERE l.media_id = d.media_id AND l.id > d.id AND l.outcome IS NOT NULL
  )
ORDER BY d.id;

-- name: replay_people
-- What people decided last about photos, from a moment on: approved or rejected, without what was taken back.
-- in start: timestamptz
-- out media_id, status
SELECT media_id, status
FROM (
    SELECT DISTINCT ON (media_id) media_id, status
    FROM lomi.decisions
    WHERE at >= %(start)s::timestamptz AND actor <> 'worker' AND outcome IS NULL
    ORDER BY media_id, id DESC
) AS last
WHERE status IN ('approved', 'rejected');

-- name: replay_samples
-- What people said about samples that were drawn from a moment on, the last word on each photo.
-- in start: timestamptz
-- out media_id, probability, judged_status
SELECT DISTINCT ON (media_id) media_id, probability, judged_status
FROM lomi.samples
WHERE drawn_at >= %(start)s::timestamptz AND judged_at IS NOT NULL AND kind <> 'golden'
ORDER BY media_id, id DESC;
