-- Saving a database as it stands at one moment, and putting one back.

-- name: backup_try_lock
-- Takes the lock of backups and restores for this session, or says at once that another run has it.
-- out locked
SELECT pg_try_advisory_lock(hashtextextended('lomi backup', 0)) AS locked;

-- name: backup_unlock
-- Gives the lock of backups back.
-- out unlocked
SELECT pg_advisory_unlock(hashtextextended('lomi backup', 0)) AS unlocked;

-- name: backup_session_now
-- The limits of this session that a long look at one moment must change.
-- out statement_timeout, lock_timeout, idle_timeout, isolation
SELECT current_setting('statement_timeout') AS statement_timeout,
       current_setting('lock_timeout') AS lock_timeout,
       current_setting('idle_in_transaction_session_timeout') AS idle_timeout,
       current_setting('default_transaction_isolation') AS isolation;

-- name: backup_session
-- Sets those limits for the transactions that follow.
-- in statement_timeout: text, with unit, 0 for none
-- in lock_timeout: text, with unit, 0 for none
-- in idle_timeout: text, with unit, 0 for none
-- in isolation: text, as default_transaction_isolation takes it
-- out statement_timeout, lock_timeout, idle_timeout, isolation
SELECT set_config('statement_timeout', %(statement_timeout)s, false) AS statement_timeout,
       set_config('lock_timeout', %(lock_timeout)s, false) AS lock_timeout,
       set_config('idle_in_transaction_session_timeout', %(idle_timeout)s, false) AS idle_timeout,
       set_config('default_transaction_isolation', %(isolation)s, false) AS isolation;

-- name: backup_digest_mode
-- Says what contract/table_digests.sql shall do in this transaction: `content`, or only `rows`.
-- in mode: text
-- out mode
SELECT set_config('lomi.digest_mode', %(mode)s, true) AS mode;

-- name: backup_digests
-- What contract/table_digests.sql has found in this transaction.
-- out name, rows, checksum
SELECT found ->> 'name' AS name, (found ->> 'rows')::bigint AS rows, found ->> 'checksum' AS checksum
FROM jsonb_array_elements(current_setting('lomi.tables', true)::jsonb) WITH ORDINALITY AS tables (found, place)
ORDER BY place;

-- name: backup_waits
-- Whether a session of that application name waits for somebody's lock.
-- in application: text
-- out waits
SELECT count(*) > 0 AS waits FROM pg_stat_activity
WHERE application_name = %(application)s::text AND datname = current_database() AND wait_event_type = 'Lock';

-- name: backup_server
-- What the server is, and which database this is.
-- out version, name
SELECT split_part(current_setting('server_version'), ' ', 1) AS version, current_database()::text AS name;

-- name: backup_extensions
-- The extensions of this database but for the language that every one has.
-- out name
SELECT extname::text AS name FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1;

-- name: backup_extensions_available
-- Those of the extensions that this server could create.
-- in names: text[]
-- out name
SELECT name::text FROM pg_available_extensions WHERE name = ANY(%(names)s::text[]) ORDER BY 1;

-- name: backup_roles
-- Who owns a schema, relation or function of this database, or was granted something in it. What belongs to an extension,
-- and the schema public, are somebody else's.
-- out name
WITH schemas AS (
    SELECT oid, nspname, nspowner, nspacl
    FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\_%%' AND nspname <> 'information_schema'
), theirs (classid, objid) AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), relations AS (
    SELECT c.relowner, c.relacl FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace
    WHERE ('pg_class'::regclass, c.oid) NOT IN (SELECT classid, objid FROM theirs)
), functions AS (
    SELECT p.proowner, p.proacl FROM pg_proc p JOIN schemas s ON s.oid = p.pronamespace
    WHERE ('pg_proc'::regclass, p.oid) NOT IN (SELECT classid, objid FROM theirs)
), roles (oid) AS (
    SELECT nspowner FROM schemas WHERE nspname <> 'public'
    UNION SELECT relowner FROM relations
    UNION SELECT proowner FROM functions
    UNION SELECT acl.grantee FROM schemas CROSS JOIN aclexplode(nspacl) AS acl
    UNION SELECT acl.grantee FROM relations CROSS JOIN aclexplode(relacl) AS acl
    UNION SELECT acl.grantee FROM functions CROSS JOIN aclexplode(proacl) AS acl
)
SELECT r.rolname::text AS name
FROM pg_roles r JOIN roles ON roles.oid = r.oid
WHERE r.rolname NOT LIKE 'pg\_%%'
ORDER BY 1;

-- name: backup_roles_here
-- Of some roles, whether this server has them and whether this session may act as them.
-- in names: text[]
-- out name, known, member
SELECT name::text, r.oid IS NOT NULL AS known, coalesce(pg_has_role(r.oid, 'MEMBER'), false) AS member
FROM unnest(%(names)s::text[]) AS name LEFT JOIN pg_roles r ON r.rolname = name
ORDER BY 1;
