-- Which policy holds. Rows are only ever added.

-- name: activation_latest
-- What holds now; no row where nothing was ever activated.
-- out id, at, actor, reason, arms, shadows, takes_back
SELECT id, at, actor, reason, arms, shadows, takes_back
FROM lomi.policy_activations
ORDER BY id DESC
LIMIT 1;

-- name: activation_history
-- Every activation and rollback, the first one first.
-- out id, at, actor, reason, arms, shadows, takes_back
SELECT id, at, actor, reason, arms, shadows, takes_back
FROM lomi.policy_activations
ORDER BY id;

-- name: activation_lock
-- One activation at a time, until the transaction ends.
-- out locked
SELECT pg_advisory_xact_lock(hashtextextended('lomi policy activation', 0))::text AS locked;

-- name: activation_add
-- Activates.
-- in at: timestamptz
-- in actor: text
-- in reason: text
-- in arms: jsonb, [{"share", "policy"}]; [] for the configuration's
-- in shadows: jsonb, [policy]
-- in takes_back: bigint, of a rollback; null for an activation
-- out id
INSERT INTO lomi.policy_activations (at, actor, reason, arms, shadows, takes_back)
VALUES (%(at)s, %(actor)s, %(reason)s, %(arms)s, %(shadows)s, %(takes_back)s)
RETURNING id;
