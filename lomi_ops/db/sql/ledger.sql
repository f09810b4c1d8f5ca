-- The ledger of jobs, and the guarded change of `media` that belongs to it.

-- part: settlement
-- What a settlement is, whether hashes are kept with it or not: it happens as it is asked for, or nothing does. The
-- photos' rows are locked in one order for everybody, so that two jobs never wait for each other; then the job is
-- entered, if each photo to be written is still pending, waits for no person and belongs to the batch (a row of the old
-- endpoint, with no batch or the zero UUID, is the batch's when it is the user's, and joins it), and if it was not settled
-- before. A second transaction with the same job waits for the first. All else is written where the job was entered. A
-- photo for review keeps its status, and from then on it is a person's: a second job for its batch decides nothing about it.
WITH given AS (
    SELECT *
    FROM jsonb_to_recordset(%(decisions)s::jsonb) AS d (
        media_id uuid, status text, reason text, scores jsonb, outcome text, policy text, thresholds jsonb,
        grounds jsonb, photo jsonb, engines jsonb, findings jsonb, failure text, photo_sha256 text,
        processing_ms float8, detail text, shadows jsonb, inputs text, taken jsonb,
        hash text, bands int[])
), locked AS (
    SELECT id AS media_id, user_id, batch_id, moderation_status::text AS status, moderation_reason AS reason,
           coalesce(moderation_status = 'pending' AND moderation_reason IS DISTINCT FROM 'needs_review'
               AND (batch_id = %(batch_id)s::uuid
                    OR (user_id = %(user_id)s::uuid
                        AND (batch_id IS NULL OR batch_id = '00000000-0000-0000-0000-000000000000'))),
               false) AS ours
    FROM media
    WHERE id = ANY(%(ids)s::uuid[])
    ORDER BY id
    FOR NO KEY UPDATE
), entered AS (
    INSERT INTO lomi.jobs AS j
        (job_id, batch_id, user_id, telegram_id, media_ids, opened_at, attempt, token, worker, settled_at,
         first_seen_at, claimed_at, host, took_ms, opening_ms, downloads_ms, settled_before_ms, payload, skipped,
         approved, rejected, failed, in_review)
    SELECT %(job_id)s::text, %(batch_id)s::uuid, %(user_id)s::uuid, %(telegram_id)s::bigint, %(media_ids)s::uuid[],
           %(at)s::timestamptz, %(attempt)s::int, %(token)s::text, %(worker)s::text, %(at)s::timestamptz,
           %(first_seen_at)s::timestamptz, %(claimed_at)s::timestamptz, %(host)s::text, %(took_ms)s::float8,
           %(opening_ms)s::real, %(downloads_ms)s::real[], %(settled_before_ms)s::real, %(payload)s::text,
           %(skipped)s::jsonb, %(approved)s::int, %(rejected)s::int, %(failed)s::int, %(in_review)s::int
    WHERE NOT EXISTS (SELECT FROM given LEFT JOIN locked USING (media_id) WHERE locked.ours IS NOT TRUE)
    ON CONFLICT (job_id) DO UPDATE
        SET attempt = excluded.attempt, token = excluded.token, worker = excluded.worker,
            settled_at = excluded.settled_at, first_seen_at = excluded.first_seen_at,
            claimed_at = excluded.claimed_at, host = excluded.host, took_ms = excluded.took_ms,
            opening_ms = excluded.opening_ms, downloads_ms = excluded.downloads_ms,
            settled_before_ms = excluded.settled_before_ms, payload = excluded.payload, skipped = excluded.skipped,
            approved = excluded.approved, rejected = excluded.rejected, failed = excluded.failed,
            in_review = excluded.in_review
        WHERE j.settled_at IS NULL
    RETURNING j.job_id
), written AS (
    UPDATE media AS m
    SET moderation_status = d.status,
        moderation_reason = d.reason,
        moderation_scores = d.scores,
        batch_id = %(batch_id)s::uuid,
        moderated_at = CASE WHEN d.status = 'pending' THEN m.moderated_at ELSE %(at)s::timestamptz END,
        is_approved = CASE WHEN d.status = 'pending' THEN m.is_approved ELSE d.status = 'approved' END,
        retry_count = CASE WHEN d.status = 'pending' THEN m.retry_count ELSE %(attempt)s::int - 1 END,
        updated_at = CASE WHEN d.status = 'pending' THEN m.updated_at ELSE %(at)s::timestamptz END
    FROM given AS d
    WHERE m.id = d.media_id AND m.id = ANY(%(ids)s::uuid[]) AND EXISTS (SELECT FROM entered)
), logged AS (
    INSERT INTO lomi.decisions
        (at, media_id, batch_id, user_id, job_id, actor, worker, attempt, status_before, reason_before, status, reason,
         outcome, policy, thresholds, grounds, photo, engines, findings, failure, photo_sha256, processing_ms, detail,
         shadows, inputs, taken)
    SELECT %(at)s::timestamptz, d.media_id, %(batch_id)s::uuid, %(user_id)s::uuid, %(job_id)s::text, 'worker',
           %(worker)s::text, %(attempt)s::int, l.status, l.reason, d.status, d.reason, d.outcome, d.policy,
           d.thresholds, d.grounds, d.photo, d.engines, d.findings, d.failure, d.photo_sha256, d.processing_ms,
           d.detail, d.shadows, d.inputs, d.taken
    FROM given AS d JOIN locked AS l USING (media_id)
    WHERE EXISTS (SELECT FROM entered)
), cleared AS (
    DELETE FROM lomi.checkpoints WHERE job_id = %(job_id)s::text AND EXISTS (SELECT FROM entered)
)

-- part: settled
-- Whether it happened, beside each row that was locked; one row without a photo where none was.
SELECT EXISTS (SELECT FROM entered) AS entered, l.media_id, l.user_id, l.batch_id, l.status, l.reason, l.ours
FROM (VALUES (true)) AS once LEFT JOIN locked AS l ON true

-- name: ledger_settle
-- Settles a job, or changes nothing and shows why; what photos look like is not kept.
-- in decisions: jsonb, one object per photo to be written: the columns of lomi.decisions, "scores", "hash" in hexadecimal and "bands"
-- in ids: uuid[], of all photos that somebody has decided about
-- in job_id: text
-- in batch_id: uuid
-- in user_id: uuid
-- in telegram_id: bigint, 0 for none
-- in media_ids: uuid[], of the job
-- in attempt: int, from 1
-- in token: text, of the lease
-- in worker: text
-- in at: timestamptz
-- in first_seen_at: timestamptz, by the queue's clock; null for nobody knows
-- in claimed_at: timestamptz, by the queue's clock; null for nobody knows
-- in host: text, null for nobody knows
-- in took_ms: float8, since the claim; null for nobody knows
-- in opening_ms: real, of `ledger_opening`; null for nobody knows
-- in downloads_ms: real[], of each object that came; null for nobody knows
-- in settled_before_ms: real, of the settlement before, of the same slot; null for nobody knows
-- in payload: text, null where nothing was decided
-- in skipped: jsonb, [{"media_id", "why"}]
-- in approved: int
-- in rejected: int
-- in failed: int
-- in in_review: int
-- out entered, media_id, user_id, batch_id, status, reason, ours
-- include: settlement
-- include: settled
;

-- name: ledger_settle_looks
-- Settles a job, or changes nothing and shows why; what photos look like is kept beside it, if it is not known yet.
-- in decisions: jsonb, one object per photo to be written: the columns of lomi.decisions, "scores", "hash" in hexadecimal and "bands"
-- in ids: uuid[], of all photos that somebody has decided about
-- in job_id: text
-- in batch_id: uuid
-- in user_id: uuid
-- in telegram_id: bigint, 0 for none
-- in media_ids: uuid[], of the job
-- in attempt: int, from 1
-- in token: text, of the lease
-- in worker: text
-- in at: timestamptz
-- in first_seen_at: timestamptz, by the queue's clock; null for nobody knows
-- in claimed_at: timestamptz, by the queue's clock; null for nobody knows
-- in host: text, null for nobody knows
-- in took_ms: float8, since the claim; null for nobody knows
-- in opening_ms: real, of `ledger_opening`; null for nobody knows
-- in downloads_ms: real[], of each object that came; null for nobody knows
-- in settled_before_ms: real, of the settlement before, of the same slot; null for nobody knows
-- in payload: text, null where nothing was decided
-- in skipped: jsonb, [{"media_id", "why"}]
-- in approved: int
-- in rejected: int
-- in failed: int
-- in in_review: int
-- out entered, media_id, user_id, batch_id, status, reason, ours
-- include: settlement
, seen AS (
    INSERT INTO lomi.photo_hashes (media_id, user_id, hash, bands, at)
    SELECT d.media_id, %(user_id)s::uuid, decode(d.hash, 'hex'), d.bands, %(at)s::timestamptz
    FROM given AS d
    WHERE d.hash IS NOT NULL AND EXISTS (SELECT FROM entered)
    ON CONFLICT DO NOTHING
)
-- include: settled
;

-- name: ledger_outage
-- Notes that a job waits for an engine, and since when; a settled job stays as it is.
-- in job_id: text
-- in batch_id: uuid
-- in user_id: uuid
-- in telegram_id: bigint, 0 for none
-- in media_ids: uuid[]
-- in at: timestamptz
-- out first_outage_at
INSERT INTO lomi.jobs AS j (job_id, batch_id, user_id, telegram_id, media_ids, opened_at, first_outage_at)
VALUES (%(job_id)s, %(batch_id)s, %(user_id)s, %(telegram_id)s, %(media_ids)s::uuid[], %(at)s, %(at)s)
ON CONFLICT (job_id) DO UPDATE
    SET first_outage_at = CASE WHEN j.settled_at IS NULL THEN coalesce(j.first_outage_at, excluded.first_outage_at)
                               ELSE j.first_outage_at END
RETURNING coalesce(j.first_outage_at, %(at)s) AS first_outage_at;

-- name: ledger_outage_over
-- Forgets since when a job waits: the engine answered again.
-- in job_id: text
-- out nothing
UPDATE lomi.jobs SET first_outage_at = NULL WHERE job_id = %(job_id)s AND settled_at IS NULL;

-- name: ledger_abandon
-- Closes an open job that is given up, so that its photos count as undecided again.
-- in job_id: text
-- out nothing
DELETE FROM lomi.jobs WHERE job_id = %(job_id)s AND settled_at IS NULL;

-- name: ledger_opening
-- What a worker has to know of a job before it judges: the job as the ledger has it, beside each row of its photos; one
-- row without a photo where none has one.
-- in job_id: text
-- in ids: uuid[]
-- out settled_at, payload, media_id, user_id, batch_id, status, reason
SELECT j.settled_at, j.payload, m.id AS media_id, m.user_id, m.batch_id, m.moderation_status::text AS status,
       m.moderation_reason AS reason
FROM (VALUES (true)) AS once
LEFT JOIN lomi.jobs AS j ON j.job_id = %(job_id)s::text
LEFT JOIN media AS m ON m.id = ANY(%(ids)s::uuid[]);

-- name: ledger_entry
-- A job as the ledger has it.
-- in job_id: text
-- out job_id, batch_id, payload, settled_at, first_outage_at, attempt, worker
SELECT job_id, batch_id, payload, settled_at, first_outage_at, attempt, worker
FROM lomi.jobs
WHERE job_id = %(job_id)s;

-- name: media_lock
-- Locks the rows of a job's photos in one order for everybody, so that two jobs never wait for each other.
-- in ids: uuid[]
-- out media_id, user_id, batch_id, status, reason
SELECT id AS media_id, user_id, batch_id, moderation_status::text AS status, moderation_reason AS reason
FROM media
WHERE id = ANY(%(ids)s::uuid[])
ORDER BY id
FOR NO KEY UPDATE;
