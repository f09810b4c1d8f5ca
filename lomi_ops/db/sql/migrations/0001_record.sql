-- The record: what was settled, what was decided and by whom, what is still to be told.

CREATE FUNCTION lomi.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'lomi.% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$$;

-- One row per job. Open (settled_at is null) while it waits for an engine, settled once and for all after that.
CREATE TABLE lomi.jobs (
    job_id text PRIMARY KEY,
    batch_id uuid NOT NULL,
    user_id uuid NOT NULL,
    telegram_id bigint NOT NULL,
    media_ids uuid[] NOT NULL,
    opened_at timestamptz NOT NULL,
    first_outage_at timestamptz,
    attempt int,
    token text,
    worker text,
    settled_at timestamptz,
    payload text,
    approved int NOT NULL DEFAULT 0,
    rejected int NOT NULL DEFAULT 0,
    failed int NOT NULL DEFAULT 0,
    in_review int NOT NULL DEFAULT 0,
    skipped jsonb NOT NULL DEFAULT '[]',
    CONSTRAINT attempts_begin_at_one CHECK (attempt >= 1),
    CONSTRAINT nothing_is_published_before_it_is_settled CHECK (payload IS NULL OR settled_at IS NOT NULL)
);
COMMENT ON COLUMN lomi.jobs.payload IS 'the message as published; null where nothing was decided';
COMMENT ON COLUMN lomi.jobs.skipped IS '[{"media_id", "why"}]: photos whose row was no longer ours to change';
CREATE INDEX jobs_open ON lomi.jobs (opened_at) WHERE settled_at IS NULL;
CREATE INDEX jobs_settled_at ON lomi.jobs (settled_at);
CREATE INDEX jobs_batch_id ON lomi.jobs (batch_id);

-- One row per photo and decision, by a worker or a person. The row with the highest id of a photo is what holds.
CREATE TABLE lomi.decisions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    media_id uuid NOT NULL,
    batch_id uuid,
    user_id uuid NOT NULL,
    job_id text NOT NULL,
    actor text NOT NULL,
    worker text,
    attempt int,
    status_before text,
    reason_before text,
    status text NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'failed')),
    reason text,
    outcome text CHECK (outcome IN ('approve', 'review', 'reject')),
    policy text,
    thresholds jsonb,
    grounds jsonb,
    photo jsonb,
    engines jsonb,
    findings jsonb,
    failure text,
    photo_sha256 text,
    processing_ms double precision,
    detail text NOT NULL DEFAULT ''
);
COMMENT ON COLUMN lomi.decisions.actor IS '''worker'', or the name of a person';
COMMENT ON COLUMN lomi.decisions.thresholds IS 'the policy as it was, so that the verdict can be computed again';
COMMENT ON COLUMN lomi.decisions.photo IS '{"width", "height"} in pixels of the upright photo';
COMMENT ON COLUMN lomi.decisions.engines IS 'one object per engine: model, version, status, detail, elapsed_ms';
COMMENT ON COLUMN lomi.decisions.findings IS 'raw: engine, label, score 0..1, box in pixels, raw_label, value, age';
CREATE INDEX decisions_media_id ON lomi.decisions (media_id, id);
CREATE INDEX decisions_at ON lomi.decisions (at);
CREATE INDEX decisions_user_id ON lomi.decisions (user_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lomi.decisions
    FOR EACH STATEMENT EXECUTE FUNCTION lomi.refuse_change();

-- What is known about the photos of a job in hand, so that another worker need not begin again.
CREATE TABLE lomi.checkpoints (
    job_id text NOT NULL,
    media_id uuid NOT NULL,
    crashes int NOT NULL DEFAULT 0,
    decision jsonb,
    at timestamptz NOT NULL,
    PRIMARY KEY (job_id, media_id)
);
COMMENT ON COLUMN lomi.checkpoints.crashes IS 'judging processes that died while they judged this photo';
CREATE INDEX checkpoints_at ON lomi.checkpoints (at);

CREATE TABLE lomi.audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL CHECK (actor <> ''),
    action text NOT NULL CHECK (action <> ''),
    subject text NOT NULL,
    reason text NOT NULL DEFAULT '',
    before jsonb NOT NULL DEFAULT '{}',
    after jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_subject ON lomi.audit (subject, id);
CREATE INDEX audit_actor ON lomi.audit (actor, id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lomi.audit
    FOR EACH STATEMENT EXECUTE FUNCTION lomi.refuse_change();

-- Messages of later decisions. Claimed, then published, then marked: a crash in between loses a push to a person
-- rather than sending it twice, and leaves a row that says so.
CREATE TABLE lomi.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id text NOT NULL UNIQUE,
    payload text NOT NULL,
    due_at timestamptz NOT NULL,
    claimed_at timestamptz,
    published_at timestamptz,
    CONSTRAINT claimed_before_published CHECK (published_at IS NULL OR claimed_at IS NOT NULL)
);
CREATE INDEX outbox_due ON lomi.outbox (due_at) WHERE claimed_at IS NULL;
CREATE INDEX outbox_unconfirmed ON lomi.outbox (claimed_at) WHERE claimed_at IS NOT NULL AND published_at IS NULL;
