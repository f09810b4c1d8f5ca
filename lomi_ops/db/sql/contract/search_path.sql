-- Keeps the schema lomi out of the way of a role that is called lomi, as the backend's role is.
--
-- The default search path is "$user", public: from the moment a schema has the role's name, CURRENT_SCHEMA() of that
-- role is the schema lomi. GORM and golang-migrate look for their tables in CURRENT_SCHEMA(): the backend would take
-- its database for empty at its next start and create everything anew. So the role's path is pinned, in this database
-- only, to what it finds today. Sessions that are open already keep "$user" until they reconnect.
DO $$
DECLARE
    path text := '"$user", public';
    pinned text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'lomi') THEN
        RETURN;
    END IF;
    SELECT substr(setting, length('search_path=') + 1) INTO path
    FROM pg_db_role_setting AS s
    CROSS JOIN unnest(s.setconfig) AS setting
    WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
      AND s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = 'lomi'))
      AND setting LIKE 'search_path=%'
    ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC
    LIMIT 1;
    path := coalesce(path, '"$user", public');
    IF path !~ '\$user' THEN
        RETURN;
    END IF;
    pinned := coalesce(nullif(regexp_replace(path, '"?\$user"?\s*,?\s*', '', 'g'), ''), 'public');
    EXECUTE format('ALTER ROLE lomi IN DATABASE %I SET search_path = %s', current_database(), pinned);
EXCEPTION WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'the role lomi would look into the schema lomi first; as an administrator run: ALTER ROLE lomi IN DATABASE % SET search_path = %',
        quote_ident(current_database()), pinned USING ERRCODE = 'insufficient_privilege';
END
$$;
