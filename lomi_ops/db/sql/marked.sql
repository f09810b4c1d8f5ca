-- Rows of `lomi e2e`: its users have marked ids, between two bounds that nobody else's can have.

-- name: marked_try_lock
-- Takes the lock of a run for this session, or says at once that the run is still at work.
-- in id: uuid, of the run's user
-- in transaction: boolean, for this transaction instead
-- out locked
SELECT CASE WHEN %(transaction)s::boolean THEN pg_try_advisory_xact_lock(key) ELSE pg_try_advisory_lock(key) END AS locked
FROM (SELECT hashtextextended(%(id)s::uuid::text, 0) AS key) AS lock;

-- name: marked_unlock
-- Gives the lock of a run back.
-- in id: uuid
-- out unlocked
SELECT pg_advisory_unlock(hashtextextended(%(id)s::uuid::text, 0)) AS unlocked;

-- name: marked_try_locks
-- The same for the users of one run; says whether all of them were free.
-- in ids: uuid[]
-- in transaction: boolean, for this transaction instead
-- out locked
SELECT bool_and(
           CASE WHEN %(transaction)s::boolean THEN pg_try_advisory_xact_lock(key) ELSE pg_try_advisory_lock(key) END
       ) AS locked
FROM (SELECT hashtextextended(id::text, 0) AS key FROM unnest(%(ids)s::uuid[]) AS id) AS locks;

-- name: marked_unlocks
-- Gives the locks of a run's users back.
-- in ids: uuid[]
-- out unlocked
SELECT bool_and(pg_advisory_unlock(hashtextextended(id::text, 0))) AS unlocked FROM unnest(%(ids)s::uuid[]) AS id;

-- name: marked_user
-- A user whom nobody is shown, without a Telegram account where the table allows that.
-- in id: uuid
-- in telegram_id: bigint, where there must be one
-- in name: text
-- out nothing
INSERT INTO users (id, telegram_id, name, is_active)
SELECT %(id)s::uuid,
       CASE WHEN EXISTS (
           SELECT FROM pg_attribute WHERE attrelid = to_regclass('users') AND attname = 'telegram_id' AND attnotnull
       ) THEN %(telegram_id)s::bigint END,
       %(name)s::text, false;

-- name: marked_users
-- Users of runs, the oldest first.
-- in first: uuid
-- in last: uuid
-- out id
SELECT id FROM users WHERE id BETWEEN %(first)s::uuid AND %(last)s::uuid ORDER BY id;

-- name: marked_batches
-- The batches of a run's user, found by the ids of their photos: those have an index.
-- in user_id: uuid
-- in first: uuid
-- in last: uuid
-- out batch_id
SELECT DISTINCT batch_id FROM media
WHERE id BETWEEN %(first)s::uuid AND %(last)s::uuid AND user_id = %(user_id)s::uuid AND batch_id IS NOT NULL;

-- name: marked_ledger_forget
-- Removes jobs from the ledger, and what was kept of their photos. The decision log keeps its rows: it is append-only.
-- in job_ids: text[]
-- out nothing
WITH kept AS (
    DELETE FROM lomi.checkpoints WHERE job_id = ANY(%(job_ids)s::text[])
)
DELETE FROM lomi.jobs WHERE job_id = ANY(%(job_ids)s::text[]);

-- name: marked_strays_forget
-- Removes from the ledger what runs that are long over left there: of jobs that a worker still had when they ended.
-- in first: uuid
-- in last: uuid
-- in older_s: float8, seconds since it was settled
-- out nothing
DELETE FROM lomi.jobs
WHERE user_id BETWEEN %(first)s::uuid AND %(last)s::uuid
  AND settled_at < now() - make_interval(secs => %(older_s)s::float8);

-- name: marked_looks_forget
-- Removes what photos of runs look like: every run has the same.
-- in first: uuid
-- in last: uuid
-- out nothing
DELETE FROM lomi.photo_hashes WHERE user_id BETWEEN %(first)s::uuid AND %(last)s::uuid;

-- name: marked_ends_forget
-- Removes the ends of jobs that the ledger has not heard of.
-- in first: uuid
-- in last: uuid
-- out nothing
DELETE FROM lomi.job_ends WHERE user_id BETWEEN %(first)s::uuid AND %(last)s::uuid;

-- name: marked_bench_users
-- Users whose photos `lomi bench database` has made: no object and no job belongs to them.
-- in first: uuid
-- in last: uuid
-- in prefix: text, of their keys
-- out id
SELECT DISTINCT user_id AS id FROM media
WHERE id BETWEEN %(first)s::uuid AND %(last)s::uuid AND starts_with(url, %(prefix)s::text);

-- name: marked_decisions_forget
-- Removes what the decision log says of a run's photos: they show nobody, and a load test makes many. Needs
-- `privacy_erasing`.
-- in users: uuid[]
-- in first: uuid
-- in last: uuid
-- out nothing
DELETE FROM lomi.decisions
WHERE user_id = ANY(%(users)s::uuid[]) AND user_id BETWEEN %(first)s::uuid AND %(last)s::uuid;
