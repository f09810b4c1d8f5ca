-- What `lomi jobs` keeps: what was submitted by whom, and how jobs ended of which the ledger hears nothing.

-- When a job was first seen and claimed last, by the queue's clock, and on which machine it was settled.
ALTER TABLE lomi.jobs
    ADD COLUMN first_seen_at timestamptz,
    ADD COLUMN claimed_at timestamptz,
    ADD COLUMN host text,
    ADD COLUMN took_ms double precision;
COMMENT ON COLUMN lomi.jobs.took_ms IS 'from the last claim to the settling, by the clock of the worker';

-- One row per `lomi jobs submit`, written before anything is pushed.
CREATE TABLE lomi.submissions (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL CHECK (actor <> ''),
    asked jsonb NOT NULL,
    fingerprint text NOT NULL,
    priority smallint NOT NULL,
    per_minute double precision CHECK (per_minute > 0),
    photos int NOT NULL,
    jobs int NOT NULL,
    cancelled_at timestamptz,
    cancelled_by text
);
COMMENT ON COLUMN lomi.submissions.asked IS 'how the photos were named: {"named": n} or {"prefix": text}; and what was left alone';
COMMENT ON COLUMN lomi.submissions.fingerprint IS 'sha256 of the request: the same id with another one is refused';
COMMENT ON COLUMN lomi.submissions.priority IS '0 bulk, 1 normal, 2 high';
COMMENT ON COLUMN lomi.submissions.per_minute IS 'photos a minute; null: at once';
CREATE INDEX submissions_at ON lomi.submissions (at);

-- Its jobs, in the order in which they are pushed: enough to push one again after Redis has forgotten it.
CREATE TABLE lomi.submitted_jobs (
    submission_id uuid NOT NULL REFERENCES lomi.submissions,
    seq int NOT NULL,
    job_id text NOT NULL UNIQUE,
    batch_id uuid NOT NULL,
    user_id uuid NOT NULL,
    telegram_id bigint NOT NULL,
    media_ids uuid[] NOT NULL,
    object_keys text[] NOT NULL,
    PRIMARY KEY (submission_id, seq)
);

-- Jobs that ended without the ledger (dead, cancelled, lost) and what was done about them (requeued, purged), as the
-- queue told it. `entry` is the id in its stream: a row that is told twice is kept once.
CREATE TABLE lomi.job_ends (
    job_id text NOT NULL,
    entry text NOT NULL,
    what text NOT NULL,
    at timestamptz NOT NULL,
    note text NOT NULL DEFAULT '',
    user_id uuid,
    batch_id uuid,
    photos int NOT NULL DEFAULT 0,
    slot text NOT NULL DEFAULT '',
    host text NOT NULL DEFAULT '',
    attempt int NOT NULL DEFAULT 0,
    first_seen_at timestamptz,
    claimed_at timestamptz,
    error_class text NOT NULL DEFAULT '',
    error text NOT NULL DEFAULT '',
    PRIMARY KEY (job_id, entry)
);
COMMENT ON COLUMN lomi.job_ends.note IS 'the code of a dead letter';
CREATE INDEX job_ends_at ON lomi.job_ends (at);
