-- Blocks of the migrations: what a database has, what this role may do there, and what keeps two runs apart.

-- name: migration_try_lock
-- Takes the lock of migrations for this session, or says at once that another run has it.
-- out locked
SELECT pg_try_advisory_lock(hashtextextended('lomi migrations', 0)) AS locked;

-- name: migration_unlock
-- Gives the lock of migrations back.
-- out unlocked
SELECT pg_advisory_unlock(hashtextextended('lomi migrations', 0)) AS unlocked;

-- name: migration_lock_holder
-- The session that has the lock of migrations; no row where nobody has it.
-- out pid, application, since
SELECT l.pid, coalesce(a.application_name, '') AS application, a.backend_start AS since
FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended('lomi migrations', 0);

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

-- name: session_watches_its_client
-- Lets the server notice within this time that the client is gone, also while it builds an index. No row before
-- Postgres 14.
-- in every: text, with unit
-- out every
SELECT set_config(name, %(every)s, false) AS every FROM pg_settings WHERE name = 'client_connection_check_interval';

-- name: has_table
-- Whether a table is there, as this role would find it.
-- in name: text, with a schema or without
-- out present
SELECT to_regclass(%(name)s::text) IS NOT NULL AS present;

-- name: migration_ground
-- Where a migration would run, and what this role may do there. Asks only catalogues, which every role may read.
-- out role, database, path, standby, read_only, media, media_owner, owns_media, fills_media, schema, schema_owner, record
-- out reads_record, owns_record, creates_schema, creates_tables, backfills
SELECT quote_ident(current_user) AS role,
       quote_ident(current_database()) AS database,
       array_to_string(current_schemas(false), ', ') AS path,
       pg_is_in_recovery() AS standby,
       current_setting('transaction_read_only') = 'on' AS read_only,
       m.oid IS NOT NULL AS media,
       coalesce(quote_ident(pg_get_userbyid(m.relowner)), '') AS media_owner,
       coalesce(pg_has_role(m.relowner, 'USAGE'), false) AS owns_media,
       coalesce(pg_has_role(m.relowner, 'USAGE'), false)
           OR coalesce(has_column_privilege(m.oid, (
               SELECT attnum FROM pg_attribute WHERE attrelid = m.oid AND attname = 'moderation_status'
           ), 'UPDATE'), false) AS fills_media,
       n.oid IS NOT NULL AS schema,
       coalesce(quote_ident(pg_get_userbyid(n.nspowner)), '') AS schema_owner,
       r.oid IS NOT NULL AS record,
       coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(r.oid, 'SELECT'), false) AS reads_record,
       coalesce(pg_has_role(r.relowner, 'USAGE'), false) AS owns_record,
       has_database_privilege(current_database(), 'CREATE') AS creates_schema,
       coalesce(has_schema_privilege(n.oid, 'CREATE'), false) AS creates_tables,
       coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(b.oid, 'SELECT'), false) AS backfills
FROM (SELECT to_regclass('media')::oid AS media) AS found
LEFT JOIN pg_class AS m ON m.oid = found.media
LEFT JOIN pg_namespace AS n ON n.nspname = 'lomi'
LEFT JOIN pg_class AS r ON r.relnamespace = n.oid AND r.relname = 'schema_migrations'
LEFT JOIN pg_class AS b ON b.relnamespace = n.oid AND b.relname = 'backfills';

-- name: search_path_trap
-- The search path that a role called lomi begins with, where that path leads into the schema lomi; no row elsewhere.
-- out path
SELECT path
FROM (
    SELECT coalesce((
        SELECT substr(setting, length('search_path=') + 1)
        FROM pg_db_role_setting AS s
        CROSS JOIN unnest(s.setconfig) AS setting
        WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
          AND s.setrole IN (0, r.oid)
          AND setting LIKE 'search_path=%%'
        ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC
        LIMIT 1
    ), '"$user", public') AS path
    FROM pg_roles AS r
    WHERE r.rolname = 'lomi' AND EXISTS (SELECT FROM pg_namespace WHERE nspname = 'lomi')
) AS begins
WHERE path LIKE '%%$user%%';

-- name: migrations_applied
-- The migrations that this database has seen. The last two columns came with the third of them: to_jsonb, so that this
-- works before it, too.
-- out version, name, checksum, applied_at, oldest_writer, program
SELECT version, name, checksum, applied_at,
       coalesce((to_jsonb(m) ->> 'oldest_writer')::int, 1) AS oldest_writer,
       coalesce(to_jsonb(m) ->> 'program', '') AS program
FROM lomi.schema_migrations AS m
ORDER BY version;

-- name: migration_record
-- Notes an applied migration.
-- in version: int
-- in name: text
-- in checksum: text, sha256 of the file in hex
-- out nothing
INSERT INTO lomi.schema_migrations (version, name, checksum)
VALUES (%(version)s, %(name)s, %(checksum)s);

-- name: migration_level
-- Notes who may still write beside an applied migration, and what applied it.
-- in version: int
-- in oldest_writer: int, level
-- in program: text, version of lomi
-- out nothing
UPDATE lomi.schema_migrations SET oldest_writer = %(oldest_writer)s, program = %(program)s WHERE version = %(version)s;

-- name: catalogue_of_lomi
-- Everything that is in the schema lomi, each thing with the words that define it. Names of NOT NULL constraints differ
-- between versions of Postgres: the columns say it.
-- out kind, parent, name, definition, valid
WITH ours AS (
    SELECT c.oid, c.relname::text AS name, c.relkind, c.relpersistence, c.relrowsecurity
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'lomi'
)
SELECT CASE WHEN relkind IN ('v', 'm') THEN 'view' ELSE 'table' END AS kind, '' AS parent, name,
       CASE relpersistence WHEN 'u' THEN 'unlogged ' ELSE '' END
           || CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table'
                           WHEN 'm' THEN 'materialized view' ELSE 'view' END
           || CASE WHEN relrowsecurity THEN ' with row security' ELSE '' END AS definition, true AS valid
FROM ours WHERE relkind IN ('r', 'p', 'f', 'v', 'm')
UNION ALL
SELECT 'column', o.name, a.attname::text,
       format_type(a.atttypid, a.atttypmod)
           || CASE a.attidentity WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY'
                                 WHEN 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY' ELSE '' END
           || CASE WHEN d.adbin IS NULL THEN ''
                   WHEN a.attgenerated <> '' THEN ' GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ')'
                   ELSE ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) END
           || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, true
FROM ours AS o
JOIN pg_attribute AS a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE o.relkind IN ('r', 'p', 'f')
UNION ALL
SELECT 'constraint', o.name, c.conname::text, pg_get_constraintdef(c.oid), coalesce(i.indisvalid, true)
FROM ours AS o
JOIN pg_constraint AS c ON c.conrelid = o.oid AND c.contype NOT IN ('n', 't')
LEFT JOIN pg_index AS i ON i.indexrelid = c.conindid AND c.contype IN ('p', 'u', 'x')
UNION ALL
SELECT 'index', o.name, x.relname::text,
       CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END
           || regexp_replace(pg_get_indexdef(i.indexrelid), '^.*? USING ', ''), i.indisvalid AND i.indisready
FROM ours AS o
JOIN pg_index AS i ON i.indrelid = o.oid
JOIN pg_class AS x ON x.oid = i.indexrelid
WHERE NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))
UNION ALL
SELECT 'trigger', o.name, t.tgname::text,
       regexp_replace(pg_get_triggerdef(t.oid), '^.*? TRIGGER \S+ ', '')
           || CASE t.tgenabled WHEN 'O' THEN '' WHEN 'D' THEN ', disabled' ELSE ', enabled ' || t.tgenabled::text END, true
FROM ours AS o JOIN pg_trigger AS t ON t.tgrelid = o.oid AND NOT t.tgisinternal
UNION ALL
SELECT 'rule', o.name, r.rulename::text, md5(pg_get_ruledef(r.oid)), true
FROM ours AS o JOIN pg_rewrite AS r ON r.ev_class = o.oid AND r.rulename <> '_RETURN'
UNION ALL
SELECT 'sequence', '', o.name, 'sequence', true
FROM ours AS o
WHERE o.relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = o.oid AND d.deptype IN ('a', 'i'))
UNION ALL
SELECT 'function', '', p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
       'returns ' || coalesce(pg_get_function_result(p.oid), 'nothing') || ', ' || l.lanname || ', text ' || md5(p.prosrc),
       true
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace AND n.nspname = 'lomi'
JOIN pg_language AS l ON l.oid = p.prolang
UNION ALL
SELECT 'type', '', t.typname::text, CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'type' END, true
FROM pg_type AS t
JOIN pg_namespace AS n ON n.oid = t.typnamespace AND n.nspname = 'lomi'
LEFT JOIN pg_class AS c ON c.oid = t.typrelid
WHERE t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c')
ORDER BY kind, parent, name;

-- name: catalogue_of_media
-- The columns and indexes of these names at `media`, in the words of catalogue_of_lomi. An index of such a name on
-- another table, or a table of such a name, is in the way of ours.
-- in columns: text[]
-- in indexes: text[]
-- out kind, parent, name, definition, valid
SELECT 'column' AS kind, 'media' AS parent, a.attname::text AS name,
       format_type(a.atttypid, a.atttypmod)
           || CASE a.attidentity WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY'
                                 WHEN 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY' ELSE '' END
           || CASE WHEN d.adbin IS NULL THEN ''
                   WHEN a.attgenerated <> '' THEN ' GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ')'
                   ELSE ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) END
           || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END AS definition, true AS valid
FROM pg_attribute AS a
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass('media') AND a.attnum > 0 AND NOT a.attisdropped
  AND a.attname = ANY(%(columns)s::text[])
UNION ALL
SELECT 'index', coalesce(t.relname::text, ''), c.relname::text,
       CASE WHEN i.indexrelid IS NULL THEN 'no index'
            ELSE CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END
                     || regexp_replace(pg_get_indexdef(i.indexrelid), '^.*? USING ', '') END,
       coalesce(i.indisvalid AND i.indisready, true)
FROM pg_class AS m
JOIN pg_class AS c ON c.relnamespace = m.relnamespace AND c.relname = ANY(%(indexes)s::text[])
LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
LEFT JOIN pg_class AS t ON t.oid = i.indrelid
WHERE m.oid = to_regclass('media')
ORDER BY kind, parent, name;

-- name: media_rows_unmigrated
-- Rows that have no status, and rows from before moderation that their flag calls approved. Reads the whole table.
-- out unset, approved_before
SELECT (SELECT count(*) FROM media WHERE moderation_status IS NULL) AS unset,
       (SELECT count(*) FROM media
        WHERE moderation_status = 'pending' AND is_approved AND batch_id IS NULL AND moderated_at IS NULL
       ) AS approved_before;

-- name: media_rows_about
-- How many rows `media` has, as its last ANALYZE or VACUUM saw it; 0 where there was none.
-- out rows
SELECT greatest(reltuples, 0)::bigint AS rows FROM pg_class WHERE oid = to_regclass('media');

-- name: backfill_open
-- Whether a backfill was begun and has not come to its end.
-- in name: text
-- out open
SELECT EXISTS (SELECT FROM lomi.backfills WHERE name = %(name)s AND finished_at IS NULL) AS open;

-- name: backfill_begin
-- Begins a backfill at the first key; one that was interrupted keeps its place.
-- in name: text
-- out next, seen, changed
INSERT INTO lomi.backfills AS b (name, next, started_at)
VALUES (%(name)s, '00000000-0000-0000-0000-000000000000', now())
ON CONFLICT (name) DO UPDATE
    SET next = CASE WHEN b.finished_at IS NULL THEN b.next ELSE excluded.next END,
        seen = CASE WHEN b.finished_at IS NULL THEN b.seen ELSE 0 END,
        changed = CASE WHEN b.finished_at IS NULL THEN b.changed ELSE 0 END,
        started_at = CASE WHEN b.finished_at IS NULL THEN b.started_at ELSE excluded.started_at END,
        moved_at = CASE WHEN b.finished_at IS NULL THEN b.moved_at END,
        finished_at = NULL
RETURNING next, seen, changed;

-- name: media_backfill
-- Gives the next rows of `media` in the order of their ids the status that their flag means, and notes the place, in one
-- statement: both hold or neither. No row comes back once the end was reached. Rows are locked in the order that
-- media_lock has, so that a settling job and this never wait for each other.
-- in rows: bigint, looked at
-- out seen, changed, finished
WITH place AS MATERIALIZED (
    SELECT next FROM lomi.backfills WHERE name = 'media' AND finished_at IS NULL FOR UPDATE
), ahead AS MATERIALIZED (
    SELECT id, row_number() OVER (ORDER BY id) AS number,
           moderation_status IS NULL
               OR (moderation_status = 'pending' AND is_approved AND batch_id IS NULL AND moderated_at IS NULL) AS due
    FROM media
    WHERE id >= (SELECT next FROM place)
    ORDER BY id
    LIMIT %(rows)s::bigint + 1
), due AS MATERIALIZED (
    SELECT m.id FROM media AS m
    WHERE m.id IN (SELECT id FROM ahead WHERE due AND number <= %(rows)s::bigint)
      AND (m.moderation_status IS NULL
           OR (m.moderation_status = 'pending' AND m.is_approved AND m.batch_id IS NULL AND m.moderated_at IS NULL))
    ORDER BY m.id
    FOR NO KEY UPDATE
), filled AS (
    UPDATE media AS m SET moderation_status = CASE WHEN m.is_approved THEN 'approved' ELSE 'pending' END
    FROM due WHERE m.id = due.id
    RETURNING m.id
)
UPDATE lomi.backfills AS b
SET next = coalesce((SELECT id FROM ahead WHERE number > %(rows)s::bigint), b.next),
    seen = b.seen + (SELECT count(*) FROM ahead WHERE number <= %(rows)s::bigint),
    changed = b.changed + (SELECT count(*) FROM filled),
    moved_at = clock_timestamp(),
    finished_at = CASE WHEN EXISTS (SELECT FROM ahead WHERE number > %(rows)s::bigint) THEN NULL
                       ELSE clock_timestamp() END
WHERE b.name = 'media' AND b.finished_at IS NULL
RETURNING b.seen, b.changed, b.finished_at IS NOT NULL AS finished;

-- name: index_valid
-- How an index of a table stands; no row where there is none of that name.
-- in table: text, as its name is found
-- in name: text
-- out valid
SELECT i.indisvalid AND i.indisready AS valid
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = to_regclass(%(table)s::text) AND c.relname = %(name)s;

-- name: media_indexes_of
-- Those indexes of `media` that have one of these names, and how large they are.
-- in names: text[]
-- out name, valid, bytes
SELECT c.relname AS name, i.indisvalid AND i.indisready AS valid, pg_relation_size(c.oid) AS bytes
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = to_regclass('media') AND c.relname = ANY(%(names)s::text[]);

-- name: looks_ground
-- How many hashes there are, as the last ANALYZE or VACUUM saw it, and which indexes of these names; no row without a
-- table of hashes.
-- in names: text[]
-- out rows, valid, invalid
SELECT greatest(h.reltuples, 0)::bigint AS rows,
       coalesce(array_agg(c.relname::text) FILTER (WHERE i.indisvalid AND i.indisready), '{}') AS valid,
       coalesce(array_agg(c.relname::text) FILTER (WHERE NOT (i.indisvalid AND i.indisready)), '{}') AS invalid
FROM pg_class AS h
JOIN pg_namespace AS n ON n.oid = h.relnamespace AND n.nspname = 'lomi'
LEFT JOIN (pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid AND c.relname = ANY(%(names)s::text[]))
    ON i.indrelid = h.oid
WHERE h.relname = 'photo_hashes'
GROUP BY h.oid;

-- name: index_builder
-- A session that builds or drops an index of a table right now, or analyzes it; no row where there is none. A vacuum
-- holds the same lock, and shows in a view of its own.
-- in table: text
-- out pid
SELECT l.pid
FROM pg_locks AS l
WHERE l.locktype = 'relation' AND l.relation = to_regclass(%(table)s::text) AND l.granted AND l.pid <> pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.mode = 'ShareUpdateExclusiveLock'
  AND l.pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum)
LIMIT 1;

-- name: migration_holders
-- Who holds locks on `media` or on a table of ours for longest; what other roles' sessions do is not shown to everybody.
-- out pid, application, state, open_s, vacuum
SELECT l.pid, coalesce(max(a.application_name), '') AS application, coalesce(max(a.state), '') AS state,
       extract(epoch FROM now() - min(a.xact_start))::float8 AS open_s,
       bool_or(v.pid IS NOT NULL) AS vacuum
FROM pg_locks AS l
LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
LEFT JOIN pg_stat_progress_vacuum AS v ON v.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.relation = to_regclass('media')
       OR l.relation IN (SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                         WHERE n.nspname = 'lomi' AND c.relkind = 'r'))
GROUP BY l.pid
ORDER BY min(a.xact_start) NULLS LAST, l.pid
LIMIT 1;

-- name: beyond_deadlock_timeout
-- A little longer than it takes until the server looks why somebody waits for a lock; then an autovacuum that is in the
-- way is cancelled.
-- out lock_timeout
SELECT (extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000)::int + 200 || 'ms' AS lock_timeout;

-- name: index_progress
-- How far the build of an index of a table is; no row where nobody builds, or where it is another role's.
-- in table: text
-- out phase, done, total, waits_for
SELECT phase, coalesce(blocks_done, 0) AS done, coalesce(blocks_total, 0) AS total,
       nullif(current_locker_pid, 0)::int AS waits_for
FROM pg_stat_progress_create_index
WHERE relid = to_regclass(%(table)s::text)
LIMIT 1;
