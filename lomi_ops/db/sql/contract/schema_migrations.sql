-- Where migrations are recorded; itself older than every one of them.
CREATE SCHEMA IF NOT EXISTS lomi;
CREATE TABLE IF NOT EXISTS lomi.schema_migrations (
    version int PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
