-- The decision log.

-- name: decisions_of
-- Every decision on one photo, the first one first. A schema of before has no column `taken`: it is looked for in the
-- whole row.
-- in media_id: uuid
-- out at, media_id, batch_id, job_id, actor, worker, attempt, status_before, reason_before, status, reason
-- out outcome, policy, thresholds, grounds, photo, engines, findings, failure, photo_sha256, processing_ms, detail, taken
SELECT at, media_id, batch_id, job_id, actor, worker, attempt, status_before, reason_before, status, reason, outcome,
       policy, thresholds, grounds, photo, engines, findings, failure, photo_sha256, processing_ms, detail,
       to_jsonb(d) -> 'taken' AS taken
FROM lomi.decisions AS d
WHERE media_id = %(media_id)s
ORDER BY id;

-- name: decisions_since
-- When a worker logged its first decision; null where none did.
-- out at
SELECT min(at) AS at FROM lomi.decisions WHERE actor = 'worker';

-- name: override_lock
-- A photo and its owner, locked until the person's decision on it is written.
-- in media_id: uuid
-- out media_id, user_id, batch_id, telegram_id, status, reason, scores, moderated_at
SELECT m.id AS media_id, m.user_id, m.batch_id, coalesce(u.telegram_id, 0) AS telegram_id,
       m.moderation_status::text AS status, m.moderation_reason AS reason, m.moderation_scores AS scores,
       m.moderated_at
FROM media AS m LEFT JOIN users AS u ON u.id = m.user_id
WHERE m.id = %(media_id)s AND m.media_type = 'photo'
FOR NO KEY UPDATE OF m;

-- name: override_last
-- The last decision on a photo that is locked.
-- in media_id: uuid
-- out id, job_id, actor, status_before, reason_before, moderated_before, status, reason, step, undoes
SELECT id, job_id, actor, status_before, reason_before, moderated_before, status, reason, step, undoes
FROM lomi.decisions
WHERE media_id = %(media_id)s
ORDER BY id DESC
LIMIT 1;

-- name: override_untold
-- Whether the decision before one was a person's, or of photos that were judged again, and was never told, since the one
-- after it came first. What somebody only agreed with is passed over.
-- in media_id: uuid
-- in id: bigint, of the later decision
-- out untold
SELECT (d.actor <> 'worker' OR coalesce(d.worker, '') LIKE 'remoderate %%') AND d.undoes IS NULL
       AND NOT EXISTS (SELECT FROM lomi.outbox AS o WHERE o.job_id = d.job_id) AS untold
FROM lomi.decisions AS d
WHERE d.media_id = %(media_id)s AND d.id < %(id)s
  AND (d.status, d.reason) IS DISTINCT FROM (d.status_before, d.reason_before)
ORDER BY d.id DESC
LIMIT 1;

-- name: override_media
-- Writes a person's decision into a photo that still stands as the person saw it.
-- in media_id: uuid
-- in expect: text, status
-- in status: text
-- in reason: text, null when approved
-- in at: timestamptz
-- in moderated_at: timestamptz
-- out nothing
UPDATE media
SET moderation_status = %(status)s::text, moderation_reason = %(reason)s,
    is_approved = (%(status)s::text = 'approved'), moderated_at = %(moderated_at)s, updated_at = %(at)s
WHERE id = %(media_id)s AND moderation_status = %(expect)s;

-- name: override_decision
-- Logs a person's decision.
-- in at: timestamptz
-- in media_id: uuid
-- in batch_id: uuid, null where the photo has none
-- in user_id: uuid
-- in job_id: text, of the message
-- in actor: text
-- in status_before: text
-- in reason_before: text
-- in moderated_before: timestamptz
-- in status: text
-- in reason: text
-- in detail: text, why, in the person's words
-- in step: uuid, null for a decision on its own
-- in undoes: bigint, the decision that it takes back, or null
-- out nothing
INSERT INTO lomi.decisions
    (at, media_id, batch_id, user_id, job_id, actor, status_before, reason_before, moderated_before, status, reason,
     detail, step, undoes)
VALUES (%(at)s, %(media_id)s, %(batch_id)s, %(user_id)s, %(job_id)s, %(actor)s, %(status_before)s, %(reason_before)s,
        %(moderated_before)s, %(status)s, %(reason)s, %(detail)s, %(step)s, %(undoes)s);
