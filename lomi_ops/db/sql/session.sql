-- Blocks that every connection may need.

-- name: session_settings
-- Limits of a new connection; UTC so that times come back in it; and a search path without the schema lomi, which a
-- role of that name has first in its path: `media` must be the backend's whoever asks.
-- in statement_timeout: text, with unit, one statement
-- in lock_timeout: text, with unit, one wait for a lock
-- in idle_timeout: text, with unit, silence inside a transaction
-- out statement_timeout, lock_timeout, idle_timeout, time_zone, search_path
SELECT set_config('statement_timeout', %(statement_timeout)s, false) AS statement_timeout,
       set_config('lock_timeout', %(lock_timeout)s, false) AS lock_timeout,
       set_config('idle_in_transaction_session_timeout', %(idle_timeout)s, false) AS idle_timeout,
       set_config('TimeZone', 'UTC', false) AS time_zone,
       set_config('search_path', (
           SELECT coalesce(string_agg(quote_ident(name), ', ' ORDER BY place), 'public')
           FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (name, place)
           WHERE name <> 'lomi'
       ), false) AS search_path;

-- name: server_version
-- The server's version, for people.
-- out version
SELECT current_setting('server_version') AS version;

-- name: server_clock
-- What time it is there.
-- out now
SELECT clock_timestamp() AS now;
