-- oldest writer: 1
-- Findings that are taken again for a photo with the same bytes (worker.reuse_days): what they depend on, and whose they are.
-- Where there are very many decisions already, add the columns and build the index before, CONCURRENTLY
-- (docs/performance.md): then there is nothing to do here.
ALTER TABLE lomi.decisions
    ADD COLUMN IF NOT EXISTS inputs text,
    ADD COLUMN IF NOT EXISTS taken jsonb;
COMMENT ON COLUMN lomi.decisions.inputs IS 'digest of all that the findings depend on beside the bytes; null where they may not be taken again';
COMMENT ON COLUMN lomi.decisions.taken IS '{"decision", "at", "ms"}: whose findings these are, and how long that look took; null where engines were asked';

-- What can be taken again, and what people have said of the same bytes. By the first 64 bits of the hash, of which those
-- who look compare the rest. A hash index would take its room by all rows of the table, also where none is in it.
CREATE INDEX IF NOT EXISTS decisions_bytes ON lomi.decisions (left(photo_sha256, 16))
    WHERE photo_sha256 IS NOT NULL AND (inputs IS NOT NULL OR actor <> 'worker');

-- Whatever program writes down what a person decided, an older one too: of which bytes it was.
CREATE FUNCTION lomi.note_bytes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.photo_sha256 := (
        SELECT d.photo_sha256 FROM lomi.decisions AS d
        WHERE d.media_id = NEW.media_id AND d.photo_sha256 IS NOT NULL
        ORDER BY d.id DESC
        LIMIT 1
    );
    RETURN NEW;
END
$$;
CREATE TRIGGER bytes_of_a_person BEFORE INSERT ON lomi.decisions FOR EACH ROW
    WHEN (NEW.actor <> 'worker' AND NEW.photo_sha256 IS NULL) EXECUTE FUNCTION lomi.note_bytes();
