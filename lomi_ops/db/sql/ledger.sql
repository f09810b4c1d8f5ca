-- The ledger of jobs, and the guarded change of `media` that belongs to it.

-- name: ledger_settle
-- Enters a job as settled. No row comes back where it was settled before: then nothing may be written for it. A second
-- transaction with the same job waits here for the first.
-- in job_id: text
-- in batch_id: uuid
-- in user_id: uuid
-- in telegram_id: bigint, 0 for none
-- in media_ids: uuid[]
-- in attempt: int, from 1
-- in token: text, of the lease
-- in worker: text
-- in at: timestamptz
-- in first_seen_at: timestamptz, by the queue's clock; null for nobody knows
-- in claimed_at: timestamptz, by the queue's clock; null for nobody knows
-- in host: text, null for nobody knows
-- in took_ms: float8, since the claim; null for nobody knows
-- out job_id
INSERT INTO lomi.jobs AS j
    (job_id, batch_id, user_id, telegram_id, media_ids, opened_at, attempt, token, worker, settled_at, first_seen_at,
     claimed_at, host, took_ms)
VALUES (%(job_id)s, %(batch_id)s, %(user_id)s, %(telegram_id)s, %(media_ids)s::uuid[], %(at)s, %(attempt)s, %(token)s,
        %(worker)s, %(at)s, %(first_seen_at)s::timestamptz, %(claimed_at)s::timestamptz, %(host)s::text,
        %(took_ms)s::float8)
ON CONFLICT (job_id) DO UPDATE
    SET attempt = excluded.attempt, token = excluded.token, worker = excluded.worker, settled_at = excluded.settled_at,
        first_seen_at = excluded.first_seen_at, claimed_at = excluded.claimed_at, host = excluded.host,
        took_ms = excluded.took_ms
    WHERE j.settled_at IS NULL
RETURNING j.job_id;

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

-- name: media_settle
-- Writes decisions into rows that are still pending and belong to the batch; a photo for review keeps its status, and
-- from then on it is a person's: a second job for its batch decides nothing about it. A row of the old endpoint (no
-- batch, or the zero UUID) is the batch's when it is the user's, and joins it.
-- in photos: jsonb, [{"media_id", "status", "reason", "scores"}]
-- in batch_id: uuid
-- in user_id: uuid
-- in retries: int, attempts beyond the first
-- in at: timestamptz
-- out media_id
UPDATE media AS m
SET moderation_status = d.status,
    moderation_reason = d.reason,
    moderation_scores = d.scores,
    batch_id = %(batch_id)s,
    moderated_at = CASE WHEN d.status = 'pending' THEN m.moderated_at ELSE %(at)s::timestamptz END,
    is_approved = CASE WHEN d.status = 'pending' THEN m.is_approved ELSE d.status = 'approved' END,
    retry_count = CASE WHEN d.status = 'pending' THEN m.retry_count ELSE %(retries)s::int END,
    updated_at = CASE WHEN d.status = 'pending' THEN m.updated_at ELSE %(at)s::timestamptz END
FROM jsonb_to_recordset(%(photos)s::jsonb) AS d (media_id uuid, status text, reason text, scores jsonb)
WHERE m.id = d.media_id
  AND m.moderation_status = 'pending'
  AND m.moderation_reason IS DISTINCT FROM 'needs_review'
  AND (
      m.batch_id = %(batch_id)s
      OR (m.user_id = %(user_id)s
          AND (m.batch_id IS NULL OR m.batch_id = '00000000-0000-0000-0000-000000000000'))
  )
RETURNING m.id AS media_id;

-- name: ledger_finish
-- Completes a settled job: its decisions into the log, its message and counts into the ledger, its checkpoints away.
-- in job_id: text
-- in batch_id: uuid
-- in user_id: uuid
-- in attempt: int
-- in worker: text
-- in at: timestamptz
-- in decisions: jsonb, one object per applied photo with the columns of lomi.decisions
-- in payload: text, null where nothing was decided
-- in skipped: jsonb, [{"media_id", "why"}]
-- in approved: int
-- in rejected: int
-- in failed: int
-- in in_review: int
-- out nothing
WITH logged AS (
    INSERT INTO lomi.decisions
        (at, media_id, batch_id, user_id, job_id, actor, worker, attempt, status_before, reason_before, status, reason,
         outcome, policy, thresholds, grounds, photo, engines, findings, failure, photo_sha256, processing_ms, detail,
         shadows)
    SELECT %(at)s::timestamptz, d.media_id, %(batch_id)s::uuid, %(user_id)s::uuid, %(job_id)s::text, 'worker',
           %(worker)s::text, %(attempt)s::int, d.status_before, d.reason_before, d.status, d.reason, d.outcome,
           d.policy, d.thresholds, d.grounds, d.photo, d.engines, d.findings, d.failure, d.photo_sha256,
           d.processing_ms, d.detail, d.shadows
    FROM jsonb_to_recordset(%(decisions)s::jsonb) AS d (
        media_id uuid, status_before text, reason_before text, status text, reason text, outcome text, policy text,
        thresholds jsonb, grounds jsonb, photo jsonb, engines jsonb, findings jsonb, failure text, photo_sha256 text,
        processing_ms float8, detail text, shadows jsonb)
), cleared AS (
    DELETE FROM lomi.checkpoints WHERE job_id = %(job_id)s::text
)
UPDATE lomi.jobs
SET payload = %(payload)s, skipped = %(skipped)s, approved = %(approved)s, rejected = %(rejected)s,
    failed = %(failed)s, in_review = %(in_review)s
WHERE job_id = %(job_id)s::text;
