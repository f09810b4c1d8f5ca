-- Blocks of the migrations: what a database has, and what keeps two runs apart.

-- name: migration_try_lock
-- Takes the lock of migrations for this session, or says at once that another run has it.
-- out locked
SELECT pg_try_advisory_lock(hashtextextended('lomi migrations', 0)) AS locked;

-- name: migration_unlock
-- Gives the lock of migrations back.
-- out unlocked
SELECT pg_advisory_unlock(hashtextextended('lomi migrations', 0)) AS unlocked;

-- name: migration_limits
-- Other limits for this transaction: DDL and backfills may take long, but must not queue long for a lock.
-- in statement_timeout: text, with unit, 0 for none
-- in lock_timeout: text, with unit, 0 for none
-- out statement_timeout, lock_timeout
SELECT set_config('statement_timeout', %(statement_timeout)s, true) AS statement_timeout,
       set_config('lock_timeout', %(lock_timeout)s, true) AS lock_timeout;

-- name: session_limits
-- The same for the rest of the session: CREATE INDEX CONCURRENTLY runs outside any transaction.
-- in statement_timeout: text, with unit, 0 for none
-- in lock_timeout: text, with unit, 0 for none
-- out statement_timeout, lock_timeout
SELECT set_config('statement_timeout', %(statement_timeout)s, false) AS statement_timeout,
       set_config('lock_timeout', %(lock_timeout)s, false) AS lock_timeout;

-- name: session_limits_now
-- The limits of this session.
-- out statement_timeout, lock_timeout
SELECT current_setting('statement_timeout') AS statement_timeout, current_setting('lock_timeout') AS lock_timeout;

-- name: has_table
-- Whether a table is there, as this role would find it.
-- in name: text, with a schema or without
-- out present
SELECT to_regclass(%(name)s::text) IS NOT NULL AS present;

-- name: migrations_applied
-- The migrations that this database has seen.
-- out version, name, checksum, applied_at
SELECT version, name, checksum, applied_at FROM lomi.schema_migrations ORDER BY version;

-- name: migration_record
-- Notes an applied migration.
-- in version: int
-- in name: text
-- in checksum: text, sha256 of the file in hex
-- out nothing
INSERT INTO lomi.schema_migrations (version, name, checksum)
VALUES (%(version)s, %(name)s, %(checksum)s);

-- name: media_columns
-- The columns of `media`, none where there is no such table.
-- out name
SELECT attname::text AS name
FROM pg_attribute
WHERE attrelid = to_regclass('media') AND attnum > 0 AND NOT attisdropped
ORDER BY attnum;

-- name: media_indexes
-- The indexes of `media`; an invalid one is what a broken CREATE INDEX CONCURRENTLY leaves behind.
-- out name, valid
SELECT c.relname::text AS name, i.indisvalid AS valid
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = to_regclass('media')
ORDER BY 1;

-- name: media_backfill
-- Gives rows from before the moderation migration the status that their flag means, one chunk at a time.
-- in chunk: bigint, rows
-- out nothing
UPDATE media SET moderation_status = 'approved'
WHERE id IN (
    SELECT id FROM media
    WHERE moderation_status = 'pending' AND is_approved AND batch_id IS NULL AND moderated_at IS NULL
    LIMIT %(chunk)s
);
