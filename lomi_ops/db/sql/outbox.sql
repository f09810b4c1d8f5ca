-- Messages of later decisions.

-- name: outbox_put
-- Adds a message.
-- in job_id: text
-- in payload: text, as it will be published
-- in due_at: timestamptz
-- out nothing
INSERT INTO lomi.outbox (job_id, payload, due_at) VALUES (%(job_id)s, %(payload)s, %(due_at)s);

-- name: outbox_claim
-- Takes messages that are due, past those that somebody else is taking.
-- in at: timestamptz
-- in limit: bigint, rows
-- out id, job_id, payload, due_at
WITH due AS MATERIALIZED (
    SELECT id FROM lomi.outbox
    WHERE claimed_at IS NULL AND due_at <= %(at)s
    ORDER BY due_at, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE lomi.outbox AS o SET claimed_at = %(at)s
FROM due
WHERE o.id = due.id
RETURNING o.id, o.job_id, o.payload, o.due_at;

-- name: outbox_published
-- Notes that a claimed message went out.
-- in id: bigint
-- in at: timestamptz
-- out nothing
UPDATE lomi.outbox SET published_at = %(at)s WHERE id = %(id)s AND claimed_at IS NOT NULL AND published_at IS NULL;

-- name: outbox_unconfirmed
-- Takes messages that were claimed and never marked, past those that somebody else is taking.
-- in before: timestamptz, of the earlier claim
-- in since: timestamptz, when they were due at the earliest
-- in at: timestamptz
-- in limit: bigint, rows
-- out id, job_id, payload, due_at
WITH left_over AS MATERIALIZED (
    SELECT id FROM lomi.outbox
    WHERE claimed_at < %(before)s AND published_at IS NULL AND due_at >= %(since)s
    ORDER BY claimed_at, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE lomi.outbox AS o SET claimed_at = %(at)s
FROM left_over
WHERE o.id = left_over.id
RETURNING o.id, o.job_id, o.payload, o.due_at;

-- name: outbox_waits
-- Whether there is anything to take.
-- in at: timestamptz
-- in before: timestamptz, of an earlier claim
-- in since: timestamptz, when such a message was due at the earliest
-- out found
SELECT EXISTS (SELECT FROM lomi.outbox WHERE claimed_at IS NULL AND due_at <= %(at)s)
    OR EXISTS (
        SELECT FROM lomi.outbox WHERE claimed_at < %(before)s AND published_at IS NULL AND due_at >= %(since)s
    ) AS found;

-- name: outbox_withdraw
-- Takes back a message that nobody has begun to send.
-- in job_id: text
-- out nothing
DELETE FROM lomi.outbox WHERE job_id = %(job_id)s AND claimed_at IS NULL;

-- name: outbox_overtake
-- Takes back every message about a photo of which nobody knows that it went out, and answers what a later one has to wait
-- for. What an undo tells and nobody has claimed stays, since it says what is true again. The photo is locked.
-- in media_id: uuid
-- out claimed_at, due_at
WITH earlier AS MATERIALIZED (
    SELECT o.id, o.claimed_at, o.due_at, o.claimed_at IS NULL AND d.undoes IS NOT NULL AS stays
    FROM lomi.decisions AS d JOIN lomi.outbox AS o ON o.job_id = d.job_id
    WHERE d.media_id = %(media_id)s AND (d.actor <> 'worker' OR d.worker LIKE 'remoderate %%')
      AND o.published_at IS NULL
    FOR UPDATE OF o
), gone AS (
    DELETE FROM lomi.outbox AS o USING earlier AS e WHERE o.id = e.id AND NOT e.stays
)
SELECT max(claimed_at) AS claimed_at, max(due_at) FILTER (WHERE stays) AS due_at FROM earlier;
