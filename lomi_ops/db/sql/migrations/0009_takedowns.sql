-- oldest writer: 1
-- Decisions on photos that were approved before, by people and by runs that judge again: few among millions. Where there
-- are very many decisions already, build it before, CONCURRENTLY (docs/reports.md): then there is nothing to do here.
CREATE INDEX IF NOT EXISTS decisions_of_approved ON lomi.decisions (at) WHERE status_before = 'approved';
