-- What lomi keeps beyond its limits, and how that goes. What is of a user on whom there is a legal hold stays.

-- name: retention_try_lock
-- Takes the lock of trimming for this session, or says at once that another run has it.
-- in transaction: boolean, for this transaction instead
-- out locked
SELECT CASE WHEN %(transaction)s::boolean THEN pg_try_advisory_xact_lock(key) ELSE pg_try_advisory_lock(key) END AS locked
FROM (SELECT hashtextextended('lomi retention', 0) AS key) AS lock;

-- name: retention_unlock
-- Gives that lock back.
-- out unlocked
SELECT pg_advisory_unlock(hashtextextended('lomi retention', 0)) AS unlocked;

-- name: retention_held_users
-- Users on whom there is a hold.
-- out user_id
SELECT user_id FROM lomi.legal_holds WHERE released_at IS NULL ORDER BY user_id;

-- name: retention_jobs
-- The ledger: rows beyond the limit that would go, that a hold keeps, and the oldest row that could ever go.
-- in before: timestamptz, null for no limit
-- in users: uuid[], held
-- in limit: int, rows that are counted at most
-- out due, held, oldest
SELECT (count(*) FILTER (WHERE NOT held))::int AS due, (count(*) FILTER (WHERE held))::int AS held,
       (SELECT min(settled_at) FROM lomi.jobs) AS oldest
FROM (
    SELECT user_id = ANY(%(users)s::uuid[]) AS held
    FROM lomi.jobs
    WHERE settled_at < %(before)s::timestamptz
      AND NOT EXISTS (
          SELECT FROM media AS m WHERE m.id = ANY(media_ids) AND m.moderation_status = 'pending')
    LIMIT %(limit)s::int
) AS rows;

-- name: retention_jobs_trim
-- Removes some of them.
-- in before: timestamptz
-- in users: uuid[], held
-- in limit: int
-- out nothing
DELETE FROM lomi.jobs WHERE job_id IN (
    SELECT job_id FROM lomi.jobs AS j
    WHERE settled_at < %(before)s::timestamptz AND user_id <> ALL(%(users)s::uuid[])
      AND NOT EXISTS (SELECT FROM media AS m WHERE m.id = ANY(j.media_ids) AND m.moderation_status = 'pending')
    LIMIT %(limit)s::int FOR UPDATE SKIP LOCKED
);

-- name: retention_job_ends
-- The same of jobs that ended without the ledger.
-- in before: timestamptz, null for no limit
-- in users: uuid[], held
-- in limit: int, rows that are counted at most
-- out due, held, oldest
SELECT (count(*) FILTER (WHERE NOT held))::int AS due, (count(*) FILTER (WHERE held))::int AS held,
       (SELECT min(at) FROM lomi.job_ends) AS oldest
FROM (
    SELECT coalesce(user_id = ANY(%(users)s::uuid[]), false) AS held
    FROM lomi.job_ends
    WHERE at < %(before)s::timestamptz
    LIMIT %(limit)s::int
) AS rows;

-- name: retention_job_ends_trim
-- Removes some of them.
-- in before: timestamptz
-- in users: uuid[], held
-- in limit: int
-- out nothing
DELETE FROM lomi.job_ends WHERE (job_id, entry) IN (
    SELECT job_id, entry FROM lomi.job_ends
    WHERE at < %(before)s::timestamptz AND (user_id IS NULL OR user_id <> ALL(%(users)s::uuid[]))
    LIMIT %(limit)s::int FOR UPDATE SKIP LOCKED
);

-- name: retention_messages
-- The same of messages that were published.
-- in before: timestamptz, null for no limit
-- in users: uuid[], held
-- in limit: int, rows that are counted at most
-- out due, held, oldest
SELECT (count(*) FILTER (WHERE NOT held))::int AS due, (count(*) FILTER (WHERE held))::int AS held,
       (SELECT min(published_at) FROM lomi.outbox) AS oldest
FROM (
    SELECT EXISTS (
               SELECT FROM unnest(%(users)s::uuid[]) AS user_id WHERE position(user_id::text in lower(payload)) > 0) AS held
    FROM lomi.outbox
    WHERE published_at < %(before)s::timestamptz
    LIMIT %(limit)s::int
) AS rows;

-- name: retention_messages_trim
-- Removes some of them.
-- in before: timestamptz
-- in users: uuid[], held
-- in limit: int
-- out nothing
DELETE FROM lomi.outbox WHERE id IN (
    SELECT id FROM lomi.outbox
    WHERE published_at < %(before)s::timestamptz
      AND NOT EXISTS (
          SELECT FROM unnest(%(users)s::uuid[]) AS user_id WHERE position(user_id::text in lower(payload)) > 0)
    LIMIT %(limit)s::int FOR UPDATE SKIP LOCKED
);

-- name: retention_checkpoints
-- The same of what was known of jobs in hand.
-- in before: timestamptz, null for no limit
-- in photos: uuid[], held
-- in limit: int, rows that are counted at most
-- out due, held, oldest
SELECT (count(*) FILTER (WHERE NOT held))::int AS due, (count(*) FILTER (WHERE held))::int AS held,
       (SELECT min(at) FROM lomi.checkpoints) AS oldest
FROM (
    SELECT media_id = ANY(%(photos)s::uuid[]) AS held
    FROM lomi.checkpoints
    WHERE at < %(before)s::timestamptz
    LIMIT %(limit)s::int
) AS rows;

-- name: retention_checkpoints_trim
-- Removes some of them.
-- in before: timestamptz
-- in photos: uuid[], held
-- in limit: int
-- out nothing
DELETE FROM lomi.checkpoints WHERE (job_id, media_id) IN (
    SELECT job_id, media_id FROM lomi.checkpoints
    WHERE at < %(before)s::timestamptz AND media_id <> ALL(%(photos)s::uuid[])
    LIMIT %(limit)s::int FOR UPDATE SKIP LOCKED
);

-- name: retention_reveals
-- The same of looks at photos.
-- in before: timestamptz, null for no limit
-- in photos: uuid[], held
-- in limit: int, rows that are counted at most
-- out due, held, oldest
SELECT (count(*) FILTER (WHERE NOT held))::int AS due, (count(*) FILTER (WHERE held))::int AS held,
       (SELECT min(at) FROM lomi.reveals) AS oldest
FROM (
    SELECT media_id = ANY(%(photos)s::uuid[]) AS held
    FROM lomi.reveals
    WHERE at < %(before)s::timestamptz
    LIMIT %(limit)s::int
) AS rows;

-- name: retention_reveals_trim
-- Removes some of them.
-- in before: timestamptz
-- in photos: uuid[], held
-- in limit: int
-- out nothing
DELETE FROM lomi.reveals WHERE id IN (
    SELECT id FROM lomi.reveals
    WHERE at < %(before)s::timestamptz AND media_id <> ALL(%(photos)s::uuid[])
    LIMIT %(limit)s::int FOR UPDATE SKIP LOCKED
);

-- name: retention_alerts
-- The same of deliveries that have ended, of incidents that are resolved. They name nobody.
-- in before: timestamptz, null for no limit
-- in limit: int, rows that are counted at most
-- out due, held, oldest
SELECT count(*)::int AS due, 0 AS held, (SELECT min(ended_at) FROM lomi.alert_deliveries) AS oldest
FROM (
    SELECT FROM lomi.alert_deliveries AS d JOIN lomi.alert_incidents AS i ON i.id = d.incident_id
    WHERE d.outcome IS NOT NULL AND i.resolved_at IS NOT NULL AND d.ended_at < %(before)s::timestamptz
    LIMIT %(limit)s::int
) AS rows;

-- name: retention_alerts_trim
-- Removes some of them.
-- in before: timestamptz
-- in limit: int
-- out nothing
DELETE FROM lomi.alert_deliveries WHERE id IN (
    SELECT d.id FROM lomi.alert_deliveries AS d JOIN lomi.alert_incidents AS i ON i.id = d.incident_id
    WHERE d.outcome IS NOT NULL AND i.resolved_at IS NOT NULL AND d.ended_at < %(before)s::timestamptz
    LIMIT %(limit)s::int FOR UPDATE OF d SKIP LOCKED
);

-- part: runs_through
-- Runs of `lomi remoderate` that ended beyond the limit, all of whose messages are out. Those that are not are named by the
-- conditions of the two indexes that hold them: the planner does not see that a message without a claim is never published.
FROM lomi.remoderations AS run
WHERE run.ended_at < %(before)s::timestamptz
  AND NOT EXISTS (
      SELECT FROM lomi.outbox AS o
      CROSS JOIN LATERAL jsonb_array_elements(o.payload::jsonb -> 'results') AS told (photo)
      JOIN lomi.decisions AS d ON d.media_id = (told.photo ->> 'media_id')::uuid AND d.job_id = o.job_id
      WHERE (o.claimed_at IS NULL OR o.claimed_at IS NOT NULL AND o.published_at IS NULL)
        AND d.worker = 'remoderate ' || run.id)

-- name: retention_remoderated
-- What came of the photos of such runs.
-- in before: timestamptz, null for no limit
-- in photos: uuid[], held
-- in limit: int, rows that are counted at most
-- out due, held, oldest
SELECT (count(*) FILTER (WHERE NOT held))::int AS due, (count(*) FILTER (WHERE held))::int AS held,
       (SELECT min(ended_at) FROM lomi.remoderations AS run
        WHERE EXISTS (SELECT FROM lomi.remoderated WHERE run = run.id)) AS oldest
FROM (
    SELECT media_id = ANY(%(photos)s::uuid[]) AS held
    FROM lomi.remoderated
    WHERE run IN (
        SELECT run.id
        -- include: runs_through
    )
    LIMIT %(limit)s::int
) AS rows;

-- name: retention_remoderated_trim
-- Removes some of them; how many of which run, for its count of them.
-- in before: timestamptz
-- in photos: uuid[], held
-- in limit: int
-- out run, rows
WITH gone AS (
    DELETE FROM lomi.remoderated WHERE (run, media_id) IN (
        SELECT p.run, p.media_id FROM lomi.remoderated AS p
        WHERE p.run IN (
            SELECT run.id
            -- include: runs_through
        ) AND p.media_id <> ALL(%(photos)s::uuid[])
        LIMIT %(limit)s::int FOR UPDATE SKIP LOCKED
    ) RETURNING run
)
SELECT run, count(*)::int AS rows FROM gone GROUP BY run ORDER BY run;

-- name: retention_audit_text
-- Entries of the audit whose words are still there, without those that say what was erased.
-- in before: timestamptz, null for no limit
-- in entries: bigint[], held
-- in limit: int, rows that are counted at most
-- out due, held, oldest
SELECT (count(*) FILTER (WHERE NOT held))::int AS due, (count(*) FILTER (WHERE held))::int AS held,
       (SELECT min(at) FROM lomi.audit WHERE erased_at IS NULL) AS oldest
FROM (
    SELECT id = ANY(%(entries)s::bigint[]) AS held
    FROM lomi.audit
    WHERE erased_at IS NULL AND action NOT IN ('privacy.erase', 'retention.trim') AND at < %(before)s::timestamptz
    LIMIT %(limit)s::int
) AS rows;

-- name: retention_audit_text_due
-- The first of them beyond the limit, with their places in the chain.
-- in before: timestamptz
-- in entries: bigint[], held
-- in limit: int
-- out id, seq
SELECT a.id, c.seq
FROM lomi.audit AS a JOIN lomi.audit_chain AS c ON c.audit_id = a.id
WHERE a.at < %(before)s::timestamptz AND a.erased_at IS NULL AND a.action NOT IN ('privacy.erase', 'retention.trim')
  AND a.id <> ALL(%(entries)s::bigint[])
ORDER BY a.id
LIMIT %(limit)s::int;
