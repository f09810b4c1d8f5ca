-- oldest writer: 1
-- How much of what came of the photos of a run is no longer kept.
ALTER TABLE lomi.remoderations ADD COLUMN trimmed bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN lomi.remoderations.trimmed IS 'rows of its photos that were there once and went, by retention or with their user';
