-- What was submitted, and how far it is.

-- name: submission_photos
-- The photos that are meant: by id, by key, or by the beginning of the key. Without a batch they have the zero UUID's.
-- Keys have no index: the whole table is read for them, and only for them.
-- in ids: uuid[]
-- in keys: text[]
-- in prefix: text, null for none
-- in limit: bigint, rows
-- out media_id, user_id, batch_id, telegram_id, key, place, in_review, old, approved_before, status
WITH meant AS (
    SELECT unnest(%(ids)s::uuid[]) AS id
    UNION
    SELECT id FROM media WHERE cardinality(%(keys)s::text[]) > 0 AND url = ANY(%(keys)s::text[])
    UNION
    SELECT id FROM media WHERE %(prefix)s::text IS NOT NULL AND starts_with(url, %(prefix)s::text)
)
SELECT m.id AS media_id, m.user_id, coalesce(m.batch_id, '00000000-0000-0000-0000-000000000000') AS batch_id,
       coalesce(u.telegram_id, 0) AS telegram_id, m.url AS key,
       coalesce(extract(epoch FROM m.created_at), '-infinity')::float8 AS place,
       m.moderation_reason IS NOT DISTINCT FROM 'needs_review' AS in_review, true AS old,
       coalesce(m.is_approved, false) AND m.batch_id IS NULL AND m.moderated_at IS NULL AS approved_before,
       coalesce(m.moderation_status, 'pending')::text AS status
FROM meant JOIN media AS m ON m.id = meant.id LEFT JOIN users AS u ON u.id = m.user_id
WHERE m.media_type = 'photo'
ORDER BY place, media_id
LIMIT %(limit)s;

-- name: submission_busy
-- Of some photos, those that a submitted job has which is not over.
-- in ids: uuid[]
-- out media_id, submission_id
SELECT DISTINCT ON (media_id) media_id, submission_id
FROM (
    SELECT unnest(j.media_ids) AS media_id, j.submission_id, s.at
    FROM lomi.submitted_jobs AS j
    JOIN lomi.submissions AS s ON s.id = j.submission_id AND s.cancelled_at IS NULL
    LEFT JOIN LATERAL (
        SELECT what FROM lomi.job_ends WHERE job_id = j.job_id ORDER BY at DESC, entry DESC LIMIT 1
    ) AS e ON true
    WHERE NOT EXISTS (SELECT FROM lomi.jobs AS l WHERE l.job_id = j.job_id AND l.settled_at IS NOT NULL)
      AND coalesce(e.what, '') NOT IN ('dead', 'purged', 'cancelled')
) AS open_now
JOIN unnest(%(ids)s::uuid[]) AS asked (media_id) USING (media_id)
ORDER BY media_id, at;

-- name: submission_insert
-- Records a submission.
-- in id: uuid
-- in at: timestamptz
-- in actor: text
-- in asked: jsonb
-- in fingerprint: text
-- in priority: smallint, 0 bulk, 1 normal, 2 high
-- in per_minute: float8, photos; null for at once
-- in photos: int
-- in jobs: int
-- out nothing
INSERT INTO lomi.submissions (id, at, actor, asked, fingerprint, priority, per_minute, photos, jobs)
VALUES (%(id)s, %(at)s, %(actor)s, %(asked)s, %(fingerprint)s, %(priority)s, %(per_minute)s::float8, %(photos)s, %(jobs)s);

-- name: submission_insert_jobs
-- Records jobs of a submission.
-- in id: uuid
-- in jobs: jsonb, [{"seq", "job_id", "batch_id", "user_id", "telegram_id", "media_ids", "object_keys"}]
-- out nothing
INSERT INTO lomi.submitted_jobs (submission_id, seq, job_id, batch_id, user_id, telegram_id, media_ids, object_keys)
SELECT %(id)s, j.seq, j.job_id, j.batch_id, j.user_id, j.telegram_id, j.media_ids, j.object_keys
FROM jsonb_to_recordset(%(jobs)s::jsonb) AS j (
    seq int, job_id text, batch_id uuid, user_id uuid, telegram_id bigint, media_ids uuid[], object_keys text[]);

-- name: submission_get
-- One submission.
-- in id: uuid
-- out id, at, actor, asked, fingerprint, priority, per_minute, photos, jobs, cancelled_at, cancelled_by
SELECT id, at, actor, asked, fingerprint, priority, per_minute, photos, jobs, cancelled_at, cancelled_by
FROM lomi.submissions WHERE id = %(id)s;

-- name: submissions_recent
-- The latest submissions.
-- in limit: bigint, rows
-- out id, at, actor, asked, fingerprint, priority, per_minute, photos, jobs, cancelled_at, cancelled_by
SELECT id, at, actor, asked, fingerprint, priority, per_minute, photos, jobs, cancelled_at, cancelled_by
FROM lomi.submissions ORDER BY at DESC, id LIMIT %(limit)s;

-- name: submissions_unfinished
-- Submissions that nobody cancelled and of which some job is not settled, the oldest first.
-- in limit: bigint, rows
-- out id, at, actor, asked, fingerprint, priority, per_minute, photos, jobs, cancelled_at, cancelled_by
SELECT id, at, actor, asked, fingerprint, priority, per_minute, photos, jobs, cancelled_at, cancelled_by
FROM lomi.submissions AS s
WHERE cancelled_at IS NULL
  AND EXISTS (
      SELECT FROM lomi.submitted_jobs AS j
      WHERE j.submission_id = s.id
        AND NOT EXISTS (SELECT FROM lomi.jobs AS l WHERE l.job_id = j.job_id AND l.settled_at IS NOT NULL)
  )
ORDER BY at, id
LIMIT %(limit)s;

-- name: submission_jobs
-- Jobs of a submission, as they were recorded.
-- in id: uuid
-- in seqs: int[]
-- out seq, job_id, batch_id, user_id, telegram_id, media_ids, object_keys
SELECT seq, job_id, batch_id, user_id, telegram_id, media_ids, object_keys
FROM lomi.submitted_jobs WHERE submission_id = %(id)s AND seq = ANY(%(seqs)s::int[]) ORDER BY seq;

-- name: submission_open
-- The jobs of a submission that the ledger has not settled, in order; with the latest end that is known of each.
-- in id: uuid
-- out seq, job_id, photos, undecided, ended
SELECT j.seq, j.job_id, cardinality(j.media_ids) AS photos,
       EXISTS (SELECT FROM media AS m
               WHERE m.id = ANY(j.media_ids) AND m.moderation_status = 'pending'
                 AND m.moderation_reason IS DISTINCT FROM 'needs_review') AS undecided,
       e.what AS ended
FROM lomi.submitted_jobs AS j
LEFT JOIN LATERAL (
    SELECT what FROM lomi.job_ends WHERE job_id = j.job_id ORDER BY at DESC, entry DESC LIMIT 1
) AS e ON true
WHERE j.submission_id = %(id)s
  AND NOT EXISTS (SELECT FROM lomi.jobs AS l WHERE l.job_id = j.job_id AND l.settled_at IS NOT NULL)
ORDER BY j.seq;

-- name: submission_photo_counts
-- How the photos of a submission stand now.
-- in id: uuid
-- out status, reason, photos
SELECT CASE WHEN m.id IS NULL THEN 'gone'
            WHEN m.moderation_status = 'pending' AND m.moderation_reason = 'needs_review' THEN 'in_review'
            ELSE m.moderation_status::text END AS status,
       CASE WHEN m.moderation_status IN ('rejected', 'failed') THEN m.moderation_reason END AS reason,
       count(*)::int AS photos
FROM lomi.submitted_jobs AS j
CROSS JOIN LATERAL unnest(j.media_ids) AS photo (media_id)
LEFT JOIN media AS m ON m.id = photo.media_id
WHERE j.submission_id = %(id)s
GROUP BY 1, 2
ORDER BY photos DESC, status, reason;

-- name: photo_counts_of
-- How some photos stand now.
-- in ids: uuid[]
-- out status, reason, photos
SELECT CASE WHEN m.id IS NULL THEN 'gone'
            WHEN m.moderation_status = 'pending' AND m.moderation_reason = 'needs_review' THEN 'in_review'
            ELSE m.moderation_status::text END AS status,
       CASE WHEN m.moderation_status IN ('rejected', 'failed') THEN m.moderation_reason END AS reason,
       count(*)::int AS photos
FROM unnest(%(ids)s::uuid[]) AS photo (media_id) LEFT JOIN media AS m ON m.id = photo.media_id
GROUP BY 1, 2
ORDER BY photos DESC, status, reason;

-- name: job_decisions
-- How the photos of some submitted jobs stand, in the order of the jobs.
-- in job_ids: text[]
-- out job_id, media_id, status, reason
SELECT j.job_id, photo.media_id,
       CASE WHEN m.id IS NULL THEN 'gone'
            WHEN m.moderation_status = 'pending' AND m.moderation_reason = 'needs_review' THEN 'in_review'
            ELSE m.moderation_status::text END AS status,
       CASE WHEN m.moderation_status IN ('rejected', 'failed') THEN m.moderation_reason END AS reason
FROM lomi.submitted_jobs AS j
CROSS JOIN LATERAL unnest(j.media_ids) WITH ORDINALITY AS photo (media_id, place)
LEFT JOIN media AS m ON m.id = photo.media_id
WHERE j.job_id = ANY(%(job_ids)s::text[])
ORDER BY j.seq, photo.place;

-- name: submission_slowest
-- The jobs of a submission that took longest.
-- in id: uuid
-- in limit: bigint, rows
-- out job_id, took_s, host, attempt
SELECT l.job_id, (l.took_ms / 1000)::float8 AS took_s, coalesce(l.host, '') AS host, coalesce(l.attempt, 1) AS attempt
FROM lomi.submitted_jobs AS j JOIN lomi.jobs AS l ON l.job_id = j.job_id
WHERE j.submission_id = %(id)s AND l.took_ms IS NOT NULL
ORDER BY l.took_ms DESC, l.job_id
LIMIT %(limit)s;

-- name: submission_pace
-- How many jobs of a submission were settled within the last seconds.
-- in id: uuid
-- in within_s: float8
-- out settled
SELECT count(*)::int AS settled
FROM lomi.submitted_jobs AS j JOIN lomi.jobs AS l ON l.job_id = j.job_id
WHERE j.submission_id = %(id)s AND l.settled_at > now() - make_interval(secs => %(within_s)s::float8);

-- name: submission_cancel
-- Marks a submission as cancelled, once.
-- in id: uuid
-- in at: timestamptz
-- in actor: text
-- out nothing
UPDATE lomi.submissions SET cancelled_at = %(at)s, cancelled_by = %(actor)s WHERE id = %(id)s AND cancelled_at IS NULL;

-- name: submission_try_lock
-- Takes the lock of pushing one submission for this session, or says at once that somebody else pushes it.
-- in id: uuid
-- in transaction: boolean, for this transaction instead
-- out locked
SELECT CASE WHEN %(transaction)s::boolean THEN pg_try_advisory_xact_lock(key) ELSE pg_try_advisory_lock(key) END AS locked
FROM (SELECT hashtextextended('lomi submission ' || %(id)s::uuid::text, 0) AS key) AS lock;

-- name: submission_unlock
-- Gives that lock back.
-- in id: uuid
-- out unlocked
SELECT pg_advisory_unlock(hashtextextended('lomi submission ' || %(id)s::uuid::text, 0)) AS unlocked;

-- name: job_course
-- What Postgres knows of one job; always one row.
-- in job_id: text
-- out settled, media_ids, ended, submission_id, known
SELECT l.settled_at IS NOT NULL AS settled, coalesce(l.media_ids, s.media_ids) AS media_ids, e.what AS ended,
       s.submission_id, l.job_id IS NOT NULL OR s.job_id IS NOT NULL OR e.what IS NOT NULL AS known
FROM (SELECT %(job_id)s::text AS job_id) AS asked
LEFT JOIN lomi.jobs AS l ON l.job_id = asked.job_id
LEFT JOIN lomi.submitted_jobs AS s ON s.job_id = asked.job_id
LEFT JOIN LATERAL (
    SELECT what FROM lomi.job_ends WHERE job_id = asked.job_id ORDER BY at DESC, entry DESC LIMIT 1
) AS e ON true;
