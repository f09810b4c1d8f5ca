-- Photos however they stand. The first blocks need nothing of the schema `lomi`.

-- part: within_bounds
-- What a filter asks of the database. Values are known when it is planned, so nothing is left of what is not asked for. Each
-- score has its own lines: numbers that came as rows would be looked up anew for each photo.
AND (%(statuses)s::text[] IS NULL OR moderation_status = ANY(%(statuses)s::text[]))
AND (%(reasons)s::text[] IS NULL OR lower(moderation_reason) = ANY(%(reasons)s::text[]))
AND (%(users)s::uuid[] IS NULL OR user_id = ANY(%(users)s::uuid[]))
AND (%(batches)s::uuid[] IS NULL OR batch_id = ANY(%(batches)s::uuid[]))
AND (%(ids)s::uuid[] IS NULL OR id = ANY(%(ids)s::uuid[]))
AND (%(start)s::timestamptz IS NULL OR created_at >= %(start)s::timestamptz)
AND (%(end)s::timestamptz IS NULL OR created_at < %(end)s::timestamptz)
AND (%(decided_start)s::timestamptz IS NULL OR moderated_at >= %(decided_start)s::timestamptz)
AND (%(decided_end)s::timestamptz IS NULL OR moderated_at < %(decided_end)s::timestamptz)
AND (%(bands)s::jsonb -> 'blur_variance' IS NULL
     OR CASE WHEN jsonb_typeof(moderation_scores -> 'blur_variance') = 'number'
             THEN (moderation_scores -> 'blur_variance')::numeric END
        BETWEEN (%(bands)s::jsonb #>> '{blur_variance,low}')::numeric AND (%(bands)s::jsonb #>> '{blur_variance,high}')::numeric)
AND (%(bands)s::jsonb -> 'estimated_age' IS NULL
     OR CASE WHEN jsonb_typeof(moderation_scores -> 'estimated_age') = 'number'
             THEN (moderation_scores -> 'estimated_age')::numeric END
        BETWEEN (%(bands)s::jsonb #>> '{estimated_age,low}')::numeric AND (%(bands)s::jsonb #>> '{estimated_age,high}')::numeric)
AND (%(bands)s::jsonb -> 'face_count' IS NULL
     OR CASE WHEN jsonb_typeof(moderation_scores -> 'face_count') = 'number'
             THEN (moderation_scores -> 'face_count')::numeric END
        BETWEEN (%(bands)s::jsonb #>> '{face_count,low}')::numeric AND (%(bands)s::jsonb #>> '{face_count,high}')::numeric)
AND (%(bands)s::jsonb -> 'nsfw_scores.porn' IS NULL
     OR CASE WHEN jsonb_typeof(moderation_scores -> 'nsfw_scores' -> 'porn') = 'number'
             THEN (moderation_scores -> 'nsfw_scores' -> 'porn')::numeric END
        BETWEEN (%(bands)s::jsonb #>> '{nsfw_scores.porn,low}')::numeric AND (%(bands)s::jsonb #>> '{nsfw_scores.porn,high}')::numeric)
AND (%(bands)s::jsonb -> 'nsfw_scores.sexy' IS NULL
     OR CASE WHEN jsonb_typeof(moderation_scores -> 'nsfw_scores' -> 'sexy') = 'number'
             THEN (moderation_scores -> 'nsfw_scores' -> 'sexy')::numeric END
        BETWEEN (%(bands)s::jsonb #>> '{nsfw_scores.sexy,low}')::numeric AND (%(bands)s::jsonb #>> '{nsfw_scores.sexy,high}')::numeric)
AND (%(bands)s::jsonb -> 'nsfw_scores.hentai' IS NULL
     OR CASE WHEN jsonb_typeof(moderation_scores -> 'nsfw_scores' -> 'hentai') = 'number'
             THEN (moderation_scores -> 'nsfw_scores' -> 'hentai')::numeric END
        BETWEEN (%(bands)s::jsonb #>> '{nsfw_scores.hentai,low}')::numeric AND (%(bands)s::jsonb #>> '{nsfw_scores.hentai,high}')::numeric)

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
-- in bands: jsonb, {path: {"low", "high"}} of numbers in the scores, null for any
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

-- name: photos_edge
-- Where a look ends that goes through so many photos from a time back; no row where fewer are left. An index that holds
-- created_at and media_type answers without the table.
-- in start: timestamptz of the upload, null for the beginning
-- in end: timestamptz, excluded; null for no end
-- in before: timestamptz, excluded; null for the first look
-- in photos: bigint
-- out at
SELECT created_at AS at
FROM media
WHERE media_type = 'photo' AND created_at IS NOT NULL
  AND (%(start)s::timestamptz IS NULL OR created_at >= %(start)s::timestamptz)
  AND (%(end)s::timestamptz IS NULL OR created_at < %(end)s::timestamptz)
  AND (%(before)s::timestamptz IS NULL OR created_at < %(before)s::timestamptz)
ORDER BY created_at DESC
OFFSET %(photos)s::bigint LIMIT 1;

-- name: photos_edge_of_status
-- The same among those that were rejected, or that failed: by the index for piles, without the table.
-- in status: text, rejected or failed
-- in start: timestamptz of the upload, null for the beginning
-- in end: timestamptz, excluded; null for no end
-- in before: timestamptz, excluded; null for the first look
-- in photos: bigint
-- out at
SELECT created_at AS at
FROM media
WHERE moderation_status = %(status)s::text AND moderation_status IN ('rejected', 'failed') AND created_at IS NOT NULL
  AND (%(start)s::timestamptz IS NULL OR created_at >= %(start)s::timestamptz)
  AND (%(end)s::timestamptz IS NULL OR created_at < %(end)s::timestamptz)
  AND (%(before)s::timestamptz IS NULL OR created_at < %(before)s::timestamptz)
ORDER BY created_at DESC NULLS LAST
OFFSET %(photos)s::bigint LIMIT 1;

-- name: photos_at
-- The photo with which a look ended that went back to a time: the last one of that time, or the next after it where somebody
-- has taken that one away.
-- in at: timestamptz
-- out media_id
SELECT id AS media_id
FROM media
WHERE media_type = 'photo' AND created_at >= %(at)s::timestamptz
ORDER BY created_at, id
LIMIT 1;

-- name: photos_ways
-- How large the table is, as the planner believes, which indexes of all rows lead to photos by time and by user, and whether
-- there is the one for piles.
-- out rows, by_time, by_user, by_pile
SELECT c.reltuples::bigint AS rows, 'created_at' = ANY(led.by) AS by_time, 'user_id' = ANY(led.by) AS by_user,
       EXISTS (
           SELECT FROM pg_index AS p JOIN pg_class AS x ON x.oid = p.indexrelid
           WHERE p.indrelid = c.oid AND p.indisvalid AND p.indisready AND x.relname = 'media_piles'
       ) AS by_pile
FROM pg_class AS c
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(pg_get_indexdef(i.indexrelid, 1, true)), '{}') AS by
    FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_am AS a ON a.oid = x.relam
    WHERE i.indrelid = c.oid AND i.indisvalid AND i.indisready AND i.indpred IS NULL AND a.amname = 'btree'
) AS led
WHERE c.oid = to_regclass('media');

-- name: photos_pending_upto
-- How many photos are pending, counted no further than a limit; by the index that everybody has.
-- in limit: bigint
-- out photos
SELECT count(*) AS photos
FROM (SELECT FROM media WHERE moderation_status = 'pending' LIMIT %(limit)s::bigint) AS pending;

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
-- in bands: jsonb, {path: {"low", "high"}} of numbers in the scores, null for any
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
-- in bands: jsonb, {path: {"low", "high"}} of numbers in the scores, null for any
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
