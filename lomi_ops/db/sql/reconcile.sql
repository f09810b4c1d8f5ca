-- Finding photos that nobody looks at, and putting right what can be put right in the database.

-- name: reconcile_try_lock
-- Takes the lock of reconciling for this session, or says at once that another run has it.
-- in transaction: boolean, for this transaction instead
-- out locked
SELECT CASE WHEN %(transaction)s::boolean THEN pg_try_advisory_xact_lock(key) ELSE pg_try_advisory_lock(key) END AS locked
FROM (SELECT hashtextextended('lomi reconcile', 0) AS key) AS lock;

-- name: reconcile_unlock
-- Gives the lock of reconciling back.
-- out unlocked
SELECT pg_advisory_unlock(hashtextextended('lomi reconcile', 0)) AS unlocked;

-- name: reconcile_pending
-- A page of the photos that are pending, the oldest first; without a batch they have the zero UUID's. A row from before moderation that the flag calls approved is
-- what media_backfill looks for.
-- in after_place: float8, place of the last row of the page before, -infinity for the first page
-- in after_id: uuid, of that row, the zero UUID for the first page
-- in older_s: float8, seconds that a photo must have been pending for to be old
-- in batches: uuid[], only these, null for any
-- in limit: bigint, rows
-- out media_id, user_id, batch_id, telegram_id, key, place, in_review, old, approved_before
SELECT media_id, user_id, batch_id, telegram_id, key, place, in_review, old, approved_before
FROM (
    SELECT m.id AS media_id, m.user_id,
           coalesce(m.batch_id, '00000000-0000-0000-0000-000000000000') AS batch_id,
           coalesce(u.telegram_id, 0) AS telegram_id, m.url AS key,
           coalesce(extract(epoch FROM m.created_at), '-infinity')::float8 AS place,
           m.moderation_reason IS NOT DISTINCT FROM 'needs_review' AS in_review,
           coalesce(m.created_at <= now() - make_interval(secs => %(older_s)s::float8), true) AS old,
           coalesce(m.is_approved, false) AND m.batch_id IS NULL AND m.moderated_at IS NULL AS approved_before
    FROM media AS m LEFT JOIN users AS u ON u.id = m.user_id
    WHERE m.moderation_status = 'pending' AND m.media_type = 'photo'
      AND (%(batches)s::uuid[] IS NULL OR m.batch_id = ANY(%(batches)s::uuid[]))
) AS waiting
WHERE (place, media_id) > (%(after_place)s::float8, %(after_id)s::uuid)
ORDER BY place, media_id
LIMIT %(limit)s;

-- name: reconcile_recorded
-- What the record knows of some photos: an open job, or a decision that holds and needs no person. Others are left out.
-- in ids: uuid[]
-- out media_id, open, decided_s
WITH open_now AS MATERIALIZED (
    SELECT DISTINCT unnest(media_ids) AS media_id FROM lomi.jobs WHERE settled_at IS NULL
)
SELECT asked.media_id, o.media_id IS NOT NULL AS open,
       CASE WHEN d.status <> 'pending' THEN extract(epoch FROM now() - d.at)::float8 END AS decided_s
FROM unnest(%(ids)s::uuid[]) AS asked (media_id)
LEFT JOIN open_now AS o ON o.media_id = asked.media_id
LEFT JOIN LATERAL (
    SELECT status, at FROM lomi.decisions WHERE media_id = asked.media_id ORDER BY id DESC LIMIT 1
) AS d ON true
WHERE o.media_id IS NOT NULL OR d.status <> 'pending';

-- name: reconcile_settled
-- Which of these jobs the ledger has.
-- in job_ids: text[]
-- out job_id
SELECT job_id FROM lomi.jobs WHERE job_id = ANY(%(job_ids)s::text[]);

-- name: reconcile_adopt
-- Gives rows of the old endpoint a batch, where they are still pending, wait for no person and have none.
-- in photos: jsonb, [{"media_id", "batch_id"}]
-- out media_id
UPDATE media AS m
SET batch_id = a.batch_id
FROM jsonb_to_recordset(%(photos)s::jsonb) AS a (media_id uuid, batch_id uuid)
WHERE m.id = a.media_id
  AND m.moderation_status = 'pending'
  AND m.moderation_reason IS DISTINCT FROM 'needs_review'
  AND (m.batch_id IS NULL OR m.batch_id = '00000000-0000-0000-0000-000000000000')
RETURNING m.id AS media_id;

-- name: reconcile_apply
-- Writes decisions of the log into rows that are still pending and wait for no person. The scores are those of the
-- job's message; a person's decision has none and leaves them.
-- in ids: uuid[]
-- in settle_s: float8, seconds that a decision must be old
-- in at: timestamptz
-- out media_id, status, reason, job_id
UPDATE media AS m
SET moderation_status = d.status,
    moderation_reason = d.reason,
    moderation_scores = coalesce(d.scores, m.moderation_scores),
    batch_id = CASE WHEN m.batch_id IS NULL OR m.batch_id = '00000000-0000-0000-0000-000000000000'
                    THEN coalesce(d.batch_id, m.batch_id) ELSE m.batch_id END,
    moderated_at = d.at,
    is_approved = d.status = 'approved',
    retry_count = coalesce(d.attempt - 1, m.retry_count),
    updated_at = %(at)s::timestamptz
FROM (
    SELECT latest.*, (
               SELECT result -> 'scores'
               FROM lomi.jobs AS j, jsonb_array_elements(j.payload::jsonb -> 'results') AS result
               WHERE j.job_id = latest.job_id AND result ->> 'media_id' = latest.media_id::text
               LIMIT 1
           ) AS scores
    FROM (
        SELECT DISTINCT ON (media_id) media_id, batch_id, job_id, status, reason, attempt, at
        FROM lomi.decisions
        WHERE media_id = ANY(%(ids)s::uuid[])
        ORDER BY media_id, id DESC
    ) AS latest
) AS d
WHERE m.id = d.media_id
  AND d.status <> 'pending'
  AND d.at <= now() - make_interval(secs => %(settle_s)s::float8)
  AND m.moderation_status = 'pending'
  AND m.moderation_reason IS DISTINCT FROM 'needs_review'
RETURNING m.id AS media_id, d.status, d.reason, d.job_id;
