-- How rules stand, incidents, silences, and who looks.

-- name: alerts_take
-- Takes the run, or holds on to it; no row where somebody else has it.
-- in token: uuid
-- in holder: text
-- in at: timestamptz
-- in expires_at: timestamptz
-- out holder
UPDATE lomi.alert_run SET token = %(token)s, holder = %(holder)s, expires_at = %(expires_at)s
WHERE token IS NULL OR token = %(token)s OR expires_at <= %(at)s
RETURNING holder;

-- name: alerts_run
-- Who looks, and how the last look went.
-- out holder, expires_at, looked_at, silent
SELECT holder, expires_at, looked_at, silent FROM lomi.alert_run;

-- name: alerts_looked
-- Notes a look; no row where the token has been lost. The row stays locked until the transaction ends.
-- in token: uuid
-- in at: timestamptz
-- in silent: jsonb
-- out looked_at
UPDATE lomi.alert_run SET looked_at = %(at)s, silent = %(silent)s WHERE token = %(token)s RETURNING looked_at;

-- name: alerts_leave
-- Gives the run back.
-- in token: uuid
-- out nothing
UPDATE lomi.alert_run SET token = NULL, expires_at = NULL WHERE token = %(token)s;

-- name: alerts_tracks
-- How each rule stands.
-- out rule, phase, since, held_s, calm_s, judged, at, value, stale_since, recent
SELECT rule, phase, since, held_s, calm_s, judged, at, value, stale_since, recent FROM lomi.alert_tracks ORDER BY rule;

-- name: alerts_remember
-- Keeps how rules stand.
-- in tracks: jsonb, a list
-- out nothing
INSERT INTO lomi.alert_tracks (rule, phase, since, held_s, calm_s, judged, at, value, stale_since, recent)
SELECT rule, phase, since, held_s, calm_s, judged, at, value, stale_since, recent
FROM jsonb_to_recordset(%(tracks)s::jsonb) AS t (
    rule text, phase text, since timestamptz, held_s double precision, calm_s double precision, judged text,
    at timestamptz, value double precision, stale_since timestamptz, recent double precision[]
)
ON CONFLICT (rule) DO UPDATE SET
    phase = excluded.phase, since = excluded.since, held_s = excluded.held_s, calm_s = excluded.calm_s,
    judged = excluded.judged, at = excluded.at, value = excluded.value, stale_since = excluded.stale_since,
    recent = excluded.recent;

-- name: alerts_open
-- A new incident.
-- in rule: text
-- in severity: text
-- in at: timestamptz
-- in value: double precision
-- in sentence: text
-- out id
INSERT INTO lomi.alert_incidents (rule, severity, opened_at, value, sentence)
VALUES (%(rule)s, %(severity)s, %(at)s, %(value)s, %(sentence)s)
RETURNING id;

-- name: alerts_told
-- Notes that a firing notice was put out for the routes.
-- in id: bigint
-- in at: timestamptz
-- out nothing
UPDATE lomi.alert_incidents SET told_at = %(at)s, tellings = tellings + 1 WHERE id = %(id)s;

-- name: alerts_resolve
-- The end of an incident.
-- in id: bigint
-- in at: timestamptz
-- out nothing
UPDATE lomi.alert_incidents SET resolved_at = %(at)s WHERE id = %(id)s AND resolved_at IS NULL;

-- name: alerts_ack
-- Somebody knows of it; no row where it is over or does not exist.
-- in id: bigint
-- in at: timestamptz
-- in actor: text
-- in reason: text
-- out id
UPDATE lomi.alert_incidents SET acked_at = %(at)s, acked_by = %(actor)s, ack_reason = %(reason)s
WHERE id = %(id)s AND resolved_at IS NULL
RETURNING id;

-- name: alerts_incidents
-- Incidents that are open, and those that began since; the latest first.
-- in since: timestamptz, null for the open ones alone
-- in limit: bigint, rows
-- out id, rule, severity, opened_at, value, sentence, told_at, tellings, acked_at, acked_by, ack_reason, resolved_at
SELECT id, rule, severity, opened_at, value, sentence, told_at, tellings, acked_at, acked_by, ack_reason, resolved_at
FROM lomi.alert_incidents
WHERE resolved_at IS NULL OR opened_at >= %(since)s
ORDER BY resolved_at IS NOT NULL, opened_at DESC, id DESC
LIMIT %(limit)s;

-- name: alerts_incident
-- One incident.
-- in id: bigint
-- out id, rule, severity, opened_at, value, sentence, told_at, tellings, acked_at, acked_by, ack_reason, resolved_at
SELECT id, rule, severity, opened_at, value, sentence, told_at, tellings, acked_at, acked_by, ack_reason, resolved_at
FROM lomi.alert_incidents
WHERE id = %(id)s;

-- name: alerts_silence
-- A new silence.
-- in rule: text, or all
-- in actor: text
-- in reason: text
-- in at: timestamptz
-- in until: timestamptz
-- out id
INSERT INTO lomi.alert_silences (rule, actor, reason, at, until)
VALUES (%(rule)s, %(actor)s, %(reason)s, %(at)s, %(until)s)
RETURNING id;

-- name: alerts_silences
-- Silences that hold.
-- in at: timestamptz
-- out id, rule, actor, reason, at, until
SELECT id, rule, actor, reason, at, until
FROM lomi.alert_silences
WHERE lifted_at IS NULL AND until > %(at)s
ORDER BY id;

-- name: alerts_unsilence
-- Lifts silences of a rule before their time.
-- in rule: text
-- in actor: text
-- in at: timestamptz
-- out id
UPDATE lomi.alert_silences SET lifted_at = %(at)s, lifted_by = %(actor)s
WHERE rule = %(rule)s AND lifted_at IS NULL AND until > %(at)s
RETURNING id;
