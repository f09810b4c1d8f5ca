-- oldest writer: 1
-- What `lomi alerts` keeps: how each rule stands, incidents, who has been told what, and what nobody wants to hear.

-- Who looks now. Whoever holds the token may write until it expires.
CREATE TABLE lomi.alert_run (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    token uuid,
    holder text NOT NULL DEFAULT '',
    expires_at timestamptz,
    looked_at timestamptz,
    silent jsonb NOT NULL DEFAULT '{}'
);
INSERT INTO lomi.alert_run DEFAULT VALUES;
COMMENT ON COLUMN lomi.alert_run.silent IS 'sources that did not answer at the last look, and why';

-- How a rule stands after the last look.
CREATE TABLE lomi.alert_tracks (
    rule text PRIMARY KEY,
    phase text NOT NULL CHECK (phase IN ('ok', 'pending', 'firing')),
    since timestamptz,
    held_s double precision NOT NULL,
    calm_s double precision NOT NULL,
    judged text NOT NULL,
    at timestamptz NOT NULL,
    value double precision,
    stale_since timestamptz,
    recent double precision[] NOT NULL
);
COMMENT ON COLUMN lomi.alert_tracks.held_s IS 'so long it has been seen bad, while pending';
COMMENT ON COLUMN lomi.alert_tracks.calm_s IS 'so long it has been seen well, while firing';

CREATE TABLE lomi.alert_incidents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('warning', 'critical')),
    opened_at timestamptz NOT NULL,
    value double precision,
    sentence text NOT NULL,
    told_at timestamptz,
    tellings int NOT NULL DEFAULT 0,
    acked_at timestamptz,
    acked_by text NOT NULL DEFAULT '',
    ack_reason text NOT NULL DEFAULT '',
    resolved_at timestamptz
);
COMMENT ON COLUMN lomi.alert_incidents.told_at IS 'when the last firing notice was put out for the routes; null while silenced';
CREATE UNIQUE INDEX alert_incidents_open ON lomi.alert_incidents (rule) WHERE resolved_at IS NULL;
CREATE INDEX alert_incidents_opened_at ON lomi.alert_incidents (opened_at);

-- What each route is to be told, in order. A message is claimed before it is sent and marked afterwards: who dies in
-- between leaves a claim that expires, and it is sent once more.
CREATE TABLE lomi.alert_deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES lomi.alert_incidents (id),
    route text NOT NULL,
    notice text NOT NULL CHECK (notice IN ('firing', 'repeat', 'resolved')),
    telling int NOT NULL,
    facts jsonb NOT NULL,
    made_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    claimed_until timestamptz,
    outcome text CHECK (outcome IN ('sent', 'given_up', 'withdrawn')),
    ended_at timestamptz,
    error text NOT NULL DEFAULT '',
    UNIQUE (incident_id, route, notice, telling)
);
COMMENT ON COLUMN lomi.alert_deliveries.telling IS 'which telling of the incident: the same one is put out once, however often it is tried';
COMMENT ON COLUMN lomi.alert_deliveries.outcome IS 'withdrawn: it was over before anybody was told';
CREATE INDEX alert_deliveries_due ON lomi.alert_deliveries (route, due_at) WHERE outcome IS NULL;

CREATE TABLE lomi.alert_silences (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule text NOT NULL,
    actor text NOT NULL CHECK (actor <> ''),
    reason text NOT NULL CHECK (reason <> ''),
    at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    lifted_at timestamptz,
    lifted_by text NOT NULL DEFAULT ''
);
COMMENT ON COLUMN lomi.alert_silences.rule IS 'or all';
CREATE INDEX alert_silences_until ON lomi.alert_silences (until) WHERE lifted_at IS NULL;
