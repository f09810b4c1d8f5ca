-- Reads of the backend's `media`. They need nothing of the schema `lomi`, so they work on an unswapped cluster.

-- name: photos_of
-- The rows of some photos; an id without a row is left out.
-- in ids: uuid[]
-- out media_id, user_id, batch_id, url, status, reason, scores, retry_count, created_at, moderated_at
SELECT id AS media_id, user_id, batch_id, url, moderation_status::text AS status, moderation_reason AS reason,
       moderation_scores AS scores, coalesce(retry_count, 0) AS retry_count, created_at, moderated_at
FROM media
WHERE id = ANY(%(ids)s::uuid[]);

-- name: photos_listed
-- Photos by status and reason, the latest first.
-- in statuses: text[], null for any
-- in reasons: text[], null for any
-- in user_id: uuid, null for any
-- in batch_id: uuid, null for any
-- in start: timestamptz of the upload, null for the beginning
-- in end: timestamptz, excluded; null for no end
-- in limit: bigint, rows
-- out media_id, user_id, batch_id, url, status, reason, scores, retry_count, created_at, moderated_at
SELECT id AS media_id, user_id, batch_id, url, moderation_status::text AS status, moderation_reason AS reason,
       moderation_scores AS scores, coalesce(retry_count, 0) AS retry_count, created_at, moderated_at
FROM media
WHERE media_type = 'photo'
  AND (%(statuses)s::text[] IS NULL OR moderation_status = ANY(%(statuses)s::text[]))
  AND (%(reasons)s::text[] IS NULL OR moderation_reason = ANY(%(reasons)s::text[]))
  AND (%(user_id)s::uuid IS NULL OR user_id = %(user_id)s::uuid)
  AND (%(batch_id)s::uuid IS NULL OR batch_id = %(batch_id)s::uuid)
  AND (%(start)s::timestamptz IS NULL OR created_at >= %(start)s::timestamptz)
  AND (%(end)s::timestamptz IS NULL OR created_at < %(end)s::timestamptz)
ORDER BY created_at DESC NULLS LAST, id
LIMIT %(limit)s;

-- name: photos_pending
-- What is undecided; reads only the partial index and the rows that it names.
-- out waiting, in_review, never_queued, oldest_waiting
SELECT count(*) FILTER (WHERE moderation_reason IS DISTINCT FROM 'needs_review') AS waiting,
       count(*) FILTER (WHERE moderation_reason = 'needs_review') AS in_review,
       count(*) FILTER (
           WHERE moderation_reason IS DISTINCT FROM 'needs_review'
             AND (batch_id IS NULL OR batch_id = '00000000-0000-0000-0000-000000000000')
       ) AS never_queued,
       min(created_at) FILTER (WHERE moderation_reason IS DISTINCT FROM 'needs_review') AS oldest_waiting
FROM media
WHERE moderation_status = 'pending' AND media_type = 'photo';

-- name: photo_counts
-- How the photos that were uploaded in a window stand now.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out status, reason, photos
SELECT coalesce(moderation_status, 'pending')::text AS status, moderation_reason AS reason, count(*) AS photos
FROM media
WHERE media_type = 'photo'
  AND created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
GROUP BY 1, 2
ORDER BY photos DESC, status, reason;
