-- What each route is to be told.

-- name: deliveries_put
-- Adds a message; the same one only once, and no repeat while the route has yet to get an earlier one.
-- in incident_id: bigint
-- in route: text
-- in notice: text
-- in telling: int
-- in facts: jsonb
-- in at: timestamptz
-- in due_at: timestamptz
-- out nothing
INSERT INTO lomi.alert_deliveries (incident_id, route, notice, telling, facts, made_at, due_at)
SELECT %(incident_id)s, %(route)s, %(notice)s, %(telling)s, %(facts)s, %(at)s, %(due_at)s
WHERE %(notice)s::text <> 'repeat' OR NOT EXISTS (
    SELECT FROM lomi.alert_deliveries AS e
    WHERE e.incident_id = %(incident_id)s AND e.route = %(route)s AND e.outcome IS NULL
)
ON CONFLICT (incident_id, route, notice, telling) DO NOTHING;

-- name: deliveries_withdraw
-- Takes back messages of an incident that nobody has begun to send.
-- in incident_id: bigint
-- in at: timestamptz
-- out nothing
UPDATE lomi.alert_deliveries SET outcome = 'withdrawn', ended_at = %(at)s
WHERE incident_id = %(incident_id)s AND outcome IS NULL AND attempts = 0;

-- name: deliveries_heard
-- Routes that have heard of an incident, or may have, or will.
-- in incident_id: bigint
-- out route
SELECT DISTINCT route FROM lomi.alert_deliveries
WHERE incident_id = %(incident_id)s AND notice <> 'resolved' AND (outcome = 'sent' OR outcome IS NULL)
ORDER BY route;

-- name: deliveries_claim
-- Takes the next message of a route, past those that somebody else is sending; of one incident in order.
-- in route: text
-- in at: timestamptz
-- in until: timestamptz, of the claim
-- out id, incident_id, route, notice, facts, made_at, attempts
WITH due AS MATERIALIZED (
    SELECT d.id FROM lomi.alert_deliveries AS d
    WHERE d.route = %(route)s AND d.outcome IS NULL AND d.due_at <= %(at)s
        AND (d.claimed_until IS NULL OR d.claimed_until <= %(at)s)
        AND NOT EXISTS (
            SELECT FROM lomi.alert_deliveries AS e
            WHERE e.incident_id = d.incident_id AND e.route = d.route AND e.outcome IS NULL AND e.id < d.id
        )
    ORDER BY d.id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE lomi.alert_deliveries AS d SET claimed_until = %(until)s, attempts = d.attempts + 1
FROM due
WHERE d.id = due.id
RETURNING d.id, d.incident_id, d.route, d.notice, d.facts, d.made_at, d.attempts;

-- name: deliveries_ended
-- Notes what became of a claimed message.
-- in id: bigint
-- in outcome: text
-- in at: timestamptz
-- in error: text
-- out nothing
UPDATE lomi.alert_deliveries
SET outcome = %(outcome)s, ended_at = %(at)s, error = %(error)s, claimed_until = NULL
WHERE id = %(id)s AND outcome IS NULL;

-- name: deliveries_again
-- A claimed message could not be sent: it is tried again later.
-- in id: bigint
-- in due_at: timestamptz
-- in error: text
-- out nothing
UPDATE lomi.alert_deliveries SET due_at = %(due_at)s, error = %(error)s, claimed_until = NULL
WHERE id = %(id)s AND outcome IS NULL;

-- name: deliveries_of
-- What routes were told of incidents.
-- in ids: bigint[]
-- out incident_id, route, notice, attempts, outcome, made_at, due_at, ended_at, error
SELECT incident_id, route, notice, attempts, outcome, made_at, due_at, ended_at, error
FROM lomi.alert_deliveries
WHERE incident_id = ANY(%(ids)s::bigint[])
ORDER BY incident_id, id;
