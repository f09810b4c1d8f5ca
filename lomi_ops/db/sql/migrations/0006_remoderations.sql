-- oldest writer: 1
-- Photos that are judged again: what was asked for, how far it is, and what came of each photo.

CREATE TABLE lomi.remoderations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL CHECK (actor <> ''),
    filter text NOT NULL,
    why text NOT NULL DEFAULT '',
    model text,
    policy text NOT NULL,
    engines text NOT NULL,
    shadow boolean NOT NULL,
    overrides boolean NOT NULL,
    per_minute double precision,
    photos bigint NOT NULL,
    reached uuid,
    ended_at timestamptz
);
COMMENT ON COLUMN lomi.remoderations.at IS 'spans of time in the filter are meant as of then, and what was decided later is left alone';
COMMENT ON COLUMN lomi.remoderations.overrides IS 'whether decisions of people are judged as well';
COMMENT ON COLUMN lomi.remoderations.reached IS 'all photos up to this id are through';

-- The row of a photo is the gate: whoever adds it has written what it says, in the same transaction.
CREATE TABLE lomi.remoderated (
    run bigint NOT NULL REFERENCES lomi.remoderations (id),
    media_id uuid NOT NULL,
    at timestamptz NOT NULL,
    fate text NOT NULL,
    status_before text,
    reason_before text,
    status text,
    reason text,
    PRIMARY KEY (run, media_id)
);
COMMENT ON COLUMN lomi.remoderated.status IS 'what came of it, or would have; null where nothing can be told';
CREATE INDEX remoderated_media_id ON lomi.remoderated (media_id);
