-- oldest writer: 1
-- What reports look for among millions of decisions: those of people, and those that hand a photo to a person. Where
-- there are very many already, build it before, CONCURRENTLY (docs/reports.md): then there is nothing to do here.
CREATE INDEX IF NOT EXISTS decisions_notable ON lomi.decisions (at) WHERE actor <> 'worker' OR status = 'pending';
