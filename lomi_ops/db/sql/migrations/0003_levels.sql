-- oldest writer: 1
-- What lets programs of several versions share this schema, and a backfill go on where it was interrupted.

-- A program's level is the number of the last migration that it has. Each migration says from which level on programs
-- may still write beside it.
ALTER TABLE lomi.schema_migrations
    ADD COLUMN oldest_writer int NOT NULL DEFAULT 1,
    ADD COLUMN program text NOT NULL DEFAULT '';
COMMENT ON COLUMN lomi.schema_migrations.oldest_writer IS 'the lowest level of a program that may still write';
COMMENT ON COLUMN lomi.schema_migrations.program IS 'the version of lomi that applied it';

-- How far a change of many rows is. Every row before `next`, in the order of the key, is done.
CREATE TABLE lomi.backfills (
    name text PRIMARY KEY,
    next uuid NOT NULL,
    seen bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL,
    moved_at timestamptz,
    finished_at timestamptz
);
COMMENT ON COLUMN lomi.backfills.next IS 'the key of the first row that is not done';
