-- Photos however they stand. The first blocks need nothing of the schema `lomi`.

-- part: within_bounds
-- What a filter asks of the database.
AND (%(statuses)s::text[] IS NULL OR moderation_status = ANY(%(statuses)s::text[]))
AND (%(reasons)s::text[] IS NULL OR lower(moderation_reason) = ANY(%(reasons)s::text[]))
AND (%(users)s::uuid[] IS NULL OR user_id = ANY(%(users)s::uuid[]))
AND (%(batches)s::uuid[] IS NULL OR batch_id = ANY(%(batches)s::uuid[]))
AND (%(ids)s::uuid[] IS NULL OR id = ANY(%(ids)s::uuid[]))
AND (%(start)s::timestamptz IS NULL OR created_at >= %(start)s::timestamptz)
AND (%(end)s::timestamptz IS NULL OR created_at < %(end)s::timestamptz)
AND (%(decided_start)s::timestamptz IS NULL OR moderated_at >= %(decided_start)s::timestamptz)
AND (%(decided_end)s::timestamptz IS NULL OR moderated_at < %(decided_end)s::timestamptz)
AND (%(bands)s::jsonb IS NULL OR NOT EXISTS (
    SELECT FROM jsonb_to_recordset(%(bands)s::jsonb) AS b (path text[], low double precision, high double precision)
    WHERE CASE WHEN jsonb_typeof(moderation_scores #> b.path) = 'number'
               THEN (moderation_scores #>> b.path)::double precision
                    NOT BETWEEN coalesce(b.low, '-infinity') AND coalesce(b.high, 'infinity')
               ELSE true END
))

-- name: photos_browse
-- A page of photos that have a time of upload, the latest first. An index on media (created_at) gives them in order.
-- in statuses: text[], null for any
-- in reasons: text[], in lower case, null for any
-- in users: uuid[], null for any
-- in batches: uuid[], null for any
-- in ids: uuid[], null for any
-- in start: timestamptz of the upload, null for the beginning
-- in end: timestamptz, excluded; null for no end
-- in decided_start: timestamptz of the decision, null for the beginning
-- in decided_end: timestamptz, excluded; null for no end
-- in bands: jsonb, [{"path", "low", "high"}] of numbers in the scores, null for any
-- in after_at: timestamptz of the upload of the last photo seen; null for the first page
-- in after_id: uuid of that photo
-- in limit: bigint, rows
-- out media_id, user_id, batch_id, url, status, reason, scores, retry_count, created_at, moderated_at
SELECT id AS media_id, user_id, batch_id, url, moderation_status::text AS status, moderation_reason AS reason,
       moderation_scores AS scores, coalesce(retry_count, 0) AS retry_count, created_at, moderated_at
FROM media
WHERE media_type = 'photo' AND created_at IS NOT NULL
  -- include: within_bounds
  AND (%(after_at)s::timestamptz IS NULL
       OR (created_at, id) < (%(after_at)s::timestamptz, %(after_id)s::uuid))
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s::bigint;

-- name: photos_by_id
-- Photos in the order of their ids, of which everybody has an index: for whoever goes through many of them.
-- in statuses: text[], null for any
-- in reasons: text[], in lower case, null for any
-- in users: uuid[], null for any
-- in batches: uuid[], null for any
-- in ids: uuid[], null for any
-- in start: timestamptz of the upload, null for the beginning
-- in end: timestamptz, excluded; null for no end
-- in decided_start: timestamptz of the decision, null for the beginning
-- in decided_end: timestamptz, excluded; null for no end
-- in bands: jsonb, [{"path", "low", "high"}] of numbers in the scores, null for any
-- in undated: boolean, only what has no time of upload
-- in after_id: uuid of the last photo seen; null for the first page
-- in limit: bigint, rows
-- out media_id, user_id, batch_id, url, status, reason, scores, retry_count, created_at, moderated_at
SELECT id AS media_id, user_id, batch_id, url, moderation_status::text AS status, moderation_reason AS reason,
       moderation_scores AS scores, coalesce(retry_count, 0) AS retry_count, created_at, moderated_at
FROM media
WHERE media_type = 'photo' AND (created_at IS NULL OR NOT %(undated)s::boolean)
  -- include: within_bounds
  AND (%(after_id)s::uuid IS NULL OR id > %(after_id)s::uuid)
ORDER BY id
LIMIT %(limit)s::bigint;

-- name: photos_every
-- All photos in any order: nothing is sorted, and the table is read once.
-- in statuses: text[], null for any
-- in reasons: text[], in lower case, null for any
-- in users: uuid[], null for any
-- in batches: uuid[], null for any
-- in ids: uuid[], null for any
-- in start: timestamptz of the upload, null for the beginning
-- in end: timestamptz, excluded; null for no end
-- in decided_start: timestamptz of the decision, null for the beginning
-- in decided_end: timestamptz, excluded; null for no end
-- in bands: jsonb, [{"path", "low", "high"}] of numbers in the scores, null for any
-- out media_id, user_id, batch_id, url, status, reason, scores, retry_count, created_at, moderated_at
SELECT id AS media_id, user_id, batch_id, url, moderation_status::text AS status, moderation_reason AS reason,
       moderation_scores AS scores, coalesce(retry_count, 0) AS retry_count, created_at, moderated_at
FROM media
WHERE media_type = 'photo'
  -- include: within_bounds

-- name: user_days
-- What a user uploaded, by day in UTC, as it stands now: the latest days first.
-- in user_id: uuid
-- in limit: bigint, rows
-- out day, photos, approved, rejected, failed, waiting
SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS photos,
       count(*) FILTER (WHERE moderation_status = 'approved') AS approved,
       count(*) FILTER (WHERE moderation_status = 'rejected') AS rejected,
       count(*) FILTER (WHERE moderation_status = 'failed') AS failed,
       count(*) FILTER (WHERE coalesce(moderation_status, 'pending') = 'pending') AS waiting
FROM media
WHERE user_id = %(user_id)s::uuid AND media_type = 'photo' AND created_at IS NOT NULL
GROUP BY 1
ORDER BY 1 DESC
LIMIT %(limit)s::bigint;

-- name: user_reasons
-- Why photos of a user are not approved, the most frequent reason first.
-- in user_id: uuid
-- out status, reason, photos
SELECT coalesce(moderation_status, 'pending')::text AS status, moderation_reason AS reason, count(*) AS photos
FROM media
WHERE user_id = %(user_id)s::uuid AND media_type = 'photo'
GROUP BY 1, 2
ORDER BY photos DESC, status, reason;

-- name: photo_attempts
-- The jobs that a photo was in: how often each was tried, and how it ended. Needs the schema `lomi`. Two ways to a job
-- are joined by `UNION`: with `OR` no index would be used.
-- in media_id: uuid
-- in batch_id: uuid of the photo, null where it has none
-- out job_id, opened_at, claimed_at, settled_at, attempt, worker, host, first_outage_at, skipped
SELECT job_id, opened_at, claimed_at, settled_at, attempt, worker, host, first_outage_at,
       (SELECT s ->> 'why' FROM jsonb_array_elements(skipped) AS s
        WHERE s ->> 'media_id' = %(media_id)s::uuid::text LIMIT 1) AS skipped
FROM lomi.jobs
WHERE %(media_id)s::uuid = ANY(media_ids) AND job_id IN (
    SELECT of_batch.job_id FROM lomi.jobs AS of_batch WHERE of_batch.batch_id = %(batch_id)s::uuid
    UNION
    SELECT d.job_id FROM lomi.decisions AS d WHERE d.media_id = %(media_id)s::uuid
)
ORDER BY opened_at, job_id;

-- name: photo_files
-- The hash of the file of each of some photos, as it was last read. Needs the schema `lomi`.
-- in ids: uuid[]
-- out media_id, sha256
SELECT DISTINCT ON (media_id) media_id, photo_sha256 AS sha256
FROM lomi.decisions
WHERE media_id = ANY(%(ids)s::uuid[]) AND photo_sha256 IS NOT NULL
ORDER BY media_id, id DESC;
