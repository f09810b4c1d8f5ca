-- Blocks that every connection may need.

-- name: session_settings
-- Limits of a new connection; UTC so that times come back in it; and a search path without the schema lomi, which a
-- role of that name has first in its path: `media` must be the backend's whoever asks. Behind a pooler the server's
-- process is another one than the client was told, and is somebody else's next: there they end with the transaction.
-- Statements are not compiled: the server does that for what it believes to be long, and here takes longer for it than for
-- the answer.
-- in statement_timeout: text, with unit, one statement
-- in lock_timeout: text, with unit, one wait for a lock
-- in idle_timeout: text, with unit, silence inside a transaction
-- in told_pid: int, of the server's process, as the client was told; 0 for this transaction only
-- out statement_timeout, lock_timeout, idle_timeout, time_zone, jit, search_path, pooled
SELECT set_config('statement_timeout', %(statement_timeout)s, pooled) AS statement_timeout,
       set_config('lock_timeout', %(lock_timeout)s, pooled) AS lock_timeout,
       set_config('idle_in_transaction_session_timeout', %(idle_timeout)s, pooled) AS idle_timeout,
       set_config('TimeZone', 'UTC', pooled) AS time_zone,
       set_config('jit', 'off', pooled) AS jit,
       set_config('search_path', (
           SELECT coalesce(string_agg(quote_ident(name), ', ' ORDER BY place), 'public')
           FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (name, place)
           WHERE name <> 'lomi'
       ), pooled) AS search_path, pooled
FROM (SELECT pg_backend_pid() <> %(told_pid)s::int AS pooled) AS place;

-- name: session_by_keys
-- For a connection that asks by keys alone and has its statements prepared: a plan that is kept was perhaps made when a
-- table was nearly empty, and would read it whole when it no longer is. So any plan will do, and is kept: by itself the
-- server plans some of these statements anew each time, since it takes a list of keys for longer than it is.
-- out seqscan, plans
SELECT set_config('enable_seqscan', 'off', false) AS seqscan,
       set_config('plan_cache_mode', 'force_generic_plan', false) AS plans;

-- name: server_version
-- The server's version, for people.
-- out version
SELECT current_setting('server_version') AS version;

-- name: server_clock
-- What time it is there.
-- out now
SELECT clock_timestamp() AS now;

-- name: session_may_name
-- Whether this role may name a moment. To try it would end the transaction where it may not.
-- out may
SELECT has_function_privilege('pg_catalog.pg_export_snapshot()', 'execute') AS may;

-- name: session_snapshot
-- Names the moment that this transaction sees, for others to see it, too, for as long as it lasts. A replica can.
-- out snapshot
SELECT pg_export_snapshot() AS snapshot;
