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
-- Messages that were claimed and never marked.
-- in before: timestamptz, of the claim
-- in limit: bigint, rows
-- out id, job_id, payload, due_at
SELECT id, job_id, payload, due_at
FROM lomi.outbox
WHERE claimed_at < %(before)s AND published_at IS NULL
ORDER BY claimed_at, id
LIMIT %(limit)s;

-- name: outbox_withdraw
-- Takes back a message that nobody has begun to send.
-- in job_id: text
-- out nothing
DELETE FROM lomi.outbox WHERE job_id = %(job_id)s AND claimed_at IS NULL;
