-- What is held on one user, and how it goes.

-- name: privacy_user_of
-- The user of a Telegram account, by the backend or by what was recorded of jobs.
-- in telegram_id: bigint
-- out user_id
SELECT id AS user_id FROM users WHERE telegram_id = %(telegram_id)s::bigint;

-- name: privacy_user_once
-- The user of a Telegram account whom the backend does not know any more.
-- in telegram_id: bigint
-- out user_id
SELECT user_id FROM lomi.jobs WHERE telegram_id = %(telegram_id)s::bigint
UNION
SELECT user_id FROM lomi.submitted_jobs WHERE telegram_id = %(telegram_id)s::bigint
LIMIT 1;

-- name: privacy_telegram
-- The Telegram account of a user.
-- in user_id: uuid
-- out telegram_id
SELECT nullif(telegram_id, 0) AS telegram_id FROM users WHERE id = %(user_id)s::uuid;

-- name: privacy_telegram_once
-- The same of a user whom the backend does not know any more; 0 is written where none was known.
-- in user_id: uuid
-- out telegram_id
SELECT telegram_id FROM lomi.jobs WHERE user_id = %(user_id)s::uuid AND telegram_id <> 0
UNION
SELECT telegram_id FROM lomi.submitted_jobs WHERE user_id = %(user_id)s::uuid AND telegram_id <> 0
LIMIT 1;

-- name: privacy_media
-- The rows of the backend's table.
-- in user_id: uuid
-- out row
SELECT to_jsonb(m) AS row FROM media AS m WHERE m.user_id = %(user_id)s::uuid ORDER BY m.id;

-- name: privacy_media_ids
-- Photos that our own tables know of.
-- in user_id: uuid
-- out id
SELECT media_id AS id FROM lomi.decisions WHERE user_id = %(user_id)s::uuid
UNION SELECT unnest(media_ids) FROM lomi.jobs WHERE user_id = %(user_id)s::uuid
UNION SELECT unnest(media_ids) FROM lomi.submitted_jobs WHERE user_id = %(user_id)s::uuid
UNION SELECT media_id FROM lomi.notes WHERE user_id = %(user_id)s::uuid AND media_id IS NOT NULL
UNION SELECT media_id FROM lomi.photo_hashes WHERE user_id = %(user_id)s::uuid
ORDER BY id;

-- name: privacy_photos_of_others
-- Which of these photos are another user's: a job may name whatever it likes.
-- in user_id: uuid
-- in ids: uuid[]
-- out id
SELECT id FROM media WHERE id = ANY(%(ids)s::uuid[]) AND user_id <> %(user_id)s::uuid;

-- name: privacy_photos_once_of_others
-- The same by what was decided on them, for photos without a row.
-- in user_id: uuid
-- in ids: uuid[]
-- out id
SELECT DISTINCT media_id AS id FROM lomi.decisions
WHERE media_id = ANY(%(ids)s::uuid[]) AND user_id <> %(user_id)s::uuid;

-- name: privacy_job_ids
-- Jobs, and messages of people's decisions.
-- in user_id: uuid
-- out id
SELECT job_id AS id FROM lomi.jobs WHERE user_id = %(user_id)s::uuid
UNION SELECT job_id FROM lomi.decisions WHERE user_id = %(user_id)s::uuid
UNION SELECT job_id FROM lomi.submitted_jobs WHERE user_id = %(user_id)s::uuid
UNION SELECT job_id FROM lomi.job_ends WHERE user_id = %(user_id)s::uuid
UNION SELECT job_id FROM lomi.outbox WHERE position(%(user_id)s::uuid::text in lower(payload)) > 0
ORDER BY id;

-- name: privacy_keys
-- Objects of jobs that were submitted.
-- in user_id: uuid
-- out key
SELECT DISTINCT unnest(object_keys) AS key FROM lomi.submitted_jobs WHERE user_id = %(user_id)s::uuid ORDER BY key;

-- name: privacy_keys_of_others
-- Which of these objects are another user's, too.
-- in user_id: uuid
-- in keys: text[]
-- out key
SELECT url AS key FROM media WHERE user_id <> %(user_id)s::uuid AND url = ANY(%(keys)s::text[])
UNION
SELECT thumbnail_url FROM media WHERE user_id <> %(user_id)s::uuid AND thumbnail_url = ANY(%(keys)s::text[]);

-- name: privacy_rows
-- Everything in our own tables: which one, and the row as a document, without salts, without tokens of leases, and without
-- whose findings were taken for a photo: that is about somebody else.
-- in user_id: uuid
-- in media_ids: uuid[]
-- in job_ids: text[]
-- out place, row
SELECT 'decisions' AS place, to_jsonb(d) - 'taken' AS row FROM lomi.decisions AS d
WHERE user_id = %(user_id)s::uuid OR media_id = ANY(%(media_ids)s::uuid[])
UNION ALL
SELECT 'jobs', to_jsonb(j) - 'token' FROM lomi.jobs AS j WHERE user_id = %(user_id)s::uuid
UNION ALL
SELECT 'job_ends', to_jsonb(e) FROM lomi.job_ends AS e
WHERE user_id = %(user_id)s::uuid OR job_id = ANY(%(job_ids)s::text[])
UNION ALL
SELECT 'checkpoints', to_jsonb(c) #- '{decision,taken}' FROM lomi.checkpoints AS c
WHERE media_id = ANY(%(media_ids)s::uuid[]) OR job_id = ANY(%(job_ids)s::text[])
UNION ALL
SELECT 'submitted_jobs', to_jsonb(s) FROM lomi.submitted_jobs AS s WHERE user_id = %(user_id)s::uuid
UNION ALL
SELECT 'submissions', to_jsonb(s) FROM lomi.submissions AS s
WHERE position(%(user_id)s::uuid::text in lower(asked::text)) > 0
   OR id IN (SELECT submission_id FROM lomi.submitted_jobs WHERE user_id = %(user_id)s::uuid)
UNION ALL
SELECT 'outbox', to_jsonb(o) FROM lomi.outbox AS o
WHERE job_id = ANY(%(job_ids)s::text[]) OR position(%(user_id)s::uuid::text in lower(payload)) > 0
UNION ALL
SELECT 'notes', to_jsonb(n) FROM lomi.notes AS n
WHERE user_id = %(user_id)s::uuid OR media_id = ANY(%(media_ids)s::uuid[])
UNION ALL
SELECT 'claims', to_jsonb(c) - 'token' FROM lomi.claims AS c WHERE media_id = ANY(%(media_ids)s::uuid[])
UNION ALL
SELECT 'reveals', to_jsonb(r) FROM lomi.reveals AS r WHERE media_id = ANY(%(media_ids)s::uuid[])
UNION ALL
SELECT 'photo_hashes', to_jsonb(h) FROM lomi.photo_hashes AS h
WHERE user_id = %(user_id)s::uuid OR media_id = ANY(%(media_ids)s::uuid[])
UNION ALL
SELECT 'samples', to_jsonb(s) FROM lomi.samples AS s WHERE media_id = ANY(%(media_ids)s::uuid[])
UNION ALL
SELECT 'legal_holds', to_jsonb(l) FROM lomi.legal_holds AS l WHERE user_id = %(user_id)s::uuid;

-- name: privacy_audit
-- Entries of the audit that are about a user, or name the user or one of the photos. What says what was erased is none.
-- in subjects: text[]
-- in words: text[], ids in small letters
-- in telegram: text, a pattern of the Telegram account; null where it is not known
-- in after: bigint, the last entry that was looked at
-- in upto: bigint, the last one to look at
-- out id, seq, row
SELECT a.id, c.seq, to_jsonb(a) - 'salt' || jsonb_build_object('seq', c.seq) AS row
FROM lomi.audit AS a
JOIN lomi.audit_chain AS c ON c.audit_id = a.id
WHERE a.id > %(after)s::bigint AND a.id <= %(upto)s::bigint AND a.erased_at IS NULL AND a.action <> 'privacy.erase'
  AND (a.subject = ANY(%(subjects)s::text[])
       OR EXISTS (
           SELECT FROM regexp_matches(
               lower(concat_ws(' ', a.subject, a.reason, a.before::text, a.after::text)),
               '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'g'
           ) AS found (word)
           WHERE found.word[1] = ANY(%(words)s::text[])
       )
       OR concat_ws(' ', a.subject, a.reason, a.before::text, a.after::text) ~ %(telegram)s::text)
ORDER BY a.id;

-- name: privacy_audit_bounds
-- The first and the last entry.
-- out first, last
SELECT coalesce(min(id), 0) AS first, coalesce(max(id), 0) AS last FROM lomi.audit;

-- name: privacy_lock
-- One erasure or hold of a user at a time, until the transaction ends.
-- in user_id: uuid
-- out locked
SELECT pg_advisory_xact_lock(hashtextextended('lomi privacy ' || %(user_id)s::uuid::text, 0))::text AS locked;

-- name: privacy_erasing
-- Lets this transaction change what is append-only.
-- out set
SELECT set_config('lomi.erasing', 'yes', true) AS set;

-- name: privacy_erase
-- Removes the rows of our own tables; how many, by table.
-- in user_id: uuid
-- in media_ids: uuid[]
-- in job_ids: text[]
-- out place, rows
WITH decisions AS (
    DELETE FROM lomi.decisions WHERE user_id = %(user_id)s::uuid OR media_id = ANY(%(media_ids)s::uuid[]) RETURNING 1
), jobs AS (
    DELETE FROM lomi.jobs WHERE user_id = %(user_id)s::uuid RETURNING 1
), job_ends AS (
    DELETE FROM lomi.job_ends WHERE user_id = %(user_id)s::uuid OR job_id = ANY(%(job_ids)s::text[]) RETURNING 1
), checkpoints AS (
    DELETE FROM lomi.checkpoints
    WHERE media_id = ANY(%(media_ids)s::uuid[]) OR job_id = ANY(%(job_ids)s::text[]) RETURNING 1
), submitted_jobs AS (
    DELETE FROM lomi.submitted_jobs WHERE user_id = %(user_id)s::uuid RETURNING 1
), submissions AS (
    UPDATE lomi.submissions SET asked = '{}' WHERE position(%(user_id)s::uuid::text in lower(asked::text)) > 0
    RETURNING 1
), outbox AS (
    DELETE FROM lomi.outbox
    WHERE job_id = ANY(%(job_ids)s::text[]) OR position(%(user_id)s::uuid::text in lower(payload)) > 0 RETURNING 1
), notes AS (
    DELETE FROM lomi.notes WHERE user_id = %(user_id)s::uuid OR media_id = ANY(%(media_ids)s::uuid[]) RETURNING 1
), claims AS (
    DELETE FROM lomi.claims WHERE media_id = ANY(%(media_ids)s::uuid[]) RETURNING 1
), reveals AS (
    DELETE FROM lomi.reveals WHERE media_id = ANY(%(media_ids)s::uuid[]) RETURNING 1
), photo_hashes AS (
    DELETE FROM lomi.photo_hashes
    WHERE user_id = %(user_id)s::uuid OR media_id = ANY(%(media_ids)s::uuid[]) RETURNING 1
), samples AS (
    DELETE FROM lomi.samples WHERE media_id = ANY(%(media_ids)s::uuid[]) RETURNING 1
), legal_holds AS (
    DELETE FROM lomi.legal_holds WHERE user_id = %(user_id)s::uuid AND released_at IS NOT NULL RETURNING 1
)
SELECT place, rows::int FROM (
    SELECT 'decisions' AS place, count(*) AS rows FROM decisions
    UNION ALL SELECT 'jobs', count(*) FROM jobs
    UNION ALL SELECT 'job_ends', count(*) FROM job_ends
    UNION ALL SELECT 'checkpoints', count(*) FROM checkpoints
    UNION ALL SELECT 'submitted_jobs', count(*) FROM submitted_jobs
    UNION ALL SELECT 'submissions', count(*) FROM submissions
    UNION ALL SELECT 'outbox', count(*) FROM outbox
    UNION ALL SELECT 'notes', count(*) FROM notes
    UNION ALL SELECT 'claims', count(*) FROM claims
    UNION ALL SELECT 'reveals', count(*) FROM reveals
    UNION ALL SELECT 'photo_hashes', count(*) FROM photo_hashes
    UNION ALL SELECT 'samples', count(*) FROM samples
    UNION ALL SELECT 'legal_holds', count(*) FROM legal_holds
) AS gone
WHERE rows > 0;

-- name: privacy_erase_media
-- Removes the photos' rows. They are the backend's; without their objects they lead nowhere.
-- in user_id: uuid
-- out nothing
DELETE FROM media WHERE user_id = %(user_id)s::uuid;

-- name: privacy_erase_audit
-- Takes the words of entries away. Their places in the chain stay.
-- in ids: bigint[]
-- in at: timestamptz
-- out nothing
UPDATE lomi.audit
SET subject = '', reason = '', before = '{}', after = '{}', salt = NULL, erased_at = %(at)s::timestamptz
WHERE id = ANY(%(ids)s::bigint[]);

-- name: privacy_holds
-- Holds, those that are in force first.
-- in user_id: uuid, null for any
-- in open: bool, whether only those in force
-- out user_id, at, actor, reason, released_at, released_by
SELECT user_id, at, actor, reason, released_at, released_by
FROM lomi.legal_holds
WHERE (%(user_id)s::uuid IS NULL OR user_id = %(user_id)s::uuid) AND (NOT %(open)s::bool OR released_at IS NULL)
ORDER BY released_at IS NOT NULL, id DESC;

-- name: privacy_hold
-- Puts a hold on a user, unless there is one.
-- in user_id: uuid
-- in at: timestamptz
-- in actor: text
-- in reason: text
-- out nothing
INSERT INTO lomi.legal_holds (user_id, at, actor, reason)
VALUES (%(user_id)s, %(at)s, %(actor)s, %(reason)s)
ON CONFLICT (user_id) WHERE released_at IS NULL DO NOTHING;

-- name: privacy_release
-- Ends a hold.
-- in user_id: uuid
-- in at: timestamptz
-- in actor: text
-- out nothing
UPDATE lomi.legal_holds SET released_at = %(at)s, released_by = %(actor)s
WHERE user_id = %(user_id)s AND released_at IS NULL;
