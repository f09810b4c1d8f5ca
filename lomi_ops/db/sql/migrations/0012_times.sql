-- oldest writer: 1
-- What a job waited for beside its engines, for `lomi report latency`. Workers of before leave all three empty.
ALTER TABLE lomi.jobs
    ADD COLUMN opening_ms real,
    ADD COLUMN downloads_ms real[],
    ADD COLUMN settled_before_ms real;
COMMENT ON COLUMN lomi.jobs.opening_ms IS 'the question that a worker asks of the database before it judges';
COMMENT ON COLUMN lomi.jobs.downloads_ms IS 'each object that came, in the attempt that settled the job; in no order';
COMMENT ON COLUMN lomi.jobs.settled_before_ms IS
    'the settlement before this one, of the same slot: a statement cannot write down its own time';
