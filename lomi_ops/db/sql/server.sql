-- What the server says about itself; needs no table.

-- name: server_load
-- Connections of clients against what the server takes from ordinary roles.
-- out open, allowed, own
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int AS open,
       (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int) AS allowed,
       (SELECT count(*) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND application_name LIKE 'lomi%%')::int AS own;

-- name: server_role
-- Whether this is a standby, and the version as a number such as 150018.
-- out standby, read_only, version
SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only')::boolean AS read_only,
       current_setting('server_version_num')::int AS version;

-- name: server_longest
-- The oldest open transaction of anybody, in seconds; null where there is none or it is not ours to see.
-- out longest_s
SELECT extract(epoch FROM max(clock_timestamp() - xact_start))::float8 AS longest_s
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND xact_start IS NOT NULL;

-- name: media_behind
-- Rows from before the moderation migration that it has not reached, as `media_rows_unmigrated` counts them. Stops counting
-- early: one is enough to tell. Rows without a status have no index: of a large table its statistics are believed.
-- in limit: bigint, rows at most
-- in large: bigint, rows of a table that is not read as a whole
-- out rows
SELECT count(*)::int AS rows
FROM (
    SELECT 1 FROM media
    WHERE moderation_status IS NULL
      AND NOT (SELECT EXISTS (
          SELECT FROM pg_class AS c
          JOIN pg_namespace AS n ON n.oid = c.relnamespace
          JOIN pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = c.relname
          WHERE c.oid = to_regclass('media') AND s.attname = 'moderation_status' AND s.null_frac = 0
            AND c.reltuples >= %(large)s::bigint
      ))
    UNION ALL
    SELECT 1 FROM media WHERE moderation_status = 'pending' AND is_approved AND batch_id IS NULL AND moderated_at IS NULL
    LIMIT %(limit)s
) AS behind;

-- name: replica_behind
-- Until when a replica has what was written, in the time of its primary; null where it has everything that was, and for
-- a server that is no replica. One that hears from its primary and has replayed what it heard has everything.
-- out until
SELECT CASE WHEN pg_is_in_recovery() AND NOT (
           EXISTS (SELECT FROM pg_stat_wal_receiver WHERE pid IS NOT NULL)
           AND pg_last_wal_receive_lsn() IS NOT DISTINCT FROM pg_last_wal_replay_lsn()
       ) THEN coalesce(pg_last_xact_replay_timestamp(), 'epoch') END AS until;

-- name: server_tuning
-- Settings that decide what a write costs, and the share of the connections that is in use.
-- out synchronous, buffers, connections
SELECT current_setting('synchronous_commit') AS synchronous,
       (SELECT setting::bigint * 8192 FROM pg_settings WHERE name = 'shared_buffers') AS buffers,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::float8
           / (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int)
           AS connections;

-- name: server_own_process
-- The process of the server that has this connection, and the database's name, which its title says.
-- out pid, name
SELECT pg_backend_pid() AS pid, current_database()::text AS name;
