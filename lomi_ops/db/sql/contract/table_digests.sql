-- Counts the rows of every table, and where lomi.digest_mode is `content` adds up a checksum of them; the answer is a JSON
-- array in lomi.tables, to be read in the same transaction. Not a named block: the tables are not known before.
--
-- The checksum is the sum of 64 bits of each row's SHA-256, so the order of the rows does not count. What a row looks
-- like as text depends on settings: they are the same here on every server. Tables of extensions are theirs.
DO $$
DECLARE
    one record;
    rows bigint;
    checksum numeric;
    found jsonb := '[]';
    content boolean := current_setting('lomi.digest_mode', true) = 'content';
BEGIN
    PERFORM set_config('search_path', 'pg_catalog', true), set_config('TimeZone', 'UTC', true),
            set_config('DateStyle', 'ISO, YMD', true), set_config('IntervalStyle', 'iso_8601', true),
            set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true),
            set_config('row_security', 'off', true);
    FOR one IN
        SELECT n.nspname, c.relname
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND c.relpersistence <> 't'
          AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
          AND NOT EXISTS (
              SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
          )
        ORDER BY n.nspname, c.relname
    LOOP
        IF content THEN
            EXECUTE format(
                $digest$SELECT count(*), coalesce(sum(('x' || encode(substr(sha256(convert_to(
                    ROW(rows_of.*)::text, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint), 0)
                    FROM ONLY %I.%I AS rows_of$digest$, one.nspname, one.relname) INTO rows, checksum;
        ELSE
            EXECUTE format('SELECT count(*) FROM ONLY %I.%I', one.nspname, one.relname) INTO rows;
        END IF;
        found := found || jsonb_build_object(
            'name', one.nspname || '.' || one.relname, 'rows', rows, 'checksum', coalesce(checksum::text, ''));
    END LOOP;
    PERFORM set_config('lomi.tables', found::text, true);
END
$$;
